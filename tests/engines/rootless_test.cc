// Rootless engines: a user's own Podman and runc, without any privilege on this machine. The hook
// leaves their containers alone; a session that an administrator gave the user has the user's view,
// and their containers may have it too, because no wall of it is the user's. docs/rootless.md.
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>

#include "tests/engines/engine_test.h"
#include "tests/support/machine/check.h"
#include "tests/support/machine/unprivileged.h"

namespace pinscope::test {
namespace {

namespace fs = std::filesystem;

using testing::HasSubstr;
using testing::IsEmpty;

constexpr const char* kHome = "/run/alice";
constexpr const char* kUserId = "4001";
const std::vector<std::string> kWithView = {"-v", "/sys/fs/bpf:/sys/fs/bpf"};
// What the default seccomp profile asks for before it lets bpf(2) through; in a user namespace of
// the user's it is worth nothing else.
const std::vector<std::string> kWithCall = {"--cap-add", "SYS_ADMIN"};

// A machine with a user, who has subordinate ids, a home and a runtime directory.
class Rootless : public testing::TestWithParam<std::string> {
 protected:
  void SetUp() override {
    for (const auto& program : {std::string("podman"), GetParam(), std::string("newuidmap")})
      if (!has_program(program)) GTEST_SKIP() << program << " is not installed";
    test_ = std::make_unique<EngineTest>("");
    machine().write("/etc/passwd",
                    "root:x:0:0:root:/:/bin/sh\nalice:x:4001:4001::/run/alice:/bin/sh\n");
    machine().write("/etc/group", "root:x:0:\nalice:x:4001:\n");
    for (const char* file : {"/etc/subuid", "/etc/subgid"})
      machine().write(file, "alice:200000:65536\n");
    write_configuration();
    for (const char* directory : {"/run/alice", "/run/alice/run"}) {
      fs::create_directories(machine().outside(directory));
      check(chmod(machine().outside(directory).c_str(), 0700), "chmod");
    }
    const std::string home = machine().outside(kHome);
    check(chown(home.c_str(), kPlainUser, kPlainUser), "chown");
    for (const auto& entry : fs::recursive_directory_iterator(home))
      check(chown(entry.path().c_str(), kPlainUser, kPlainUser), "chown");
  }

  static std::vector<std::string> load() {
    return {"podman", "load", "-i", EngineMachine::kImageArchive};
  }
  void load_as_user() {
    const auto loaded = as_user(load());
    ASSERT_EQ(loaded.status, 0) << loaded;
  }
  // A user's first Podman makes the namespaces that all the later ones join.
  void load_in_session() {
    const auto loaded = in_session(load());
    ASSERT_EQ(loaded.status, 0) << loaded;
  }

  void write_configuration() {
    const std::string directory = std::string(kHome) + "/.config/containers/";
    machine().write(directory + "containers.conf",
                    "[engine]\ncgroup_manager = \"cgroupfs\"\nevents_logger = \"none\"\n");
    machine().write(directory + "storage.conf", "[storage]\ndriver = \"vfs\"\n");
  }

  EngineMachine& machine() { return test_->machine; }

  static std::vector<std::string> join_words(std::vector<std::string> first,
                                             const std::vector<std::string>& second) {
    first.insert(first.end(), second.begin(), second.end());
    return first;
  }
  // A login of the user, and the same in a session that `pinscope run` made.
  CommandResult as_user(const std::vector<std::string>& argv) {
    return machine().run(
        join_words({"setpriv", "--reuid", kUserId, "--regid", kUserId, "--clear-groups", "env",
                    "HOME=/run/alice", "XDG_RUNTIME_DIR=/run/alice/run"},
                   argv));
  }
  CommandResult in_session(const std::vector<std::string>& argv) {
    return machine().run(join_words({"pinscope", "run", "--user", "alice", "--", "env",
                                     "HOME=/run/alice", "XDG_RUNTIME_DIR=/run/alice/run"},
                                    argv));
  }
  [[nodiscard]] std::vector<std::string> podman_run(
      const std::vector<std::string>& options,
      const std::vector<std::string>& commands = kUseTheGrant) const {
    std::vector<std::string> argv = {"podman", "--runtime", GetParam(), "run",
                                     "--rm",   "--network", "none"};
    // crun refuses a machine with both versions of cgroups, and Podman to spare runc them.
    if (GetParam() == "crun") argv = join_words(argv, {"--cgroups", "disabled"});
    argv = join_words(argv, options);
    argv.insert(argv.end(), {EngineMachine::kImage, "/bin/probe"});
    return join_words(argv, commands);
  }

  void wire_podman() {
    const auto result = machine().run({"pinscope", "engine", "install", "--engine", "podman"});
    ASSERT_EQ(result.status, 0) << result;
  }
  void grant_to_session() { test_->grant_flows("{engine: host, user: {uid: 4001}}"); }

  std::unique_ptr<EngineTest> test_;
};

// Where the runtime makes no difference.
class RootlessUser : public Rootless {};

TEST_P(Rootless, ContainersAreLeftAloneByTheHookOfTheMachine) {
  load_as_user();
  wire_podman();
  test_->write_policy("select: {}\ngrants: [{pin: /sys/fs/bpf/flows, access: read}]\n");
  expect_no_view(as_user(podman_run({})));
  // The user may not write it: there is no trace of theirs in it.
  EXPECT_THAT(test_->audit(), IsEmpty());
  EXPECT_THAT(test_->records(), IsEmpty());
}

TEST_P(Rootless, ContainersOpenNoPinThatTheirUserMayNotOpen) {
  load_as_user();
  const auto options = join_words(kWithView, kWithCall);
  const std::vector<std::string> commands = {"get-ro /sys/fs/bpf/keys", "get-rw /sys/fs/bpf/flows",
                                             "repin /sys/fs/bpf/flows /sys/fs/bpf/again"};
  check(chmod("/sys/fs/bpf", 0755), "chmod");
  check(chmod("/sys/fs/bpf/flows", 0444), "chmod");
  const auto result = as_user(podman_run(options, commands));
  check(chmod("/sys/fs/bpf", 01777), "chmod");
  EXPECT_EQ(answer(result, commands[0]), "EACCES") << result;
  EXPECT_EQ(answer(result, commands[1]), "EACCES");
  EXPECT_EQ(answer(result, commands[2]), "EACCES");
}

TEST_P(Rootless, ContainersOfASessionMayHaveItsView) {
  grant_to_session();
  load_in_session();
  expect_the_grant_works(in_session(podman_run(join_words(kWithView, kWithCall))));
  // One mount, asked for as any other: nothing is given to who does not ask.
  expect_no_view(in_session(podman_run(kWithCall)));
}

// The profile of docs/rootless.md: the four commands of a reader, and no other.
TEST_P(Rootless, ContainersOfASessionNeedNoCapabilityButAProfile) {
  if (!has_program("jq")) GTEST_SKIP() << "jq is not installed";
  grant_to_session();
  load_in_session();
  const std::string make =
      "jq '.syscalls |= map(.names -= [\"bpf\"]) + [1, 4, 7, 15 | {names: [\"bpf\"], action: "
      "\"SCMP_ACT_ALLOW\", args: [{index: 0, value: ., op: \"SCMP_CMP_EQ\"}]}]' "
      "/usr/share/containers/seccomp.json >$HOME/bpf-reader.json";
  ASSERT_THAT(as_user({"sh", "-c", make}), Succeeds());
  const auto options =
      join_words(kWithView, {"--cap-drop", "all", "--security-opt",
                             "seccomp=" + std::string(kHome) + "/bpf-reader.json"});
  expect_the_grant_works(in_session(podman_run(options)));
  expect_only_needed_commands(in_session(podman_run(options, kTryOtherCommands)));
}

// Root of the container, with every capability that its user's namespace has.
TEST_P(Rootless, AViewOfASessionHoldsAgainstRootInTheContainer) {
  test_->pins.map("/sys/fs/bpf/counters");
  test_->write_policy(
      "select: {engine: host, user: {uid: 4001}}\ngrants:\n"
      "  - {pin: /sys/fs/bpf/flows, access: read}\n"
      "  - {pin: /sys/fs/bpf/counters, access: read-write}\n");
  load_in_session();
  const std::vector<std::pair<std::string, std::string>> tries = {
      {"ls /sys/fs/bpf", "ok _rw counters flows"},
      {"update /sys/fs/bpf/counters 1 7", "ok"},
      {"lookup /sys/fs/bpf/flows 1", "ok 42"},
      {"remount-rw /sys/fs/bpf", "EPERM"},
      {"reconfigure-rw /sys/fs/bpf", "EPERM"},
      {"get-rw /sys/fs/bpf/flows", "EROFS"},
      {"update-ro /sys/fs/bpf/flows 1 43", "EPERM"},
      {"chmod /sys/fs/bpf/flows 666", "EROFS"},
      {"repin /sys/fs/bpf/flows /sys/fs/bpf/again", "EROFS"},
      {"unlink /sys/fs/bpf/flows", "EROFS"},
      {"setattr-rw /sys/fs/bpf/_rw", "EPERM"},
      {"bind-remount-rw /sys/fs/bpf/_rw", "EPERM"},
      {"repin /sys/fs/bpf/flows /sys/fs/bpf/_rw/again", "EROFS"},
      {"mount-bpf /tmp", "EPERM"},
      {"map-by-id " + std::to_string(map_id("/sys/fs/bpf/keys")), "EPERM"},
      {"umount /sys/fs/bpf", "ok"},
      {"get-ro /sys/fs/bpf/keys", "ENOENT"}};
  std::vector<std::string> commands;
  for (const auto& [command, said] : tries) commands.push_back(command);
  const auto result = in_session(podman_run(
      join_words(kWithView, {"--cap-add", "all", "--security-opt", "seccomp=unconfined"}),
      commands));
  for (const auto& [command, said] : tries)
    EXPECT_EQ(answer(result, command), said) << command << "\n" << result;
  EXPECT_EQ(value_at("/sys/fs/bpf/flows", 1), 42U);
  EXPECT_EQ(value_at("/sys/fs/bpf/counters", 1), 7U);
}

TEST_P(Rootless, ContainersOfASessionMayHaveOneGrantOfItsView) {
  test_->write_policy(
      "select: {engine: host, user: {uid: 4001}}\nview: {layout: per-map}\ngrants:\n"
      "  - {pin: /sys/fs/bpf/flows, access: read}\n"
      "  - {pin: /sys/fs/bpf/keys, access: read-write}\n");
  load_in_session();
  const std::vector<std::string> one = {"-v", "/sys/fs/bpf/flows:/run/flows"};
  const std::vector<std::string> commands = {"lookup /run/flows 1", "get-rw /run/flows",
                                             "get-ro /sys/fs/bpf/keys"};
  const auto result = in_session(podman_run(join_words(one, kWithCall), commands));
  EXPECT_EQ(answer(result, commands[0]), "ok 42") << result;
  EXPECT_EQ(answer(result, commands[1]), "EROFS");
  EXPECT_EQ(answer(result, commands[2]), "ENOENT");
}

// The pin's owner is named by the id that the host knows the container's user by.
TEST_P(RootlessUser, GivesAPinToAnotherUserOfTheContainer) {
  test_->write_policy(
      "select: {engine: host, user: {uid: 4001}}\ngrants:\n"
      "  - {pin: /sys/fs/bpf/flows, access: read, owner: {uid: 200999}, mode: \"0400\"}\n");
  load_in_session();
  const auto lookup = [&](const std::string& user) {
    const std::string command = "lookup /sys/fs/bpf/flows 1";
    const auto options = join_words(
        kWithView, {"--user", user, "--cap-drop", "all", "--security-opt", "seccomp=unconfined"});
    return answer(in_session(podman_run(options, {command})), command);
  };
  EXPECT_EQ(lookup("1000"), "ok 42");
  EXPECT_EQ(lookup("1001"), "EACCES");
}

// The host's mounts are what it sees then, and its pins are as closed as to any program of the
// user's.
TEST_P(Rootless, AnOlderPodmanOfTheUserHasNoViewUntilItIsToldToStartAgain) {
  grant_to_session();
  load_as_user();
  const auto options = join_words(kWithView, kWithCall);
  const auto before = in_session(podman_run(options));
  EXPECT_EQ(answer(before, "get-rw /sys/fs/bpf/flows"), "EACCES") << before;
  EXPECT_EQ(answer(before, "get-ro /sys/fs/bpf/keys"), "EACCES");
  EXPECT_THAT(in_session({"podman", "system", "migrate"}), Succeeds());
  expect_the_grant_works(in_session(podman_run(options)));
}

// The user before any container: a namespace of their own, where the session's mounts are locked.
TEST_P(RootlessUser, FindsNothingBelowTheViewOfTheirSession) {
  grant_to_session();
  fs::create_directories(machine().outside("/run/alice/place"));
  check(chown(machine().outside("/run/alice/place").c_str(), kPlainUser, kPlainUser), "chown");
  const std::vector<std::string> commands = {"umount /sys/fs/bpf", "bind /sys /run/alice/place",
                                             "get-ro /sys/fs/bpf/keys"};
  const auto result =
      in_session(join_words({"unshare", "-r", "-m", "/usr/bin/pinscope_probe"}, commands));
  EXPECT_EQ(answer(result, commands[0]), "EINVAL") << result;
  EXPECT_EQ(answer(result, commands[1]), "EINVAL");
  EXPECT_EQ(answer(result, commands[2]), "ENOENT");
}

// runc and crun without Podman: the user's own bundle as `runc spec --rootless` writes it, which
// shows the container the whole of its user's /sys, with our hook in it.
std::vector<std::string> run_bundle(const std::string& runtime, const std::string& hook_options,
                                    const std::vector<std::string>& commands) {
  std::string process = R"("/bin/probe")";
  for (const auto& command : commands) process += ", \"" + command + "\"";
  const std::string hook =
      R"("hooks": {"createRuntime": [{"path": "/usr/bin/pinscope-hook", "args": ["pinscope-hook")" +
      hook_options + R"(, "createRuntime"]}]},)";
  const std::string script =
      "set -e\nrm -rf $HOME/bundle\nmkdir -p $HOME/bundle/rootfs\ncd $HOME/bundle\n"
      "tar -C rootfs -xf " +
      std::string(EngineMachine::kImageRootfs) +
      "\nrunc spec --rootless\nsed -i -e 's/\"terminal\": true/\"terminal\": false/' "
      "-e 's|^\t\t\t\"sh\"|" +
      process + "|' -e 's|^\t\"linux\": {|" + hook + "&|' config.json\n" + runtime +
      " --root $XDG_RUNTIME_DIR/runtime run bundle\n";
  return {"sh", "-c", script};
}

const std::vector<std::string> kOpenPins = {"get-ro /sys/fs/bpf/flows", "get-ro /sys/fs/bpf/keys"};

TEST_P(Rootless, ABundleWithTheHookIsLeftAlone) {
  test_->write_policy("select: {}\ngrants: [{pin: /sys/fs/bpf/flows, access: read}]\n");
  const auto result = as_user(run_bundle(GetParam(), "", kOpenPins));
  EXPECT_EQ(result.status, 0) << result;
  EXPECT_EQ(answer(result, kOpenPins[0]), "EACCES") << "the mode of the host's pin";
  EXPECT_EQ(answer(result, kOpenPins[1]), "EACCES");
  EXPECT_THAT(test_->audit(), IsEmpty());
  EXPECT_THAT(test_->records(), IsEmpty());
}

TEST_P(Rootless, ABundleThatAsksForAPolicyDoesNotStart) {
  test_->write_policy("select: {}\ngrants: [{pin: /sys/fs/bpf/flows, access: read}]\n");
  const auto result = as_user(run_bundle(GetParam(), R"(, "--require-policy", "test")", kOpenPins));
  EXPECT_NE(result.status, 0) << result;
  EXPECT_EQ(answer(result, kOpenPins[0]), "no answer");
  // crun does not show what a hook says.
  if (GetParam() == "runc") {
    EXPECT_THAT(result.err,
                HasSubstr("pinscope-hook: cannot give a view to a container of a rootless engine: "
                          "the host's pins are root's (run it in a session of `pinscope run`)"));
  }
}

TEST_P(Rootless, ABundleOfASessionHasItsView) {
  grant_to_session();
  expect_the_grant_works(in_session(run_bundle(GetParam(), "", kUseTheGrant)));
}

TEST_P(RootlessUser, IsToldByDoctorWhatTheyCanHave) {
  grant_to_session();
  const auto rows = [](const CommandResult& result) {
    std::string text;
    for (const auto& line : lines(result.out))
      if (line.starts_with("rootless ")) text += line + "\n";
    return text;
  };
  check(chmod("/sys/fs/bpf/flows", 0444), "chmod");
  const std::string alone = rows(as_user({"pinscope", "doctor"}));
  EXPECT_THAT(alone, HasSubstr("2 pins below /sys/fs/bpf: 1 open for reading, 0 for writing"));
  EXPECT_THAT(alone, HasSubstr("you may pin in /sys/fs/bpf: a map that opens for reading only"));
  EXPECT_THAT(alone, HasSubstr("no: Operation not permitted; only root of the machine mounts"));
  EXPECT_THAT(alone, HasSubstr("65536 uids, 65536 gids"));
  EXPECT_THAT(alone, HasSubstr("none in this session; the administrator gives one with"));
  const std::string session = rows(in_session({"pinscope", "doctor"}));
  EXPECT_THAT(session, HasSubstr("1 pin below /sys/fs/bpf: 1 open for reading, 0 for writing"));
  EXPECT_THAT(session, HasSubstr("no directory of a bpffs may be written"));
  EXPECT_THAT(session, HasSubstr("/sys/fs/bpf; a container of yours has it with -v "));
  EXPECT_EQ(rows(machine().run({"pinscope", "doctor"})), "") << "root is told nothing of it";
}

// What they may not look at is neither right nor wrong.
TEST_P(RootlessUser, IsToldNothingByDoctorOfWhatIsRoots) {
  grant_to_session();
  for (const char* path : {"/etc/pinscope/policy.d", "/run/pinscope", "/var/lib/pinscope"})
    if (std::filesystem::exists(machine().outside(path)))
      check(chmod(machine().outside(path).c_str(), 0700), "chmod");
  const auto result = as_user({"pinscope", "doctor"});
  EXPECT_EQ(result.status, 0) << result;
  EXPECT_THAT(result.out, HasSubstr("not root. Not looked at: "));
  EXPECT_THAT(result.out, testing::Not(HasSubstr("could not tell")));
  for (const char* area : {"\npolicy ", "\nstate ", "\naudit "})
    EXPECT_THAT(result.out, testing::Not(HasSubstr(area))) << area;
  const auto root = machine().run({"pinscope", "doctor"});
  for (const char* area : {"\npolicy ", "\nstate ", "\naudit "})
    EXPECT_THAT(root.out, HasSubstr(area)) << area;
}

const auto kName = [](const auto& runtime) { return runtime.param; };
INSTANTIATE_TEST_SUITE_P(, Rootless, testing::Values("runc", "crun"), kName);
INSTANTIATE_TEST_SUITE_P(, RootlessUser, testing::Values("runc"), kName);

}  // namespace
}  // namespace pinscope::test
