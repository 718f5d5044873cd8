# pinscope_embed(<variable> NAMESPACE <namespace> HEADER <header> FILES <constant> <file>...): makes a
# source that defines each constant, a std::string_view that the header declares, as the text of its
# file; the variable becomes the name of that source.
function(pinscope_embed variable)
  cmake_parse_arguments(arg "" "NAMESPACE;HEADER" "FILES" ${ARGN})
  set(source "#include \"${arg_HEADER}\"\n\nnamespace ${arg_NAMESPACE} {\n\n")
  while(arg_FILES)
    list(POP_FRONT arg_FILES constant file)
    set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${file})
    file(READ ${file} text)
    string(APPEND source
      "const std::string_view ${constant} = R\"embedded(${text})embedded\";\n")
  endwhile()
  string(APPEND source "\n}  // namespace ${arg_NAMESPACE}\n")
  get_filename_component(name ${arg_HEADER} NAME_WE)
  file(CONFIGURE OUTPUT ${name}.cc CONTENT "${source}" @ONLY)
  set(${variable} ${CMAKE_CURRENT_BINARY_DIR}/${name}.cc PARENT_SCOPE)
endfunction()
