// Docker with the runtime shim, in the releases that are in use: one command wires it, ordinary
// containers with the default seccomp profile and capabilities use what a policy grants, lies gain
// nothing, one command undoes it.
#include "tests/engines/engine_test.h"
#include "tests/support/machine/wait.h"

namespace pinscope::test {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

// A user's own configuration, with a number that no double holds: what we add must not touch it.
constexpr const char* kDaemonJson = R"({
  "storage-driver": "vfs",
  "iptables": false,
  "ip6tables": false,
  "bridge": "none",
  "shutdown-timeout": 1,
  "labels": ["big=18446744073709551615"]
}
)";

class Docker : public testing::TestWithParam<std::string> {
 protected:
  void SetUp() override {
    if (const auto reason = why_no_suite(GetParam()); !reason.empty()) GTEST_SKIP() << reason;
    test_ = std::make_unique<EngineTest>(GetParam());
    machine().write("/etc/docker/daemon.json", daemon_json());
  }

  void TearDown() override {
    if (!test_) return;
    const auto left = docker({"ps", "-aq"});
    for (const auto& id : lines(left.out)) docker({"rm", "-f", id});
  }

  // Docker 20.10 knows no "ip6tables" outside its experimental features.
  std::string daemon_json() const {
    std::string text = kDaemonJson;
    if (GetParam() == "bookworm") text.erase(text.find("  \"ip6tables\""), 21);
    return text;
  }

  EngineMachine& machine() { return test_->machine; }
  CommandResult docker(std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), "docker");
    return machine().run(arguments);
  }

  void install(std::vector<std::string> options = {}) {
    std::vector<std::string> argv = {"pinscope", "engine", "install", "--engine", "docker"};
    argv.insert(argv.end(), options.begin(), options.end());
    const auto result = machine().run(argv);
    ASSERT_EQ(result.status, 0) << result;
  }

  void start(std::vector<std::string> options = {}) {
    options.insert(options.begin(), "dockerd");
    server_ = machine().start("dockerd", options);
    ASSERT_TRUE(wait_until([&] { return docker({"info"}).status == 0; }))
        << machine().log("dockerd");
    const auto imported = docker({"import", EngineMachine::kImageRootfs, EngineMachine::kImage});
    ASSERT_EQ(imported.status, 0) << imported;
  }

  // A runc of somebody else's, which says how it was called.
  void add_vendor() {
    machine().write("/opt/vendor/bin/runc",
                    "#!/bin/sh\necho \"$*\" >> /run/vendor.log\nexec runc \"$@\"\n", 0755);
  }

  // `docker run` of the probe with `options`, under our runtime unless `runtime` says otherwise.
  CommandResult run(std::vector<std::string> options,
                    const std::vector<std::string>& commands = kUseTheGrant,
                    const std::string& runtime = "pinscope") {
    std::vector<std::string> arguments = {"run", "--rm", "--network", "none"};
    if (!runtime.empty()) arguments.insert(arguments.end(), {"--runtime", runtime});
    arguments.insert(arguments.end(), options.begin(), options.end());
    arguments.insert(arguments.end(), {EngineMachine::kImage, "/bin/probe"});
    arguments.insert(arguments.end(), commands.begin(), commands.end());
    return docker(arguments);
  }

  std::unique_ptr<EngineTest> test_;
  pid_t server_ = -1;
};

TEST_P(Docker, GivesAnOrdinaryContainerItsView) {
  install();
  test_->grant_flows("{engine: docker}");
  start();
  expect_the_grant_works(run({}));
  const auto audit = test_->audit();
  ASSERT_EQ(audit.size(), 3U);
  EXPECT_EQ(audit[1].outcome, "granted");
  EXPECT_EQ(audit[2].outcome, "removed");
  EXPECT_THAT(test_->records(), IsEmpty());

  expect_only_needed_commands(run({}, kTryOtherCommands));
  expect_the_grant_works(
      run({"--user", "1000:1000", "--cap-drop", "all", "--security-opt", "no-new-privileges"}));
  expect_the_grant_works(run({"--read-only"}));
  // Another runtime of the same engine is as it was.
  expect_no_view(run({}, kUseTheGrant, "runc"));
}

TEST_P(Docker, LeavesAContainerAloneThatNoPolicySelects) {
  install();
  test_->grant_flows("{engine: podman}");
  start();
  expect_no_view(run({}));
  EXPECT_EQ(answer(run({}), "get-ro /sys/fs/bpf/keys"), "EPERM") << "the profile is as it was";
}

TEST_P(Docker, GivesAViewToEveryContainerWhereTheShimIsTheDefaultRuntime) {
  install({"--set-default"});
  test_->grant_flows("{engine: docker}");
  start();
  expect_the_grant_works(run({}, kUseTheGrant, ""));
}

// dockerd does not start with one on its command line and one in its file, so that is refused
// where it runs so and where its unit says so; an additional runtime is none, and merges.
TEST_P(Docker, StartsAgainWhereItsCommandLineNamesADefaultRuntime) {
  const std::vector<std::string> flags = {"--default-runtime", "vendor", "--add-runtime",
                                          "vendor=/opt/vendor/bin/runc"};
  add_vendor();
  start(flags);
  test_->grant_flows("{engine: docker}");
  const auto refused =
      machine().run({"pinscope", "engine", "install", "--engine", "docker", "--set-default"});
  EXPECT_EQ(refused.status, 1) << refused;
  EXPECT_THAT(refused.err, HasSubstr("dockerd is started with --default-runtime vendor (process "));
  EXPECT_EQ(machine().read("/etc/docker/daemon.json"), daemon_json());
  install();
  machine().stop(server_);
  start(flags);
  expect_the_grant_works(run({}));
  EXPECT_THAT(machine().read("/run/vendor.log"), HasSubstr("create"));
  EXPECT_THAT(machine().run({"pinscope", "engine", "status", "--engine", "docker"}).out,
              HasSubstr("only containers of the runtime \"pinscope\" meet Pinscope"));
}

// A user's process, stopped as soon as it has dockerd for its file: nothing that it says is a fact
// or goes into a command of root's.
TEST_P(Docker, BelievesNoProcessOfAUser) {
  ASSERT_THAT(machine().run({"test", "-x", "/usr/bin/python3"}), Succeeds());
  const pid_t liar = machine().start(
      "liar",
      {"/usr/bin/python3", "-c",
       "import ctypes, os, time\n"
       "child = os.fork()\n"
       "if child == 0:\n"
       "  os.setgroups([])\n"
       "  os.setresgid(65534, 65534, 65534)\n"
       "  os.setresuid(65534, 65534, 65534)\n"
       "  ctypes.CDLL(None).ptrace(0, 0, 0, 0)\n"
       "  os.execv('/usr/sbin/dockerd', ['dockerd', '--validate=false', '--default-runtime',"
       " 'evil', '--config-file', '/tmp/evil.json', '-H', 'unix:///tmp/evil.sock'])\n"
       "os.waitpid(child, 0)\n"
       "print('stopped', flush=True)\n"
       "time.sleep(600)\n"});
  ASSERT_TRUE(wait_until([&] { return machine().log("liar").contains("stopped"); }));
  install({"--set-default"});
  EXPECT_FALSE(machine().exists("/tmp/evil.sock"));
  const auto status = machine().run({"pinscope", "engine", "status", "--engine", "docker"});
  EXPECT_EQ(status.status, 0) << status;
  EXPECT_THAT(status.out, Not(HasSubstr("evil")));
  machine().kill(liar);
}

// dockerd 20.10 cannot check its configuration, and says so with the same exit status.
TEST_P(Docker, IsWiredWhereItHasNoFileOfItsOwn) {
  ASSERT_THAT(machine().run({"rm", "/etc/docker/daemon.json"}), Succeeds());
  install();
  EXPECT_THAT(machine().read("/etc/docker/daemon.json"), HasSubstr("pinscope-runtime-docker"));
}

TEST_P(Docker, RunsTheProgramThatTheDefaultRuntimeWouldHaveRun) {
  add_vendor();
  std::string text = daemon_json();
  text.insert(text.find("\"storage-driver\""),
              R"("default-runtime": "vendor",
  "runtimes": {"vendor": {"path": "/opt/vendor/bin/runc", "runtimeArgs": ["--systemd-cgroup=false"]}},
  )");
  machine().write("/etc/docker/daemon.json", text);
  install({"--set-default"});
  test_->grant_flows("{engine: docker}");
  start();
  expect_the_grant_works(run({}, kUseTheGrant, ""));
  EXPECT_THAT(machine().read("/run/vendor.log"), HasSubstr("--systemd-cgroup=false"));
  const auto again = machine().run({"pinscope", "engine", "install", "--engine", "docker"});
  EXPECT_THAT(again.out, HasSubstr("nothing to change")) << again;
  // Another tool takes the default, and dockerd reads it again.
  text = machine().read("/etc/docker/daemon.json");
  const size_t place = text.find("\"pinscope\"", text.find("\"default-runtime\""));
  machine().write("/etc/docker/daemon.json", text.replace(place, 10, "\"vendor\""));
  const auto status = machine().run({"pinscope", "engine", "status", "--engine", "docker"});
  EXPECT_EQ(status.status, 1) << status;
  EXPECT_THAT(status.out, HasSubstr("makes \"vendor\" the default runtime")) << status;
}

// What docs/policy.md says of a key for the name of a container: there is nothing to match.
TEST_P(Docker, TellsNoHookTheNameOfAContainer) {
  start();
  constexpr const char* kName = "name-of-the-agent";
  const auto started = docker({"run", "-d", "--name", kName, "--network", "none",
                               EngineMachine::kImage, "/bin/probe", "sleep 100"});
  ASSERT_EQ(started.status, 0) << started;
  const std::string id = lines(started.out).back();
  const auto config =
      machine().run({"sh", "-c", "cat $(find /run -path '*/" + id + "/config.json')"});
  ASSERT_EQ(config.status, 0) << config;
  EXPECT_THAT(config.out, HasSubstr("ociVersion"));
  EXPECT_THAT(config.out, Not(HasSubstr(kName)));
}

TEST_P(Docker, GivesTheViewAgainAfterARestart) {
  install();
  test_->grant_flows("{engine: docker}");
  start();
  auto result = docker({"run", "-d", "--runtime", "pinscope", "--name", "web", "--network", "none",
                        EngineMachine::kImage, "/bin/sleep", "86400"});
  ASSERT_EQ(result.status, 0) << result;
  std::vector<std::string> exec = {"exec", "web", "/bin/probe"};
  exec.insert(exec.end(), kUseTheGrant.begin(), kUseTheGrant.end());
  expect_the_grant_works(docker(exec));
  result = docker({"restart", "-t", "0", "web"});
  ASSERT_EQ(result.status, 0) << result;
  expect_the_grant_works(docker(exec));
  EXPECT_EQ(test_->records().size(), 1U);
  EXPECT_THAT(docker({"rm", "-f", "web"}), Succeeds());
  EXPECT_THAT(test_->records(), IsEmpty());
}

TEST_P(Docker, TakesTheWiringUpWhileItRuns) {
  test_->grant_flows("{engine: docker}");
  start();
  EXPECT_NE(run({}).status, 0) << "there is no such runtime yet";
  std::vector<std::string> before = {
      "create", "--name", "before", "--network", "none", EngineMachine::kImage, "/bin/probe"};
  before.insert(before.end(), kUseTheGrant.begin(), kUseTheGrant.end());
  ASSERT_THAT(docker(before), Succeeds());
  install();
  const auto status = [&] {
    return machine().run({"pinscope", "engine", "status", "--engine", "docker"});
  };
  EXPECT_THAT(status().out, HasSubstr("dockerd runs since before the wiring: it does not know the "
                                      "runtime \"pinscope\""));
  EXPECT_EQ(status().status, 1);
  ASSERT_EQ(::kill(server_, SIGHUP), 0);
  ASSERT_TRUE(wait_until([&] {
    return docker({"info", "--format", "{{json .Runtimes}}"}).out.find("pinscope") !=
           std::string::npos;
  })) << machine().log("dockerd");
  expect_the_grant_works(run({}));
  EXPECT_THAT(status(), Succeeds());
  install({"--set-default"});
  EXPECT_THAT(status().out, HasSubstr("its default runtime is \"runc\""));
  ASSERT_EQ(::kill(server_, SIGHUP), 0);
  ASSERT_TRUE(wait_until([&] { return status().status == 0; })) << status();
  expect_the_grant_works(run({}, kUseTheGrant, ""));
  expect_no_view(docker({"start", "--attach", "before"}));
}

// BuildKit starts runc itself: what docs/engines/docker.md says of builds. The client of Docker
// 20.10 has BuildKit in it; later ones need a plugin that is not here, and the daemon is the same.
TEST_P(Docker, IsNotMetByABuildWithBuildKit) {
  if (GetParam() != "bookworm") GTEST_SKIP() << "its client has no BuildKit without a plugin";
  install({"--set-default"});
  test_->grant_flows("{engine: docker}");
  start();
  machine().write("/srv/build/Dockerfile", std::string("FROM ") + EngineMachine::kImage +
                                               "\nRUN [\"/bin/probe\", \"ls /sys/fs/bpf\"]\n");
  const auto build = [&](const char* kit) {
    const auto result =
        machine().run({"/bin/sh", "-c",
                       std::string("DOCKER_BUILDKIT=") + kit +
                           " docker build --network none --no-cache --progress plain /srv/build"});
    EXPECT_EQ(result.status, 0) << result;
    return result.out + result.err;
  };
  EXPECT_THAT(build("0"), HasSubstr("ls /sys/fs/bpf: ok flows"));
  const auto with_kit = build("1");
  EXPECT_THAT(with_kit, HasSubstr("ls /sys/fs/bpf: ok"));
  EXPECT_THAT(with_kit, Not(HasSubstr("flows")));
}

// Docker writes no annotation of its own, so none is believed. Docker 20.10 cannot even set one.
TEST_P(Docker, BelievesNoAnnotation) {
  if (GetParam() == "bookworm") GTEST_SKIP() << "Docker 20.10 has no annotations";
  install();
  test_->grant_flows("{kubernetes: {namespace: kube-system}}");
  test_->write_policy(
      "select: {kubernetes: {pod: agent, container: agent}}\n"
      "grants:\n  - {pin: /sys/fs/bpf/keys}\n",
      "pod");
  test_->write_policy("select: {image: agent}\ngrants:\n  - {pin: /sys/fs/bpf/keys}\n", "image");
  start();
  std::vector<std::string> options;
  for (const auto& annotation : kLyingAnnotations)
    options.insert(options.end(), {"--annotation", annotation});
  expect_no_view(run(options));
  // Nor does claiming to be a pause container lead out of a policy.
  test_->grant_flows("{engine: docker}");
  expect_the_grant_works(run({"--annotation", "io.kubernetes.cri.container-type=sandbox",
                              "--annotation", "io.kubernetes.cri-o.ContainerType=sandbox"}));
}

TEST_P(Docker, ShowsWhyAContainerDoesNotStart) {
  install();
  test_->write_policy("select: {engine: docker}\ngrants:\n  - {pin: /sys/fs/bpf/gone}\n");
  start();
  const auto result = run({});
  EXPECT_NE(result.status, 0);
  EXPECT_THAT(result.err, HasSubstr("/sys/fs/bpf/gone")) << result;
  EXPECT_EQ(test_->audit().back().code, "source-missing");
  EXPECT_THAT(test_->records(), IsEmpty());
}

// Nothing but the device is wired. CDI cannot open a seccomp profile: these run without one.
TEST_P(Docker, GivesAViewToWhoAsksForTheDevice) {
  if (GetParam() != "forky") GTEST_SKIP() << "Docker before 28.2 looks for no devices of CDI";
  test_->write_policy(
      "cdi: true\nselect: {user: {uid: 1000}}\n"
      "grants:\n  - {pin: /sys/fs/bpf/flows, access: read}\n",
      "flow-readers");
  ASSERT_THAT(machine().run({"pinscope", "cdi", "generate"}), Succeeds());
  start();
  const auto as = [&](const std::string& user, std::vector<std::string> options) {
    options.insert(options.end(), {"--user", user, "--security-opt", "seccomp=unconfined"});
    return run(options, kUseTheGrant, "");
  };
  const std::vector<std::string> device = {"--device", "pinscope.dev/view=flow-readers"};
  expect_the_grant_works(as("1000:1000", device));
  expect_no_view(as("1000:1000", {}));
  EXPECT_THAT(test_->records(), IsEmpty());

  const auto refused = as("0:0", device);
  EXPECT_NE(refused.status, 0);
  EXPECT_THAT(refused.err, HasSubstr("user.uid is 0, wanted 1000")) << refused;
  EXPECT_EQ(test_->audit().back().code, "policy-required");
}

TEST_P(Docker, IsAsItWasWhenTheWiringIsRemoved) {
  const auto before = files_below(machine().outside("/etc/docker"));
  install({"--set-default"});
  EXPECT_NE(files_below(machine().outside("/etc/docker")), before);
  const auto status = machine().run({"pinscope", "engine", "status", "--engine", "docker"});
  EXPECT_EQ(status.status, 0) << status;
  const auto result = machine().run({"pinscope", "engine", "remove", "--engine", "docker"});
  EXPECT_EQ(result.status, 0) << result;
  EXPECT_EQ(files_below(machine().outside("/etc/docker")), before);
  test_->grant_flows("{engine: docker}");
  start();
  expect_no_view(run({}, kUseTheGrant, ""));
}

TEST(EngineInstall, WarnsOfAnEngineThatIsNotThere) {
  const EngineMachine machine;
  const auto result = machine.run({"pinscope", "engine", "install", "--engine", "crio"});
  EXPECT_EQ(result.status, 0) << result;
  EXPECT_THAT(result.out, HasSubstr("warning: crio was not found on this machine"));
}

TEST(EngineInstall, SaysWhatItDoesNotUnderstand) {
  const EngineMachine machine;
  machine.write(
      "/etc/systemd/system/crio.service",
      "[Service]\nEnvironment=CONTAINER_CONFIG=/srv/crio.conf\nExecStart=/usr/bin/crio\n");
  for (int time = 0; time < 2; ++time) {
    const auto result = machine.run({"pinscope", "engine", "install", "--engine", "crio"});
    EXPECT_EQ(result.status, 0) << result;
    EXPECT_THAT(result.out,
                HasSubstr("warning: cannot tell what CRI-O reads: it is started with "
                          "CONTAINER_CONFIG /srv/crio.conf (crio.service): see for yourself that a "
                          "container gets its view"));
  }
}

INSTANTIATE_TEST_SUITE_P(, Docker, testing::Values("bookworm", "trixie", "forky"),
                         [](const auto& suite) { return std::string(suite.param); });

}  // namespace
}  // namespace pinscope::test
