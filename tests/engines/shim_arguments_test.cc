// pinscope-runtime in front of a program that says how it was started: what is passed on is passed
// on exactly, and what is refused is refused where an engine sees it.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <sys/mount.h>
#include <sys/stat.h>

#include <sched.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <filesystem>

#include "plugin/base/json.h"
#include "plugin/base/text.h"
#include "tests/engines/shim_test.h"
#include "tests/support/check.h"

namespace pinscope::test {
namespace {

namespace fs = std::filesystem;
using testing::EndsWith;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

class ShimAlone : public testing::Test {
 protected:
  ShimAlone() {
    directory_.make_directory("bundle");
    directory_.make_directory("bin");
    fs::copy_file(PINSCOPE_RECORDER, runtime());
    write_config(R"({"ociVersion":"1.0.2","root":{"path":"rootfs"}})");
  }

  std::string runtime(const std::string& name = "runc") const {
    return directory_.path("bin/" + name);
  }
  std::string bundle() const { return directory_.path("bundle"); }
  std::string config() const { return read_file(bundle() + "/config.json"); }
  void write_config(const std::string& text) { write_file(bundle() + "/config.json", text); }
  void select_everything() {
    installation_.write_policy(policy_text("select: {}\ngrants: [{pin: /sys/fs/bpf/a}]\n"));
  }

  std::vector<std::string> argv(const std::vector<std::string>& arguments,
                                const std::string& shim = kShim) const {
    std::vector<std::string> all = {shim,
                                    "--pinscope-policy=" + installation_.policy_directory(),
                                    "--pinscope-state-dir=" + installation_.state_directory(),
                                    "--pinscope-cache-dir=" + installation_.cache_directory(),
                                    "--pinscope-audit=" + installation_.audit_path(),
                                    "--pinscope-runtime=" + runtime()};
    all.insert(all.end(), arguments.begin(), arguments.end());
    return all;
  }
  CommandResult call(const std::vector<std::string>& arguments) const {
    return Command(argv(arguments)).directory(bundle()).run();
  }

  // The call is refused with this on stderr and in the audit trail, and the bundle is as it was.
  void expect_refused(const std::vector<std::string>& arguments, const std::string& reason,
                      const std::string& code) {
    const std::string before = config();
    const auto result = call(arguments);
    EXPECT_EQ(result.status, 1) << result;
    EXPECT_EQ(result.out, "");
    EXPECT_EQ(result.err, "pinscope-runtime: " + reason + "\n");
    const auto line = installation_.last_audit();
    EXPECT_EQ(line.outcome, "refused");
    EXPECT_EQ(line.stage, "shim");
    EXPECT_EQ(line.code, code);
    EXPECT_EQ(line.error, reason);
    EXPECT_EQ(config(), before);
    EXPECT_EQ(files(), std::vector<std::string>{"config.json"});
  }

  std::vector<std::string> files() const {
    std::vector<std::string> names;
    for (const auto& entry : fs::directory_iterator(bundle()))
      names.push_back(entry.path().filename());
    return names;
  }

  TempDirectory directory_;
  Installation installation_;
};

// The same call with and without the shim, both with the strangest start that an engine gives.
TEST_F(ShimAlone, PassesEverythingOnAsItWas) {
  select_everything();
  const auto record = [&](std::vector<std::string> line) {
    Command command(std::move(line));
    command
        .environment({"LD_PRELOAD=/nowhere.so", "_=odd", "A=1", "A=2", "NOTIFY_SOCKET=/x",
                      "LISTEN_FDS=1", "GLIBC_TUNABLES=x"})
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
  // And root of a user namespace is not root here.
  const auto inside = Command(argv({"create", "id"}))
                          .directory(bundle())
                          .before_exec([] { check(::unshare(CLONE_NEWUSER), "unshare"); })
                          .run();
  EXPECT_EQ(inside.status, 0) << inside;
  EXPECT_EQ(config(), before);
}

TEST_F(ShimAlone, HandsItsOptionsOnToTheHooks) {
  select_everything();
  ASSERT_EQ(call({"create", "id"}).status, 0);
  const auto json = JsonDocument::parse(config(), "config", ErrorCode::kConfigInvalid);
  for (const char* stage : {"createRuntime", "poststop"}) {
    const auto hooks = json->root().find("hooks").value()->find(stage).value()->elements().value();
    ASSERT_EQ(hooks.size(), 1U);
    std::vector<std::string> arguments;
    const auto values = hooks[0].find("args").value()->elements().value();
    for (const auto& argument : values) arguments.emplace_back(argument.as_string().value());
    auto expected = installation_.hook_argv(stage);
    EXPECT_EQ(arguments, expected);
    EXPECT_EQ(hooks[0].string_or("path", "").value(), expected[0]);
    EXPECT_EQ(hooks[0].find("env").value()->elements().value().size(), 1U);
  }
}

TEST_F(ShimAlone, KnowsItsEngineByItsName) {
  select_everything();
  const auto engine_in_config = [&](const std::vector<std::string>& line) {
    write_config(R"({"root":{"path":"rootfs"}})");
    EXPECT_EQ(Command(line).directory(bundle()).run().status, 0);
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
  ASSERT_EQ(call({"create", "id"}).status, 0);
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
  ASSERT_EQ(call({"create", "id"}).status, 0);
  EXPECT_EQ(read_file(target), before);
  EXPECT_FALSE(fs::is_symlink(bundle() + "/config.json"));
  EXPECT_THAT(config(), HasSubstr("pinscope-hook"));
}

TEST_F(ShimAlone, ChangesTheSameBundleFromManySides) {
  select_everything();
  ASSERT_EQ(installation_.compile().status, 0);
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

TEST_F(ShimAlone, RefusesAConfigurationThatCannotBeRead) {
  select_everything();
  const std::string path = "\"" + bundle() + "/config.json\"";
  for (const auto& [text, reason] : std::vector<std::pair<std::string, std::string>>{
           {"{", "cannot read " + path + ": 1:2: Missing a name for object member"},
           {"[]", "cannot read " + path + ": /: expected an object"},
           {R"({"root":{"path":"r"},"hooks":7})",
            "cannot read " + path + ": /hooks: expected an object"},
           {R"({"root":{"path":"r"},"Hooks":{}})",
            "cannot edit " + path +
                ": /: the key \"Hooks\" may be taken for \"hooks\" by programs "
                "that ignore case"},
           {R"({"root":{"path":"r"},"root":{"path":"x"}})",
            "cannot read " + path + ": /: the key \"root\" stands twice"}}) {
    write_config(text);
    expect_refused({"create", "id"}, reason, "config-invalid");
  }
  fs::remove(bundle() + "/config.json");
  const auto missing = call({"create", "id"});
  EXPECT_EQ(missing.status, 1);
  EXPECT_EQ(missing.err, "pinscope-runtime: cannot open " + path + ": No such file or directory\n");
  check(mkfifo((bundle() + "/config.json").c_str(), 0600), "mkfifo");
  const auto pipe = call({"create", "id"});
  EXPECT_EQ(pipe.err, "pinscope-runtime: cannot read " + path + ": it is not a regular file\n");
}

TEST_F(ShimAlone, RefusesWhatTheHookWouldRefuseBeforeItDecides) {
  installation_.write_policy("nonsense: [");
  const auto result = call({"create", "id"});
  EXPECT_EQ(result.status, 1) << result;
  EXPECT_EQ(installation_.last_audit().code, "policy-unavailable");
  EXPECT_EQ(installation_.last_audit().container, "id");
  installation_.write_policy(policy_text("select: {}\ngrants: [{pin: /sys/fs/bpf/a}]\n"));
  check(chmod(installation_.policy_directory().c_str(), 0777), "chmod");
  EXPECT_EQ(call({"create", "id"}).status, 1);
  EXPECT_EQ(installation_.last_audit().code, "policy-unavailable");
  EXPECT_EQ(installation_.last_audit().stage, "shim");
}

TEST_F(ShimAlone, RefusesARuntimeOfAnotherKernelIfAPolicySelects) {
  for (const char* name : {"runsc", "kata-runtime"}) {
    fs::copy_file(PINSCOPE_RECORDER, runtime(name));
    auto line = argv({"create", "id"});
    line[5] = "--pinscope-runtime=" + runtime(name);
    const auto alone = Command(line).directory(bundle()).run();
    EXPECT_EQ(alone.status, 0) << alone;
  }
  select_everything();
  const std::string link = runtime("my-runtime");
  fs::create_symlink(runtime("runsc"), link);
  for (const std::string name : {"runsc", "kata-runtime", "my-runtime"}) {
    auto line = argv({"create", "id"});
    line[5] = "--pinscope-runtime=" + runtime(name);
    const auto result = Command(line).directory(bundle()).run();
    EXPECT_EQ(result.status, 1) << result;
    EXPECT_EQ(result.err, "pinscope-runtime: cannot give a view to a container of \"" + name +
                              "\": it does not run on this kernel (let no policy select containers "
                              "of gVisor or Kata)\n");
    EXPECT_EQ(installation_.last_audit().code, "runtime-unsupported");
  }
  EXPECT_THAT(config(), Not(HasSubstr("pinscope")));
}

TEST_F(ShimAlone, RefusesAnotherFileThanTheHookReads) {
  select_everything();
  fs::copy_file(runtime(), runtime("crun"));
  fs::copy_file(bundle() + "/config.json", bundle() + "/other.json");
  auto line = argv({"create", "--config", "other.json", "id"});
  line[5] = "--pinscope-runtime=" + runtime("crun");
  const auto result = Command(line).directory(bundle()).run();
  EXPECT_EQ(result.status, 1);
  EXPECT_EQ(result.err,
            "pinscope-runtime: cannot use the configuration \"other.json\": the hook reads the "
            "bundle's config.json\n");
}

// go-runc shows the last entry of level "error" of the log that it asked for.
TEST_F(ShimAlone, WritesItsErrorIntoTheRuntimesLog) {
  select_everything();
  write_config("{");
  const std::string log = directory_.path("log.json");
  write_file(log, "{\"level\":\"info\"}\n");
  const auto result = call({"--log", log, "--log-format", "json", "create", "id"});
  EXPECT_EQ(result.status, 1);
  const auto lines = split(read_file(log), '\n');
  ASSERT_EQ(lines.size(), 3U);
  const auto entry = JsonDocument::parse(std::string(lines[1]), "log", ErrorCode::kInternal);
  ASSERT_TRUE(entry);
  EXPECT_EQ(entry->root().string_or("level", "").value(), "error");
  EXPECT_EQ(entry->root().string_or("msg", "").value() + "\n", result.err);
  EXPECT_THAT(entry->root().string_or("time", "").value(), EndsWith("Z"));

  const std::string text = directory_.path("log.txt");
  EXPECT_EQ(call({"--log=" + text, "create", "id"}).status, 1);
  EXPECT_THAT(read_file(text), StartsWith("time=\""));
  EXPECT_THAT(read_file(text),
              HasSubstr("level=error msg=\"pinscope-runtime: cannot read \\\"" + bundle()));
}

TEST_F(ShimAlone, NeverRunsItself) {
  const std::string copy = directory_.path("bin/pinscope-runtime");
  fs::copy_file(kShim, copy);
  const std::string link = directory_.path("bin/other");
  fs::create_symlink(kShim, link);
  for (const auto& path : {std::string(kShim), copy, link}) {
    const auto result = run({kShim, "--pinscope-runtime", path, "state", "x"});
    EXPECT_EQ(result.status, 1);
    EXPECT_EQ(result.err, "pinscope-runtime: cannot run the low-level runtime \"" + path +
                              "\": it is pinscope-runtime itself (name runc or crun with "
                              "--pinscope-runtime or in /etc/pinscope/runtime.json)\n");
  }
}

TEST_F(ShimAlone, SaysWhatIsWrongWithItsOptions) {
  const auto error_of = [](std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), kShim);
    const auto result = run(arguments);
    EXPECT_EQ(result.status, 1);
    return result.err;
  };
  const std::string hint = " (see pinscope-runtime --pinscope-help)\n";
  const std::string start = "pinscope-runtime: cannot use these arguments: ";
  EXPECT_EQ(error_of({"--pinscope-colour", "red"}),
            start + "there is no option \"--pinscope-colour\"" + hint);
  EXPECT_EQ(error_of({"--pinscope-policy"}),
            start + "the option \"--pinscope-policy\" needs a value" + hint);
  EXPECT_EQ(error_of({"--pinscope-policy=p"}), start + "\"p\" is not an absolute path" + hint);
  EXPECT_EQ(error_of({"--pinscope-runtime", "/dev/null", "state"}),
            "pinscope-runtime: cannot run the low-level runtime \"/dev/null\": it is not a "
            "program\n");
  EXPECT_EQ(error_of({"--pinscope-runtime", "/nowhere", "state"}),
            "pinscope-runtime: cannot run the low-level runtime \"/nowhere\": No such file or "
            "directory\n");
}

TEST_F(ShimAlone, HasAHelpAndAVersionOfItsOwn) {
  const auto version = run({kShim, "--pinscope-version"});
  EXPECT_THAT(version.out, StartsWith("pinscope-runtime 0."));
  const auto help = run({kShim, "--pinscope-help"});
  EXPECT_EQ(help.status, 0);
  EXPECT_THAT(help.out, HasSubstr("--pinscope-engine NAME"));
}

// /etc is this test's own for a while.
class ShimConfiguration : public ShimAlone {
 protected:
  void SetUp() override {
    check(mount("tmpfs", "/etc", "tmpfs", 0, "mode=0755"), "mount /etc");
    fs::create_directory("/etc/pinscope");
  }
  void TearDown() override { umount2("/etc", MNT_DETACH); }

  static CommandResult version() { return run({kShim, "state", "x"}); }
};

TEST_F(ShimConfiguration, NamesTheRuntime) {
  write_file("/etc/pinscope/runtime.json", "{\"runtime\": \"" + runtime() + "\"}\n");
  EXPECT_EQ(lines(version().out)[0], "argument " + runtime());
}

TEST_F(ShimConfiguration, IsRefusedIfItCannotBeTrustedOrUnderstood) {
  const std::string path = "/etc/pinscope/runtime.json";
  write_file(path, R"({"runtimes": ["/x"]})");
  EXPECT_EQ(version().err,
            "pinscope-runtime: cannot read \"/etc/pinscope/runtime.json\": /: there is no key "
            "\"runtimes\" (known: \"runtime\")\n");
  write_file(path, R"({"runtime": "runc"})");
  EXPECT_EQ(version().err,
            "pinscope-runtime: cannot read \"/etc/pinscope/runtime.json\": /: \"runc\" is not an "
            "absolute path\n");
  check(chmod(path.c_str(), 0666), "chmod");
  EXPECT_EQ(version().err,
            "pinscope-runtime: cannot trust \"/etc/pinscope/runtime.json\": others may write it "
            "(mode 0666) (it must be owned by root and writable by root alone)\n");
}

TEST_F(ShimConfiguration, IsNotNeededWhereARuntimeIsInstalled) {
  const auto result = run({kShim, "--version"});
  EXPECT_EQ(result.status, 0) << result;
  EXPECT_THAT(result.out, testing::AnyOf(StartsWith("runc version"), StartsWith("crun version")));
}

}  // namespace
}  // namespace pinscope::test
