// Podman, rootful, as a user has it: one command wires it, ordinary containers with the default
// seccomp profile and capabilities use what a policy grants, lies gain nothing, one command undoes
// it.
#include <filesystem>

#include "plugin/kernel/bpf/delegation.h"
#include "tests/engines/engine_test.h"
#include "tests/support/machine/wait.h"

namespace pinscope::test {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

constexpr const char* kContainersConf = R"([engine]
cgroup_manager = "cgroupfs"
events_logger = "none"
)";
constexpr const char* kStorageConf = R"([storage]
driver = "overlay"
runroot = "/run/containers/storage"
graphroot = "/var/lib/containers/storage"
)";

class Podman : public testing::TestWithParam<std::string> {
 protected:
  void SetUp() override {
    if (!has_program("podman")) GTEST_SKIP() << "podman is not installed";
    if (!has_program(GetParam())) GTEST_SKIP() << GetParam() << " is not installed";
    test_ = std::make_unique<EngineTest>("");
    machine().write("/etc/containers/containers.conf", kContainersConf);
    machine().write("/etc/containers/storage.conf", kStorageConf);
    // What --userns=auto takes its ids from.
    machine().write("/etc/subuid", "containers:200000:1048576\n");
    machine().write("/etc/subgid", "containers:200000:1048576\n");
    const auto loaded = podman({"load", "-i", EngineMachine::kImageArchive});
    ASSERT_EQ(loaded.status, 0) << loaded;
  }

  void TearDown() override {
    if (!test_) return;
    podman({"pod", "rm", "-fa"});
    podman({"rm", "-fa", "-t", "0"});
  }

  EngineMachine& machine() { return test_->machine; }

  CommandResult podman(std::vector<std::string> arguments) {
    std::vector<std::string> argv = {"podman", "--runtime", GetParam()};
    argv.insert(argv.end(), arguments.begin(), arguments.end());
    return machine().run(argv);
  }

  // `podman run` of the probe with `options`.
  CommandResult run(std::vector<std::string> options,
                    const std::vector<std::string>& commands = kUseTheGrant) {
    std::vector<std::string> arguments = {"run", "--rm", "--network", "none"};
    arguments.insert(arguments.end(), options.begin(), options.end());
    arguments.insert(arguments.end(), {EngineMachine::kImage, "/bin/probe"});
    arguments.insert(arguments.end(), commands.begin(), commands.end());
    return podman(arguments);
  }

  void install() {
    const auto result = machine().run({"pinscope", "engine", "install", "--engine", "podman"});
    ASSERT_EQ(result.status, 0) << result;
  }

  // For the message of a failed test.
  [[nodiscard]] std::string audit_errors() const {
    std::string text;
    for (const auto& line : test_->audit()) text += line.error + "\n";
    return text;
  }

  std::unique_ptr<EngineTest> test_;
};

// Buildah knows of no drop-in for hooks: what docs/engines/podman.md says of builds.
TEST_P(Podman, IsNotMetByABuild) {
  install();
  test_->grant_flows("{engine: podman}");
  machine().write("/srv/build/Containerfile", std::string("FROM ") + EngineMachine::kImage +
                                                  "\nRUN [\"/bin/probe\", \"ls /sys/fs/bpf\"]\n");
  const auto built = podman({"build", "--network", "none", "--no-cache", "/srv/build"});
  EXPECT_EQ(built.status, 0) << built;
  EXPECT_THAT(built.out, testing::HasSubstr("ls /sys/fs/bpf: ok")) << built;
  EXPECT_THAT(built.out, Not(testing::HasSubstr("flows"))) << built;
  podman({"rmi", "-fa"});
}

// It has read where hooks are when it was started.
TEST_P(Podman, TellsOfAServiceThatRunsSinceBeforeTheWiring) {
  const std::string url = "unix:///run/podman-test.sock";
  pid_t service = 0;
  const auto start = [&] {
    service = machine().start(
        "podman", {"podman", "--runtime", GetParam(), "system", "service", "--time", "0", url});
    ASSERT_TRUE(wait_until([&] {
      return machine().run({"podman", "--url", url, "version"}).status == 0;
    })) << machine().log("podman");
  };
  const auto run_by_service = [&] {
    std::vector<std::string> argv = {"podman",    "--url",     url,    "run",
                                     "--rm",      "--network", "none", EngineMachine::kImage,
                                     "/bin/probe"};
    argv.insert(argv.end(), kUseTheGrant.begin(), kUseTheGrant.end());
    return machine().run(argv);
  };
  const auto status = [&] {
    return machine().run({"pinscope", "engine", "status", "--engine", "podman"});
  };
  start();
  install();
  test_->grant_flows("{engine: podman}");
  expect_no_view(run_by_service());
  const auto old = status();
  EXPECT_EQ(old.status, 1) << old;
  EXPECT_THAT(old.out, testing::HasSubstr("runs since before the wiring")) << old;
  machine().stop(service);
  start();
  expect_the_grant_works(run_by_service());
  EXPECT_THAT(status(), Succeeds());
  machine().stop(service);
}

TEST_P(Podman, GivesAnOrdinaryContainerItsView) {
  install();
  test_->grant_flows("{engine: podman}");
  expect_the_grant_works(run({}));
  const auto audit = test_->audit();
  ASSERT_EQ(audit.size(), 3U);
  EXPECT_EQ(audit[1].outcome, "granted");
  EXPECT_EQ(audit[2].outcome, "removed");
  EXPECT_THAT(test_->records(), IsEmpty());
}

// At the precreate stage the bundle is not known yet.
TEST_P(Podman, GivesAViewToAContainerThatIsSelectedByItsBundle) {
  install();
  test_->grant_flows("{bundle: \"/var/lib/containers/**\"}");
  expect_the_grant_works(run({}));
}

TEST_P(Podman, LeavesAContainerAloneWhoseBundleNoPolicySelects) {
  install();
  test_->grant_flows("{bundle: \"/elsewhere/**\"}");
  const auto result = run({}, {"ls /sys/fs/bpf"});
  EXPECT_EQ(result.out, "ls /sys/fs/bpf: ok\n") << result;
}

TEST_P(Podman, LeavesAContainerAloneThatNoPolicySelects) {
  install();
  test_->grant_flows("{engine: docker}");
  expect_no_view(run({}));
  EXPECT_EQ(answer(run({}), "get-ro /sys/fs/bpf/keys"), "EPERM") << "the profile is as it was";
}

TEST_P(Podman, OpensOnlyTheCommandsThatTheGrantNeeds) {
  install();
  test_->grant_flows("{engine: podman}");
  expect_only_needed_commands(run({}, kTryOtherCommands));
}

TEST_P(Podman, GivesAViewToAnUnprivilegedUser) {
  install();
  test_->grant_flows("{engine: podman}");
  expect_the_grant_works(
      run({"--user", "1000:1000", "--cap-drop", "all", "--security-opt", "no-new-privileges"}));
}

TEST_P(Podman, GivesAViewInAUserNamespaceOfItsOwn) {
  install();
  test_->grant_flows("{engine: podman}");
  expect_the_grant_works(run({"--userns", "auto"}));
  expect_the_grant_works(run({"--uidmap", "0:300000:65536", "--gidmap", "0:300000:65536"}));
}

// crun sends the device into the namespace and says "/" for the bundle then.
TEST_P(Podman, GivesAViewInAUserNamespaceWithADevice) {
  if (!std::filesystem::exists("/dev/fuse")) GTEST_SKIP() << "this machine has no /dev/fuse";
  install();
  const std::vector<std::string> options = {"--uidmap",       "0:300000:65536", "--gidmap",
                                            "0:300000:65536", "--device",       "/dev/fuse"};
  test_->grant_flows("{engine: podman}");
  expect_the_grant_works(run(options));
  test_->grant_flows("{engine: docker}");
  expect_no_view(run(options));
}

TEST_P(Podman, GivesBpfTokensInAUserNamespace) {
  if (const auto probe = kernel::probe_delegation(); probe.answer != model::Probe::kYes)
    GTEST_SKIP() << probe.detail;
  install();
  test_->write_policy(
      "select: {engine: podman, namespaces: {user: private}}\n"
      "delegate: {commands: [map_create, prog_load, btf_load], maps: [hash, array], programs: "
      "[socket_filter], programsReach: whole-machine}\n"
      "grants: [{pin: /sys/fs/bpf/flows, access: read-write}]\n");
  const std::string hash = "token-map /sys/fs/bpf 1";
  const std::string lru_hash = "token-map /sys/fs/bpf 9";
  const std::string program = "token-prog /sys/fs/bpf 1 0";
  const std::vector<std::string> commands = {hash, lru_hash, program, "map-create",
                                             "get-rw /sys/fs/bpf/flows"};
  const std::vector<std::string> own = {"--uidmap", "0:300000:65536", "--gidmap", "0:300000:65536"};
  for (std::vector<std::string> options : {std::vector<std::string>{"--userns", "auto"}, own}) {
    SCOPED_TRACE(options.front());
    const auto without = run(options, commands);
    EXPECT_NE(answer(without, hash), "ok") << without;
    options.insert(options.end(), {"--cap-add", "BPF"});
    const auto result = run(options, commands);
    EXPECT_EQ(answer(result, hash), "ok") << result << audit_errors();
    EXPECT_EQ(answer(result, lru_hash), "EPERM");
    EXPECT_EQ(answer(result, program), "ok");
    EXPECT_EQ(answer(result, "map-create"), "EPERM");
    EXPECT_EQ(answer(result, "get-rw /sys/fs/bpf/flows"), "ok");
  }
}

// An unmodified program with libbpf 1.5.
TEST_P(Podman, LetsLibbpfMakeTokens) {
  if (const auto probe = kernel::probe_delegation(); probe.answer != model::Probe::kYes)
    GTEST_SKIP() << probe.detail;
  const std::string suite = "trixie-libbpf";
  if (const auto why = why_no_suite(suite); !why.empty()) GTEST_SKIP() << why;
  if (!std::filesystem::exists(PINSCOPE_LOADER_DIR "/named.bpf.o"))
    GTEST_SKIP() << "no clang was there to make the BPF objects";
  install();
  test_->write_policy(
      "select: {engine: podman}\n"
      "delegate: {commands: [map_create, prog_load, btf_load], maps: [hash, array], programs: "
      "[socket_filter], programsReach: whole-machine}\n");
  const std::string libraries = suite_directory(suite) + "/usr/lib/" PINSCOPE_ARCHITECTURE;
  const std::string library_volume = libraries + ":/lib/" + PINSCOPE_ARCHITECTURE + ":ro";
  const std::string loader_volume = std::string(PINSCOPE_LOADER_DIR) + ":/loader:ro";
  std::vector<std::string> arguments = {"run",      "--rm",         "--network", "none",
                                        "--userns", "auto",         "--cap-add", "BPF",
                                        "--volume", library_volume, "--volume",  loader_volume};
  for (const auto& entry : std::filesystem::directory_iterator(libraries))
    if (const auto name = entry.path().filename().string(); name.starts_with("ld-linux"))
      for (const char* directory : {"/lib/", "/lib64/"})
        arguments.insert(arguments.end(),
                         {"--volume", entry.path().string() + ":" + directory + name + ":ro"});
  arguments.insert(arguments.end(), {EngineMachine::kImage, "/loader/pinscope_loader",
                                     "/loader/named.bpf.o", "/loader/other_map.bpf.o"});
  const auto result = podman(arguments);
  EXPECT_EQ(answer(result, "load /loader/named.bpf.o"), "ok") << result << audit_errors();
  EXPECT_EQ(answer(result, "load /loader/other_map.bpf.o"), "EPERM") << result;
}

TEST_P(Podman, GivesAViewBelowAReadOnlyRoot) {
  install();
  test_->grant_flows("{engine: podman}");
  expect_the_grant_works(run({"--read-only"}));
}

TEST_P(Podman, GivesAViewToEachContainerOfAPod) {
  install();
  test_->grant_flows("{engine: podman}");
  auto result = podman({"pod", "create", "--name", "web", "--network", "none", "--infra-image",
                        EngineMachine::kImage});
  ASSERT_EQ(result.status, 0) << result;
  for (int i = 0; i < 2; ++i) {
    std::vector<std::string> arguments = {
        "run", "--rm", "--pod", "web", EngineMachine::kImage, "/bin/probe"};
    arguments.insert(arguments.end(), kUseTheGrant.begin(), kUseTheGrant.end());
    expect_the_grant_works(podman(arguments));
  }
}

TEST_P(Podman, GivesTheViewAgainAfterARestart) {
  install();
  test_->grant_flows("{engine: podman}");
  auto result = podman({"run", "-d", "--name", "web", "--network", "none", EngineMachine::kImage});
  ASSERT_EQ(result.status, 0) << result;
  std::vector<std::string> exec = {"exec", "web", "/bin/probe"};
  exec.insert(exec.end(), kUseTheGrant.begin(), kUseTheGrant.end());
  expect_the_grant_works(podman(exec));
  result = podman({"restart", "-t", "0", "web"});
  ASSERT_EQ(result.status, 0) << result;
  expect_the_grant_works(podman(exec));
  EXPECT_EQ(test_->records().size(), 1U);
  EXPECT_THAT(podman({"rm", "-f", "-t", "0", "web"}), Succeeds());
  EXPECT_THAT(test_->records(), IsEmpty());
}

TEST_P(Podman, DoctorNamesContainersThatItHasNoRecordOf) {
  const auto start = [&](const std::vector<std::string>& options) {
    std::vector<std::string> arguments = {"run", "-d", "--network", "none"};
    arguments.insert(arguments.end(), options.begin(), options.end());
    arguments.emplace_back(EngineMachine::kImage);
    const auto result = podman(arguments);
    EXPECT_EQ(result.status, 0) << result;
    return result.out.substr(0, result.out.find('\n'));
  };
  const auto doctor = [&] { return machine().run({"pinscope", "doctor", "-o", "json"}).out; };
  const std::string before = start({"-v", "/sys/fs/bpf:/host"});
  EXPECT_THAT(doctor(), Not(testing::HasSubstr("no record"))) << "nothing is wired";
  install();
  EXPECT_THAT(doctor(), testing::HasSubstr("1 container runs that Pinscope has no record of: " +
                                           before + "; since before the wiring: " + before +
                                           "; a bpffs of the host is mounted in " + before + "\""));
  test_->grant_flows("{}");
  const std::string after = start({});
  const std::string found = doctor();
  EXPECT_THAT(found, testing::HasSubstr("; but a policy selects every container"));
  EXPECT_THAT(found, Not(testing::HasSubstr(after)));
  EXPECT_THAT(podman({"rm", "-f", "-t", "0", before}), Succeeds());
  EXPECT_THAT(doctor(), testing::HasSubstr("every container that runs has a record"));
}

// --privileged takes the view's walls away: the container may open any object by its id, and Podman
// shows it the host's /sys. It starts, and the trail says why its view is void.
TEST_P(Podman, StartsAPrivilegedContainerWithItsView) {
  install();
  test_->grant_flows("{engine: podman}");
  const auto result = run({"--privileged"}, {"ls /sys/fs/bpf", "lookup /sys/fs/bpf/flows 1"});
  EXPECT_EQ(answer(result, "ls /sys/fs/bpf"), "ok flows") << result;
  EXPECT_EQ(answer(result, "lookup /sys/fs/bpf/flows 1"), "ok 42") << result;
  EXPECT_THAT(test_->audit().back().text,
              testing::HasSubstr("\"void\":[\"cap-sys-admin\",\"cap-sys-module\""));
}

// What docs/policy.md says of a key for the name of a container: there is nothing to match.
TEST_P(Podman, TellsNoHookTheNameOfAContainer) {
  constexpr const char* kName = "name-of-the-agent";
  auto result = podman({"run", "-d", "--name", kName, "--network", "none", EngineMachine::kImage});
  ASSERT_EQ(result.status, 0) << result;
  result = podman({"inspect", "--format", "{{.OCIConfigPath}}", kName});
  ASSERT_EQ(result.status, 0) << result;
  const auto config = machine().run({"cat", result.out.substr(0, result.out.find('\n'))});
  ASSERT_EQ(config.status, 0) << config;
  EXPECT_THAT(config.out, HasSubstr("io.container.manager"));
  EXPECT_THAT(config.out, Not(HasSubstr(kName)));
}

// Every key that an engine with identities trusts, set by whoever starts the container.
TEST_P(Podman, BelievesNoAnnotation) {
  install();
  test_->grant_flows("{kubernetes: {namespace: kube-system}}");
  test_->write_policy(
      "select: {kubernetes: {pod: agent, container: agent}}\n"
      "grants:\n  - {pin: /sys/fs/bpf/keys}\n",
      "pod");
  test_->write_policy("select: {image: agent}\ngrants:\n  - {pin: /sys/fs/bpf/keys}\n", "image");
  std::vector<std::string> options;
  for (const auto& annotation : kLyingAnnotations)
    options.insert(options.end(), {"--annotation", annotation});
  expect_no_view(run(options));
}

// Whoever starts a container would leave a policy by claiming to be a pod's pause container.
TEST_P(Podman, IsNotEscapedByClaimingToBeASandbox) {
  install();
  test_->grant_flows("{engine: podman}");
  expect_the_grant_works(run({"--annotation", "io.kubernetes.cri.container-type=sandbox",
                              "--annotation", "io.kubernetes.cri-o.ContainerType=sandbox"}));
}

TEST_P(Podman, DoesNotStartAContainerWhoseGrantIsMissing) {
  install();
  test_->write_policy("select: {engine: podman}\ngrants:\n  - {pin: /sys/fs/bpf/gone}\n");
  const auto result = run({});
  EXPECT_NE(result.status, 0);
  EXPECT_EQ(answer(result, "ls /sys/fs/bpf"), "no answer");
  ASSERT_THAT(test_->audit(), Not(IsEmpty()));
  EXPECT_EQ(test_->audit().back().code, "source-missing");
  EXPECT_THAT(test_->records(), IsEmpty());
}

TEST_P(Podman, IsAsItWasWhenTheWiringIsRemoved) {
  test_->grant_flows("{engine: podman}");
  const auto before = files_below(machine().outside("/usr/share/containers"));
  const auto etc = files_below(machine().outside("/etc/containers"));
  install();
  EXPECT_THAT(machine().run({"pinscope", "engine", "status", "--engine", "podman"}), Succeeds());
  const auto result = machine().run({"pinscope", "engine", "remove", "--engine", "podman"});
  EXPECT_EQ(result.status, 0) << result;
  EXPECT_EQ(files_below(machine().outside("/usr/share/containers")), before);
  EXPECT_EQ(files_below(machine().outside("/etc/containers")), etc);
  expect_no_view(run({}));
}

INSTANTIATE_TEST_SUITE_P(, Podman, testing::Values("runc", "crun"),
                         [](const auto& runtime) { return std::string(runtime.param); });

}  // namespace
}  // namespace pinscope::test
