// `explain` and `inspect` find a container by what people call it: real Podman and Docker, runtimes
// alone, and commands that stand for an engine and do not answer as one.
#include "tests/engines/engine_test.h"
#include "tests/support/container/bundle.h"
#include "tests/support/machine/wait.h"

namespace pinscope::test {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

constexpr const char* kContainersConf =
    "[engine]\ncgroup_manager = \"cgroupfs\"\nevents_logger = \"none\"\n";
constexpr const char* kStorageConf =
    "[storage]\ndriver = \"overlay\"\nrunroot = \"/run/containers/storage\"\n"
    "graphroot = \"/var/lib/containers/storage\"\n";

class FindContainer : public testing::Test {
 protected:
  void TearDown() override {
    for (const auto& [runtime, id] : made_) machine().run({runtime, "delete", "--force", id});
  }

  EngineMachine& machine() { return test_.machine; }
  CommandResult pinscope(std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), "pinscope");
    return machine().run(std::move(arguments));
  }
  CommandResult explain(const std::string& name) { return pinscope({"explain", "--", name}); }

  // Created by a runtime in its default directory, and not started.
  void create(const std::string& runtime, const std::string& id, const std::string& bundle) {
    BundleSpec spec;
    spec.args = {"/bin/probe", "sleep 100"};
    spec.annotations["bundle"] = "/evil";
    const std::string rootfs = bundle + "/rootfs";
    ASSERT_THAT(machine().run({"mkdir", "-p", rootfs}), Succeeds());
    const auto unpacked = machine().run({"tar", "-C", rootfs, "-xf", EngineMachine::kImageRootfs});
    ASSERT_EQ(unpacked.status, 0) << unpacked;
    machine().write(bundle + "/config.json", to_config_json(spec));
    const auto created = machine().run({"sh", "-c", "exec \"$@\" </dev/null >/dev/null", "sh",
                                        runtime, "create", "--bundle", bundle, id});
    ASSERT_EQ(created.status, 0) << created;
    made_.emplace_back(runtime, id);
  }

  // A command that stands for the engine's.
  void play(const std::string& engine, const std::string& script) {
    machine().write("/usr/local/sbin/" + engine, "#!/bin/sh\n" + script + "\n", 0755);
  }
  // Engines that know nobody, for what is not about them.
  void play_none() {
    for (const char* engine : {"podman", "docker", "crictl"}) play(engine, "exit 1");
  }

  EngineTest test_{""};
  std::vector<std::pair<std::string, std::string>> made_;
};

class CreatedContainer : public FindContainer, public testing::WithParamInterface<std::string> {};

TEST_P(CreatedContainer, IsFoundByItsIdAndItsBeginning) {
  if (!has_program(GetParam())) GTEST_SKIP() << GetParam() << " is not installed";
  play_none();
  create(GetParam(), "pinscope-test-web", "/run/bundles/web");
  for (const char* word : {"pinscope-test-web", "pinscope-test-w"}) {
    const auto result = explain(word);
    EXPECT_EQ(result.status, 0) << result;
    EXPECT_THAT(result.out, HasSubstr("found pinscope-test-web, bundle /run/bundles/web, by /run/" +
                                      GetParam() + "/pinscope-test-web\n"));
    EXPECT_THAT(result.out, HasSubstr("container \"pinscope-test-web\", engine not given"));
  }
  const auto plan = pinscope({"plan", "pinscope-test-w"});
  EXPECT_EQ(plan.status, 0) << plan;
}

TEST_P(CreatedContainer, IsOneOfSeveralWithOneBeginning) {
  if (!has_program(GetParam())) GTEST_SKIP() << GetParam() << " is not installed";
  play_none();
  create(GetParam(), "pinscope-test-a", "/run/bundles/a");
  create(GetParam(), "pinscope-test-ab", "/run/bundles/ab");
  const auto result = explain("pinscope-test-");
  EXPECT_EQ(result.status, 1) << result;
  EXPECT_THAT(result.err,
              AllOf(HasSubstr("it may be any of 2: pinscope-test-a by /run/" + GetParam()),
                    HasSubstr(", pinscope-test-ab by /run/")));
  EXPECT_THAT(explain("pinscope-test-a").out, HasSubstr("bundle /run/bundles/a,"));
}

INSTANTIATE_TEST_SUITE_P(Runtimes, CreatedContainer, testing::Values("runc", "crun"));

TEST_F(FindContainer, SaysWhereItLookedAndTheWayOut) {
  play("podman", "exit 125");
  const auto result = explain("web");
  EXPECT_EQ(result.status, 1);
  EXPECT_THAT(result.err, AllOf(HasSubstr("cannot find container \"web\": it is not in "),
                                HasSubstr("podman"), HasSubstr("--bundle DIR")));
}

TEST_F(FindContainer, HoldsNoNameForAnOption) {
  play_none();
  play("podman", "echo \"$#|$*\" >> /run/asked; exit 125");
  const auto result = explain("--format=x");
  EXPECT_EQ(result.status, 1) << result;
  EXPECT_THAT(machine().read("/run/asked"),
              testing::StartsWith("4|container inspect -- --format=x\n"));
}

TEST_F(FindContainer, ShowsNoHostileNameOfAnEngine) {
  play_none();
  play("podman",
       "printf '[{\"Id\": \"web\\\\u001b]0;x\", \"Name\": \"\\\\u202egpj\", "
       "\"State\": {\"Status\": \"\\\\u001b[2J\"}}]'");
  const auto result = explain("web");
  EXPECT_EQ(result.status, 1) << result;
  EXPECT_THAT(result.err, AllOf(Not(HasSubstr("\x1b")), Not(HasSubstr("\xe2\x80\xae"))));
  play("podman",
       "printf '[{\"Id\": \"web1\", \"Name\": \"\\\\u202egpj\\\\n\", \"State\": {\"Status\": "
       "\"\\\\u001b[2J\"}}]'");
  const auto second = explain("web");
  EXPECT_THAT(second.err, AllOf(HasSubstr("\\u202Egpj"), Not(HasSubstr("\x1b")),
                                Not(HasSubstr("\xe2\x80\xae"))));
}

TEST_F(FindContainer, NamesTheOneThatWasMeant) {
  play_none();
  play("podman", "case $1 in ps) echo '3f2a dashboard-1';; *) exit 125;; esac");
  for (const auto& command : std::vector<std::vector<std::string>>{{"can", "dashbord-1", "map:1"},
                                                                   {"who", "dashbord-1:flows"}}) {
    const auto result = pinscope(command);
    EXPECT_NE(result.status, 0) << result;
    EXPECT_THAT(result.err,
                AllOf(HasSubstr("did you mean \"dashboard-1\"?"), Not(HasSubstr("--bundle DIR"))));
  }
  EXPECT_THAT(explain("dashbord-1").err,
              HasSubstr("did you mean \"dashboard-1\"?; or name the directory"));
  EXPECT_THAT(pinscope({"who", "map:abc"}).err, HasSubstr("\"abc\" is not a number"));
}

TEST_F(FindContainer, IsChosenByItsNameInInventoryAndDrift) {
  play_none();
  create("runc", "pinscope-test-web", "/run/bundles/web");
  play("podman", "echo '[{\"Id\": \"pinscope-test-web\", \"Name\": \"shop\"}]'");
  const auto inventory = pinscope({"inventory", "mounts", "--container", "shop"});
  EXPECT_THAT(inventory.err, HasSubstr("cannot show container \"shop\": no bpffs is mounted"));
  const auto drift = pinscope({"drift", "--container", "shop"});
  EXPECT_THAT(drift.err, Not(HasSubstr("cannot find container \"shop\"")));
}

// A service that somebody else answers must not pass another container off for the one asked for.
TEST_F(FindContainer, IsNotAnotherThanWasAskedFor) {
  play_none();
  play("podman", "echo '[{\"Id\": \"3f2a\", \"Name\": \"other\", \"OCIConfigPath\": \"/x/y\"}]'");
  const auto result = explain("web");
  EXPECT_EQ(result.status, 1);
  EXPECT_THAT(result.err, HasSubstr("it is not in "));
}

TEST_F(FindContainer, ListsTheTwoThatHaveOneName) {
  play_none();
  play("podman", "echo '[{\"Id\": \"3f2a\", \"Name\": \"web\", \"OCIConfigPath\": \"/p/c\"}]'");
  play("docker", "echo '[{\"Id\": \"77aa\", \"Name\": \"/web\"}]'");
  const auto result = explain("web");
  EXPECT_EQ(result.status, 1);
  EXPECT_THAT(result.err, AllOf(HasSubstr("web (podman, 3f2a)"), HasSubstr("web (docker, 77aa)")));
}

// Whoever starts a container chooses its name: that must not take the place of another's id.
TEST_F(FindContainer, IsAmbiguousWhereANameIsTheBeginningOfAnothersId) {
  play_none();
  create("runc", "pinscope-test-web", "/run/bundles/web");
  play("podman",
       "echo '[{\"Id\": \"3f2a\", \"Name\": \"pinscope-test\", \"OCIConfigPath\": \"/p/c\"}]'");
  const auto result = explain("pinscope-test");
  EXPECT_EQ(result.status, 1) << result;
  EXPECT_THAT(result.err, AllOf(HasSubstr("any of 2"), HasSubstr("pinscope-test (podman, 3f2a)"),
                                HasSubstr("/run/runc/pinscope-test-web")));
}

TEST_F(FindContainer, SurvivesAnEngineThatDoesNotAnswerAsOne) {
  play_none();
  create("runc", "pinscope-test-web", "/run/bundles/web");
  for (const auto& [script, reason] : std::vector<std::pair<std::string, std::string>>{
           {"echo '{\"x\": ['", "its answer"},
           {"exec yes", "it did not answer in time"},
           {"exec sleep 1000", "it did not answer in time"}}) {
    SCOPED_TRACE(script);
    play("podman", script);
    const auto missing = explain("no-such");
    EXPECT_EQ(missing.status, 1);
    EXPECT_THAT(missing.err, AllOf(HasSubstr("cannot ask podman for its containers"),
                                   HasSubstr(reason), HasSubstr("--bundle DIR")));
    const auto found = explain("pinscope-test-web");
    EXPECT_EQ(found.status, 0) << found;
    EXPECT_THAT(found.out, AllOf(HasSubstr("bundle /run/bundles/web"),
                                 HasSubstr("warning: cannot ask podman for its containers")));
  }
}

TEST_F(FindContainer, TakesADirectoryForABundle) {
  play("podman", "touch /run/asked; exit 125");
  create("runc", "pinscope-test-web", "/run/bundles/web");
  const auto named = pinscope({"explain", "/run/bundles/web"});
  EXPECT_EQ(named.status, 0) << named;
  const auto in_it = machine().run({"sh", "-c", "cd /run/bundles && exec pinscope explain web"});
  EXPECT_EQ(in_it.status, 0) << in_it;
  EXPECT_THAT(in_it.out, HasSubstr("container \"web\", engine not given"));
  EXPECT_FALSE(machine().exists("/run/asked"));
}

class FindPodman : public FindContainer {
 protected:
  void SetUp() override {
    if (!has_program("podman")) GTEST_SKIP() << "podman is not installed";
    machine().write("/etc/containers/containers.conf", kContainersConf);
    machine().write("/etc/containers/storage.conf", kStorageConf);
    const auto loaded = podman({"load", "-i", EngineMachine::kImageArchive});
    ASSERT_EQ(loaded.status, 0) << loaded;
    const auto installed = pinscope({"engine", "install", "--engine", "podman"});
    ASSERT_EQ(installed.status, 0) << installed;
    test_.grant_flows("{engine: podman}");
  }
  void TearDown() override {
    if (has_program("podman")) podman({"rm", "-fa", "-t", "0"});
    FindContainer::TearDown();
  }
  CommandResult podman(std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), "podman");
    return machine().run(std::move(arguments));
  }
  // Its id.
  std::string run(const std::string& name) {
    const auto result = podman({"run", "-d", "--name", name, "--network", "none",
                                EngineMachine::kImage, "/bin/probe", "sleep 100"});
    EXPECT_EQ(result.status, 0) << result;
    return lines(result.out).empty() ? "" : lines(result.out).back();
  }
};

TEST_F(FindPodman, ExplainsInspectsAndListsByItsName) {
  const std::string id = run("web");
  ASSERT_EQ(id.size(), 64U);
  for (const std::string& word : {std::string("web"), id.substr(0, 12), id}) {
    SCOPED_TRACE(word);
    const auto explained = explain(word);
    EXPECT_EQ(explained.status, 0) << explained;
    EXPECT_THAT(explained.out, AllOf(HasSubstr("podman"), HasSubstr("/userdata, by "),
                                     HasSubstr("selects   policy \"test\"")));
    const auto inspected = pinscope({"inspect", word});
    EXPECT_EQ(inspected.status, 0) << inspected;
    EXPECT_THAT(inspected.out, HasSubstr(id));
  }
  EXPECT_THAT(explain("web").out, HasSubstr("found web (podman, " + id.substr(0, 12) + ")"));
  EXPECT_THAT(pinscope({"list"}).out, Not(HasSubstr("NAME")));
  EXPECT_THAT(pinscope({"list", "--names"}).out,
              AllOf(HasSubstr("NAME"), HasSubstr(id.substr(0, 12) + "  web")));
  EXPECT_THAT(pinscope({"list", "--names", "-o", "json"}).out, HasSubstr("\"name\": \"web\""));
  // What no policy selects has no record, and is found all the same.
  test_.grant_flows("{engine: docker}");
  run("other");
  const auto other = explain("other");
  EXPECT_EQ(other.status, 0) << other;
  EXPECT_THAT(other.out, AllOf(HasSubstr("found other (podman, "),
                               HasSubstr("engine is \"podman\", wanted \"docker\"")));
}

TEST_F(FindPodman, SaysThatAContainerHasNoBundleYet) {
  const auto made = podman({"create", "--name", "later", "--network", "none", EngineMachine::kImage,
                            "/bin/probe", "ls /"});
  ASSERT_EQ(made.status, 0) << made;
  const auto result = explain("later");
  EXPECT_EQ(result.status, 1) << result;
  EXPECT_THAT(result.err, AllOf(HasSubstr("later (podman, "), HasSubstr("it has no bundle now")));
}

TEST(FindDockerContainer, ExplainsByItsName) {
  if (const auto reason = why_no_suite("trixie"); !reason.empty()) GTEST_SKIP() << reason;
  EngineTest test("trixie");
  auto& machine = test.machine;
  machine.write("/etc/docker/daemon.json",
                "{\"storage-driver\": \"vfs\", \"iptables\": false, \"ip6tables\": false, "
                "\"bridge\": \"none\", \"shutdown-timeout\": 1}\n");
  const auto installed = machine.run({"pinscope", "engine", "install", "--engine", "docker"});
  ASSERT_EQ(installed.status, 0) << installed;
  test.grant_flows("{engine: docker}");
  machine.start("dockerd", {"dockerd"});
  ASSERT_TRUE(wait_until([&] {
    return machine.run({"docker", "info"}).status == 0;
  })) << machine.log("dockerd");
  const auto imported =
      machine.run({"docker", "import", EngineMachine::kImageRootfs, EngineMachine::kImage});
  ASSERT_EQ(imported.status, 0) << imported;
  const auto run = [&](const std::string& name, const std::string& runtime) {
    const auto result =
        machine.run({"docker", "run", "-d", "--name", name, "--network", "none", "--runtime",
                     runtime, EngineMachine::kImage, "/bin/probe", "sleep 100"});
    EXPECT_EQ(result.status, 0) << result;
  };
  run("web", "pinscope");
  run("plain", "runc");
  for (const char* name : {"web", "plain"}) {
    const auto explained = machine.run({"pinscope", "explain", name});
    EXPECT_EQ(explained.status, 0) << explained;
    EXPECT_THAT(explained.out, AllOf(HasSubstr("found " + std::string(name) + " (docker, "),
                                     HasSubstr("io.containerd.runtime.v2.task/moby/"),
                                     HasSubstr("selects   policy \"test\"")));
  }
  const auto inspected = machine.run({"pinscope", "inspect", "web"});
  EXPECT_EQ(inspected.status, 0) << inspected;
  EXPECT_THAT(machine.run({"pinscope", "list", "--names"}).out, HasSubstr("  web"));
  machine.run({"docker", "rm", "-f", "web", "plain"});
}

}  // namespace
}  // namespace pinscope::test
