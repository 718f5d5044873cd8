# How every target of this tree is compiled, and the one way a room becomes a library.

add_library(pinscope_flags INTERFACE)
target_compile_features(pinscope_flags INTERFACE cxx_std_23)
target_compile_options(pinscope_flags INTERFACE
  -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wsign-conversion -Wnon-virtual-dtor
  -Woverloaded-virtual -Wimplicit-fallthrough -Wformat=2 -Werror
  -fstack-protector-strong -ffunction-sections -fdata-sections)
target_compile_definitions(pinscope_flags INTERFACE
  _GNU_SOURCE PINSCOPE_VERSION="${PROJECT_VERSION}")
target_link_options(pinscope_flags INTERFACE -Wl,--gc-sections -Wl,-z,relro,-z,now)
# Rooms name each other from the root of the tree: #include "plugin/base/fd.h".
target_include_directories(pinscope_flags INTERFACE ${PROJECT_SOURCE_DIR} ${PROJECT_BINARY_DIR})

if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU" AND CMAKE_CXX_COMPILER_VERSION VERSION_LESS 13)
  # False positives in std::string (GCC bug 105651), and in what a macro moves out of std::expected.
  target_compile_options(pinscope_flags INTERFACE -Wno-restrict -Wno-maybe-uninitialized)
endif()
if(CMAKE_CXX_COMPILER_ID MATCHES "Clang")
  # libstdc++ hides std::expected from clang before 19, which reports an older __cpp_concepts but
  # compiles the header.
  target_compile_options(pinscope_flags INTERFACE
    -Wno-builtin-macro-redefined -Wno-macro-redefined -D__cpp_concepts=202002L)
endif()

# Links sanitized programs in a quarter of the time.
find_program(PINSCOPE_LLD ld.lld)
if(PINSCOPE_SANITIZE)
  target_compile_options(pinscope_flags INTERFACE
    -fsanitize=${PINSCOPE_SANITIZE} -fno-sanitize-recover=all -fno-omit-frame-pointer)
  # What the undefined-behaviour sanitizer says is millions of pointers, each a relocation whenever a
  # program starts that may be anywhere: half of the time that it takes to start.
  target_link_options(pinscope_flags INTERFACE -fsanitize=${PINSCOPE_SANITIZE} -no-pie
    $<$<BOOL:${PINSCOPE_LLD}>:-fuse-ld=lld>)
else()
  target_compile_definitions(pinscope_flags INTERFACE $<$<CONFIG:Release>:_FORTIFY_SOURCE=2>)
endif()

if(PINSCOPE_FUZZ)
  # Coverage feedback in every room; only the targets of tests/fuzz link libFuzzer's main.
  target_compile_options(pinscope_flags INTERFACE -fsanitize=fuzzer-no-link)
endif()

# What only tests are made of is built to be built quickly: nobody waits for it.
add_library(pinscope_test_flags INTERFACE)
target_compile_options(pinscope_test_flags INTERFACE -O0 -U_FORTIFY_SOURCE)
target_link_options(pinscope_test_flags INTERFACE $<$<BOOL:${PINSCOPE_LLD}>:-fuse-ld=lld>)

# Headers that most files include, compiled once. A file includes what it needs all the same: the fuzz
# build and clang-tidy read the sources without this.
option(PINSCOPE_PRECOMPILE "Compile headers that most files include once" ON)
if(PINSCOPE_PRECOMPILE AND CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  # libstdc++ silences these in <string> by a pragma, which GCC forgets when it precompiles.
  target_compile_options(pinscope_flags INTERFACE
    -Wno-array-bounds -Wno-stringop-overflow -Wno-stringop-overread)
endif()

# Tests, and rooms that sanitizers look at, are compiled several sources at a time (CMake calls it a unity
# build): most of a test's compilation is templates of GoogleTest, which are then instantiated once.
# What is installed is compiled source by source.
option(PINSCOPE_UNITY "Compile several sources of tests and of sanitized rooms at a time" ON)

function(pinscope_together target)
  if(PINSCOPE_UNITY)
    set_target_properties(${target} PROPERTIES UNITY_BUILD ON UNITY_BUILD_BATCH_SIZE 8)
    if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
      # GCC takes a source that another includes for a header.
      target_compile_options(${target} PRIVATE -Wno-subobject-linkage)
    endif()
  endif()
endfunction()

# pinscope_apart(<file>...): sources of this directory that are compiled alone all the same, because a
# name that nobody else sees is in another of them as well.
function(pinscope_apart)
  set_source_files_properties(${ARGN} PROPERTIES SKIP_UNITY_BUILD_INCLUSION ON)
endfunction()

# pinscope_headers(<name> HEADERS <header>... [LINK <library>...]): what pinscope_precompile(<target> <name>)
# takes, if the target links the same.
function(pinscope_headers name)
  cmake_parse_arguments(arg "" "" "HEADERS;LINK" ${ARGN})
  if(PINSCOPE_PRECOMPILE)
    set(source ${PROJECT_BINARY_DIR}/${name}.cc)
    file(CONFIGURE OUTPUT ${source} CONTENT "")
    add_library(${name} OBJECT ${source})
    target_precompile_headers(${name} PRIVATE ${arg_HEADERS})
    target_link_libraries(${name} PRIVATE pinscope_flags ${arg_LINK})
  endif()
endfunction()

function(pinscope_precompile target name)
  if(TARGET ${name})
    target_precompile_headers(${target} REUSE_FROM ${name})
  endif()
endfunction()

pinscope_headers(pinscope_headers HEADERS <algorithm> <array> <chrono> <expected> <functional> <map>
  <memory> <optional> <span> <string> <string_view> <utility> <variant> <vector>)

# pinscope_library(<name> SOURCES <file>... [LINK <public>...] [PRIVATE <private>...])
function(pinscope_library name)
  cmake_parse_arguments(arg "" "" "SOURCES;LINK;PRIVATE" ${ARGN})
  add_library(${name} STATIC ${arg_SOURCES})
  target_link_libraries(${name} PUBLIC pinscope_flags ${arg_LINK} PRIVATE ${arg_PRIVATE})
  pinscope_precompile(${name} pinscope_headers)
  if(PINSCOPE_SANITIZE)
    pinscope_together(${name})
  endif()
endfunction()

# pinscope_test_library(...): the same, of what tests share.
function(pinscope_test_library name)
  cmake_parse_arguments(arg "" "" "SOURCES;LINK;PRIVATE" ${ARGN})
  add_library(${name} STATIC ${arg_SOURCES})
  target_link_libraries(${name} PUBLIC pinscope_flags ${arg_LINK}
    PRIVATE ${arg_PRIVATE} pinscope_test_flags)
  pinscope_precompile(${name} pinscope_test_headers)
  pinscope_together(${name})
endfunction()

# pinscope_program(<name> SOURCES <file>... LINK <library>... [STATIC]): a program in bin/.
# STATIC holds for release builds only: sanitizers need the dynamic loader.
function(pinscope_program name)
  cmake_parse_arguments(arg "STATIC" "" "SOURCES;LINK" ${ARGN})
  add_executable(${name} ${arg_SOURCES})
  target_link_libraries(${name} PRIVATE pinscope_flags ${arg_LINK})
  pinscope_precompile(${name} pinscope_headers)
  set_target_properties(${name} PROPERTIES
    RUNTIME_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/bin)
  if((arg_STATIC OR PINSCOPE_STATIC) AND NOT PINSCOPE_SANITIZE)
    target_link_options(${name} PRIVATE -static -no-pie)
  endif()
endfunction()

# pinscope_test(<suite> <name> SOURCES <file>... LINK <library>...): a GoogleTest program whose cases
# become tests called <suite>.<Case>, with the label <suite>. Suites that need root run one at a time.
# OLD_KERNEL: once more as <suite>.OldKernel.<Case>, with the newer system calls refused; not with
# sanitizers, which find nothing more in it and take long. OWN_MAIN: of a suite that needs root, with
# a main() of its own.
function(pinscope_test suite name)
  cmake_parse_arguments(arg "OLD_KERNEL;OWN_MAIN" "" "SOURCES;LINK" ${ARGN})
  add_executable(${name} ${arg_SOURCES})
  target_link_libraries(${name} PRIVATE pinscope_flags ${arg_LINK} pinscope_test_flags)
  pinscope_precompile(${name} pinscope_test_headers)
  pinscope_together(${name})
  # Seconds. A sanitized program takes fifty times as long to start, and some tests of the suite
  # "fault" start one for each system call of the hook.
  set(timeout 120)
  if(PINSCOPE_SANITIZE)
    set(timeout 1200)
  endif()
  set(properties LABELS ${suite} TIMEOUT ${timeout})
  if(suite MATCHES "^(unit|golden)$")
    target_link_libraries(${name} PRIVATE GTest::gmock_main)
  else()
    # A main() that gives each test process namespaces of its own: tests/support/machine/root_main.cc.
    if(NOT arg_OWN_MAIN)
      target_link_libraries(${name} PRIVATE pinscope_root_main)
    endif()
    list(APPEND properties RESOURCE_LOCK root)
  endif()
  gtest_discover_tests(${name} TEST_PREFIX "${suite}." NO_PRETTY_VALUES PROPERTIES ${properties}
    DISCOVERY_TIMEOUT 60)
  if(arg_OLD_KERNEL AND NOT PINSCOPE_SANITIZE)
    gtest_discover_tests(${name} TEST_PREFIX "${suite}.OldKernel." NO_PRETTY_VALUES
      TEST_LIST ${name}_old_kernel
      PROPERTIES ${properties} ENVIRONMENT PINSCOPE_OLD_KERNEL=${suite} DISCOVERY_TIMEOUT 60)
    add_dependencies(${name} on_old_kernel)
  endif()
endfunction()
