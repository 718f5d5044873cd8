// What pinscope-runtime refuses it refuses where an engine sees it, and the low-level runtime is
// the one that it should be.
#include <gmock/gmock.h>
#include <sys/mount.h>
#include <sys/stat.h>

#include <filesystem>

#include "plugin/base/text.h"
#include "plugin/json/json.h"
#include "tests/engines/shim_alone.h"
#include "tests/support/machine/check.h"

namespace pinscope::test {
namespace {

namespace fs = std::filesystem;
using testing::EndsWith;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

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
            "cannot read " + path + ": /: the key \"root\" appears twice"}}) {
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

TEST_F(ShimAlone, RefusesARuntimeOfAnotherKernelWhereThePoliciesDisagree) {
  fs::copy_file(PINSCOPE_RECORDER, runtime("runsc"));
  const std::string at_another =
      policy_text("select: {}\nview: {at: /other}\ngrants: [{pin: /sys/fs/bpf/b}]\n", "other");
  installation_.write_policy(policy_text("select: {}\ngrants: [{pin: /sys/fs/bpf/a}]\n") + "---\n" +
                             at_another);
  auto line = argv({"create", "id"});
  line[5] = "--pinscope-runtime=" + runtime("runsc");
  EXPECT_EQ(Command(line).directory(bundle()).run().status, 1);
  EXPECT_EQ(installation_.last_audit().code, "runtime-unsupported");
}

TEST_F(ShimAlone, RefusesAnotherFileThanTheHookReads) {
  select_everything();
  fs::copy_file(runtime(), runtime("crun"));
  fs::copy_file(bundle() + "/config.json", bundle() + "/other.json");
  fs::create_symlink("crun", runtime("oci-runtime"));
  for (const std::string name : {"crun", "oci-runtime"}) {
    auto line = argv({"create", "-db" + bundle(), "--config", "other.json", "id"});
    line[5] = "--pinscope-runtime=" + runtime(name);
    const auto result = Command(line).directory("/").run();
    EXPECT_EQ(result.status, 1) << name;
    EXPECT_EQ(result.err,
              "pinscope-runtime: cannot use the configuration \"other.json\": the hook reads the "
              "bundle's config.json\n");
  }
}

// go-runc shows the last entry of level "error" of the log that it asked for.
TEST_F(ShimAlone, WritesItsErrorIntoTheRuntimesLog) {
  select_everything();
  write_config("{");
  const std::string log = directory_.path("log.json");
  write_file(log, "{\"level\":\"info\"}\n");
  const auto result = call({"--log", log, "--log-format", "json", "create", "id"});
  EXPECT_EQ(result.status, 1);
  const std::string written = read_file(log);
  const auto lines = split(written, '\n');
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
            "program (name runc or crun with --pinscope-runtime or in "
            "/etc/pinscope/runtime.json)\n");
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

// What an installation has found out about one engine; the administrator's word counts before it.
TEST_F(ShimConfiguration, NamesTheRuntimeOfAnEngine) {
  write_file("/etc/pinscope/runtime-containerd.json", "{\"runtime\": \"" + runtime() + "\"}\n");
  const auto program = [](const std::vector<std::string>& words) {
    return lines(run(words).out)[0];
  };
  const std::string ours = "argument " + runtime();
  for (const char* word : {"--version", "features", "state"})
    EXPECT_EQ(program({kShim, "--pinscope-engine", "containerd", word}), ours);
  EXPECT_EQ(program({std::string(kShim) + "-containerd", "--version"}), ours);
  EXPECT_NE(program({kShim, "--version"}), ours);
  EXPECT_NE(program({kShim, "--pinscope-engine", "docker", "--version"}), ours);
  std::filesystem::copy_file(PINSCOPE_RECORDER, runtime("other"));
  write_file("/etc/pinscope/runtime.json", "{\"runtime\": \"" + runtime("other") + "\"}\n");
  EXPECT_EQ(program({kShim, "--pinscope-engine", "containerd", "--version"}),
            "argument " + runtime("other"));
}

// The files go with the wiring; what they named has made containers that are still there.
TEST_F(ShimConfiguration, HoldsForAContainerUntilItsEnd) {
  const std::string file = "/etc/pinscope/runtime-containerd.json";
  const std::string ours = "argument " + runtime();
  const std::string pod = directory_.make_directory("pod");
  const auto program = [](const std::string& directory, std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), std::string(kShim) + "-containerd");
    const auto said = lines(Command(arguments).directory(directory).run().out);
    return said.empty() ? std::string() : said[0];
  };
  write_file(file, "{\"runtime\": \"" + runtime() + "\"}\n");
  EXPECT_EQ(program("/", {"create", "--bundle", bundle(), "web"}), ours);
  fs::remove(file);
  EXPECT_EQ(program(bundle(), {"kill", "web", "9"}), ours);
  EXPECT_EQ(program(bundle(), {"delete", "web"}), ours);
  // The containers of its pod are made and ended where it stands.
  EXPECT_EQ(program(bundle(), {"create", "--bundle", pod, "beside"}), ours);
  EXPECT_NE(program("/", {"kill", "web", "9"}), ours);
  // Not what others could have written, and no program that is gone.
  const std::string kept = bundle() + "/pinscope-runtime.json";
  check(chmod(kept.c_str(), 0622), "chmod");
  EXPECT_NE(program(bundle(), {"kill", "web", "9"}), ours);
  check(chmod(kept.c_str(), 0600), "chmod");
  EXPECT_EQ(program(bundle(), {"kill", "web", "9"}), ours);
  fs::remove(runtime());
  EXPECT_NE(program(bundle(), {"kill", "web", "9"}), ours);
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
