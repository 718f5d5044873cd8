// An unmodified program that uses libbpf, in containers of real runtimes: newer versions of the
// library make and use a token by themselves.
#include <filesystem>

#include "tests/engines/token_test.h"
#include "tests/support/machine/engine_machine.h"

namespace pinscope::test {
namespace {

namespace fs = std::filesystem;

// Two releases of the library: trixie has libbpf 1.5, the first that makes tokens by itself, forky
// a newer one.
class Libbpf : public TokenTest {
 protected:
  void SetUp() override {
    TokenTest::SetUp();
    if (IsSkipped()) return;
    for (const char* suite : {"trixie-libbpf", "forky-libbpf"})
      if (const auto why = why_no_suite(suite); !why.empty()) GTEST_SKIP() << why;
    if (!fs::exists(PINSCOPE_LOADER_DIR "/named.bpf.o"))
      GTEST_SKIP() << "no clang was there to make the BPF objects";
  }

  CommandResult load(const std::string& suite, bool capable = true,
                     const std::vector<std::string>& more = {}) {
    RuntimeContainer container(GetParam());
    furnish(container);
    for (const auto& capability : more) container.spec.capabilities.push_back(capability);
    if (!capable) std::erase(container.spec.capabilities, "CAP_BPF");
    const fs::path image = container.image();
    const fs::path libraries = suite_directory(suite) + "/usr/lib/" PINSCOPE_ARCHITECTURE;
    fs::create_directories(image / "lib64");
    fs::create_directories(image / "lib" / PINSCOPE_ARCHITECTURE);
    for (const char* name :
         {"libc.so.6", "libbpf.so.1", "libelf.so.1", "libz.so.1", "libzstd.so.1"})
      fs::copy_file(libraries / name, image / "lib" / PINSCOPE_ARCHITECTURE / name);
    for (const auto& entry : fs::directory_iterator(libraries))
      if (entry.path().filename().string().starts_with("ld-linux"))
        for (const char* directory : {"lib64", "lib"})
          fs::copy_file(entry.path(), image / directory / entry.path().filename());
    std::vector<std::string> argv = {"/pinscope_loader"};
    for (const char* name :
         {"pinscope_loader", "named.bpf.o", "other_map.bpf.o", "other_program.bpf.o"}) {
      fs::copy_file(fs::path(PINSCOPE_LOADER_DIR) / name, image / name);
      if (argv.front() != std::string("/") + name) argv.push_back(std::string("/") + name);
    }
    container.spec.args = argv;
    installation_.hook_into(container.spec);
    return container.run();
  }
};

TEST_P(Libbpf, LoadsWithTheTokenWhatThePolicyNames) {
  delegate();
  for (const std::string suite : {"trixie-libbpf", "forky-libbpf"}) {
    SCOPED_TRACE(suite);
    const auto result = load(suite);
    EXPECT_EQ(answer(result, "load /named.bpf.o"), "ok")
        << result << installation_.last_audit().error;
    EXPECT_EQ(answer(result, "load /other_map.bpf.o"), "EPERM") << result;
    EXPECT_EQ(answer(result, "load /other_program.bpf.o"), "EPERM") << result;
  }
}

TEST_P(Libbpf, LoadsNothingWithoutTheCapability) {
  delegate();
  EXPECT_EQ(answer(load("trixie-libbpf", false), "load /named.bpf.o"), "EPERM");
}

// The library tries a socket filter with the token before it loads anything: `check` says so.
TEST_P(Libbpf, LoadsNothingWithoutSocketFilter) {
  for (const bool tries : {true, false}) {
    installation_.write_policy(policy_text(
        std::string("select: {}\ndelegate: {commands: [map_create, prog_load, btf_load], maps: "
                    "[hash, array], programs: [sock_ops") +
        (tries ? ", socket_filter" : "") + "], programsReach: whole-machine}\n"));
    for (const std::string suite : {"trixie-libbpf", "forky-libbpf"}) {
      SCOPED_TRACE(suite + (tries ? " with" : " without"));
      const auto result = load(suite, true, {"CAP_NET_ADMIN"});
      EXPECT_EQ(answer(result, "load /other_program.bpf.o"), tries ? "ok" : "EPERM") << result;
    }
  }
}

TEST_P(Libbpf, LoadsNothingWithoutDelegation) {
  installation_.write_policy(policy_text("select: {}\nview: {hostBpffs: mask}\n"));
  for (const bool capable : {true, false})
    EXPECT_EQ(answer(load("trixie-libbpf", capable), "load /named.bpf.o"), "EPERM") << capable;
}

PINSCOPE_EACH_RUNTIME(Libbpf);

}  // namespace
}  // namespace pinscope::test
