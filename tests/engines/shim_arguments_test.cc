// What pinscope-runtime passes on it passes on exactly, and of the bundle it changes one file.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <sys/stat.h>

#include <sched.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <filesystem>

#include "plugin/base/text.h"
#include "plugin/json/json.h"
#include "tests/engines/shim_alone.h"
#include "tests/support/machine/check.h"

namespace pinscope::test {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;

// The shim is linked statically and knows no such variable; a sanitizer's build is not.
#if defined(__SANITIZE_ADDRESS__)
constexpr const char* kPreload = "LD_BIND_NOW=1";
#else
constexpr const char* kPreload = "LD_PRELOAD=/nowhere.so";
#endif

// The same call with and without the shim, both with the strangest start that an engine gives.
TEST_F(ShimAlone, PassesEverythingOnAsItWas) {
  select_everything();
  const auto record = [&](std::vector<std::string> line) {
    Command command(std::move(line));
    command
        .environment({kPreload, "_=odd", "A=1", "A=2", "NOTIFY_SOCKET=/x", "LISTEN_FDS=1",
                      "GLIBC_TUNABLES=x"})
        .directory(bundle())
        .before_exec([] {
          ::signal(SIGPIPE, SIG_IGN);
          sigset_t blocked;
          sigemptyset(&blocked);
          sigaddset(&blocked, SIGUSR2);
          sigprocmask(SIG_BLOCK, &blocked, nullptr);
          umask(0123);
          ::open("/dev/null", O_RDONLY);
          dup2(::open("/dev/null", O_RDWR | O_APPEND), 9);
          ::close(STDIN_FILENO);
        });
    return command.run();
  };
  const std::vector<std::vector<std::string>> lines = {
      {"create", "--bundle", ".", "--pid-file", "", "id"},
      {"--root", "/r", "--log", "/dev/null", "create", "-b", bundle(), "--", "--odd"},
      {"state", "id"},
      {"--version"},
      {},
      {"exec", "--process", "/p", "id", "--bundle", "/nowhere", "create", "\xff\n"},
      {"run", ""},
      {"features"},
      {"create", "--help"}};
  for (const auto& arguments : lines) {
    auto plain = arguments;
    plain.insert(plain.begin(), runtime());
    const auto with = record(argv(arguments));
    const auto without = record(plain);
    EXPECT_EQ(with.status, 0) << with;
    EXPECT_EQ(with.out, without.out) << testing::PrintToString(arguments);
    EXPECT_EQ(with.err, without.err);
  }
}

TEST_F(ShimAlone, EndsWithTheStatusOfTheRuntime) {
  const auto result =
      Command(argv({"state", "x"})).environment({"RECORDER_STATUS=37"}).directory(bundle()).run();
  EXPECT_EQ(result.status, 37);
}

TEST_F(ShimAlone, IsOnlyAPassageForWhoIsNotRoot) {
  select_everything();
  const std::string before = config();
  chmod(directory_.path().c_str(), 0755);
  const auto result = Command(argv({"create", "id"}))
                          .directory(bundle())
                          .before_exec([] { check(::setuid(1000), "setuid"); })
                          .run();
  EXPECT_EQ(result.status, 0) << result;
  EXPECT_EQ(config(), before);
  // And so for a user's own engine.
  const auto inside = Command(argv({"create", "id"}))
                          .directory(bundle())
                          .before_exec([] { check(::unshare(CLONE_NEWUSER), "unshare"); })
                          .run();
  EXPECT_EQ(inside.status, 0) << inside;
  EXPECT_EQ(config(), before);
}

// runc reads options behind the id as well, and takes the last --bundle.
TEST_F(ShimAlone, FindsTheBundleWhereverItIsOnTheCommandLine) {
  select_everything();
  const std::string decoy = config();
  directory_.make_directory("real");
  const std::string real = directory_.path("real");
  for (const std::vector<std::string>& arguments :
       {std::vector<std::string>{"run", "id", "--bundle", real},
        {"create", "-b", bundle(), "id", "-b=" + real}}) {
    SCOPED_TRACE(testing::PrintToString(arguments));
    write_file(real + "/config.json", decoy);
    ASSERT_THAT(call(arguments), Succeeds());
    EXPECT_THAT(read_file(real + "/config.json"), HasSubstr("createRuntime"));
    EXPECT_EQ(config(), decoy);
  }
}

TEST_F(ShimAlone, HandsItsOptionsOnToTheHooks) {
  select_everything();
  ASSERT_THAT(call({"create", "id"}), Succeeds());
  const auto json = JsonDocument::parse(config(), "config", ErrorCode::kConfigInvalid);
  for (const char* stage : {"createRuntime", "poststop"}) {
    const auto hooks = json->root().find("hooks").value()->find(stage).value()->elements().value();
    ASSERT_EQ(hooks.size(), 1U);
    std::vector<std::string> arguments;
    const auto values = hooks[0].find("args").value()->elements().value();
    for (const auto& argument : values) arguments.emplace_back(argument.as_string().value());
    auto expected = installation_.hook_argv(stage);
    EXPECT_EQ(hooks[0].string_or("path", "").value(), expected[0]);
    expected[0] = "pinscope-hook";
    EXPECT_EQ(arguments, expected);
    EXPECT_EQ(hooks[0].find("env").value()->elements().value().size(), 1U);
  }
}

TEST_F(ShimAlone, KnowsItsEngineByItsName) {
  select_everything();
  const auto engine_in_config = [&](const std::vector<std::string>& line) {
    write_config(R"({"root":{"path":"rootfs"}})");
    EXPECT_THAT(Command(line).directory(bundle()).run(), Succeeds());
    const std::string text = config();
    const size_t at = text.find("\"--engine\",\"");
    return at == std::string::npos ? "" : text.substr(at + 12, text.find('"', at + 12) - at - 12);
  };
  for (const char* engine : {"docker", "containerd", "crio", "podman"}) {
    const std::string link = directory_.path(std::string("bin/pinscope-runtime-") + engine);
    fs::create_symlink(kShim, link);
    EXPECT_EQ(engine_in_config(argv({"create", "id"}, link)), engine);
    auto line = argv({"create", "id"}, link);
    line.insert(line.begin() + 1, {"--pinscope-engine", "crio"});
    EXPECT_EQ(engine_in_config(line), "crio");
  }
  EXPECT_EQ(engine_in_config(argv({"create", "id"})), "");
  const std::string link = directory_.path("bin/pinscope-runtime-rkt");
  fs::create_symlink(kShim, link);
  const auto unknown = Command(argv({"create", "id"}, link)).directory(bundle()).run();
  EXPECT_EQ(unknown.status, 1);
  EXPECT_EQ(unknown.err,
            "pinscope-runtime: cannot use these arguments: there is no engine \"rkt\" (see "
            "pinscope-runtime --pinscope-help)\n");
}

TEST_F(ShimAlone, KeepsOwnerAndModeOfTheConfiguration) {
  select_everything();
  const std::string path = bundle() + "/config.json";
  check(chown(path.c_str(), 1000, 1001), "chown");
  check(chmod(path.c_str(), 0640), "chmod");
  ASSERT_THAT(call({"create", "id"}), Succeeds());
  struct stat status {};
  check(stat(path.c_str(), &status), "stat");
  EXPECT_EQ(status.st_uid, 1000U);
  EXPECT_EQ(status.st_gid, 1001U);
  EXPECT_EQ(status.st_mode & 07777U, 0640U);
  EXPECT_THAT(config(), HasSubstr("pinscope-hook"));
  EXPECT_EQ(files(), std::vector<std::string>{"config.json"});
}

// What config.json leads to may be another container's, or no container's at all.
TEST_F(ShimAlone, DoesNotWriteThroughASymbolicLink) {
  select_everything();
  const std::string target = directory_.write("elsewhere.json", config());
  fs::remove(bundle() + "/config.json");
  fs::create_symlink(target, bundle() + "/config.json");
  const std::string before = read_file(target);
  ASSERT_THAT(call({"create", "id"}), Succeeds());
  EXPECT_EQ(read_file(target), before);
  EXPECT_FALSE(fs::is_symlink(bundle() + "/config.json"));
  EXPECT_THAT(config(), HasSubstr("pinscope-hook"));
}

TEST_F(ShimAlone, ChangesTheSameBundleFromManySides) {
  select_everything();
  ASSERT_THAT(installation_.compile(), Succeeds());
  std::vector<pid_t> children;
  for (int i = 0; i < 12; ++i) {
    const pid_t child = ::fork();
    if (child == 0) ::_exit(call({"create", "id"}).status);
    children.push_back(child);
  }
  for (const pid_t child : children) {
    int status = 0;
    check(::waitpid(child, &status, 0), "waitpid");
    EXPECT_EQ(status, 0);
  }
  const auto json = JsonDocument::parse(config(), "config", ErrorCode::kConfigInvalid);
  ASSERT_TRUE(json) << config();
  EXPECT_EQ(json->root().find("hooks").value()->find("poststop").value()->elements()->size(), 1U);
  EXPECT_EQ(files(), std::vector<std::string>{"config.json"});
}

}  // namespace
}  // namespace pinscope::test
