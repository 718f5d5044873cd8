// `pinscope node run` on a node that is made up, whose ConfigMap changes as the kubelet changes it,
// and the hook of the node in real containers.
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <chrono>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <thread>

#include "tests/support/machine/node.h"

namespace pinscope::test {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

// A ConfigMap that says that there are none.
const ConfigMap::Files kNoPolicies = {{"none", ""}};

class KubernetesNode : public testing::Test {
 protected:
  [[nodiscard]] std::string file(const std::string& path) const { return node_.root() + path; }

  Node node_;
};

TEST_F(KubernetesNode, GetsProgramsPoliciesAndWiring) {
  node_.volume().update({{"a.yaml", granting("flows", "a")}, {"readme.txt", "not a policy"}});
  const auto result = node_.run(
      [&] {
        EXPECT_TRUE(node_.takes("name: a"));
        EXPECT_THAT(run(node_.command("ready")), Succeeds());
      },
      {"--engine", "crio"});
  EXPECT_EQ(result.status, 0) << result;
  EXPECT_THAT(result.err, HasSubstr("installed 0.1.0-"));
  EXPECT_THAT(result.err, HasSubstr("1 policy in force"));
  EXPECT_THAT(node_.in_cluster_file(), Not(HasSubstr("not a policy")));
  const auto hook = run({node_.prefix() + "/bin/pinscope-hook", "--version"});
  EXPECT_EQ(hook.status, 0) << hook;
  EXPECT_EQ(fs::read_symlink(node_.prefix() + "/bin/pinscope-runtime-containerd"),
            "pinscope-runtime");
  const std::string wired = read_file(file("/etc/crio/crio.conf.d/99-pinscope.conf"));
  EXPECT_THAT(wired, HasSubstr("hooks_dir"));
  EXPECT_THAT(read_file(file("/etc/pinscope/hooks.d/crio/pinscope-createRuntime.json")),
              HasSubstr(node_.prefix() + "/bin/pinscope-hook"));
  struct stat status {};
  ASSERT_EQ(stat(node_.cluster_file().c_str(), &status), 0);
  EXPECT_EQ(status.st_uid, 0U);
  EXPECT_EQ(status.st_mode & 07777U, 0644U);
}

TEST_F(KubernetesNode, KeepsEverythingInForceWhenTheAgentEnds) {
  node_.volume().update({{"a.yaml", granting("flows", "a")}});
  node_.run([&] { EXPECT_TRUE(node_.takes("name: a")); }, {"--engine", "crio"});
  EXPECT_EQ(node_.in_force(), 1U);
  EXPECT_EQ(node_.status(), "not ready: ended\n");
  EXPECT_TRUE(fs::exists(node_.prefix() + "/bin/pinscope-hook"));
  EXPECT_TRUE(fs::exists(file("/etc/crio/crio.conf.d/99-pinscope.conf")));
}

TEST_F(KubernetesNode, KeepsTheLastGoodPoliciesAfterABrokenEdit) {
  const std::string good = granting("flows", "good");
  node_.volume().update({{"a.yaml", good}});
  const auto result = node_.run([&] {
    ASSERT_TRUE(node_.takes("name: good"));
    const std::string before = node_.in_cluster_file();
    node_.volume().update({{"a.yaml", granting("flows", "better") + "  unknown: 1\n"},
                           {"b.yaml", granting("flows", "new")}});
    EXPECT_TRUE(node_.says("what was in force stays: "));
    EXPECT_THAT(node_.status(), HasSubstr("a.yaml:9:3: error: unknown key \"unknown\""));
    EXPECT_EQ(node_.in_cluster_file(), before);
    EXPECT_EQ(node_.in_force(), 1U);
    EXPECT_EQ(run(node_.command("ready")).status, 1);
    node_.volume().update({{"a.yaml", granting("flows", "better")}});
    EXPECT_TRUE(node_.takes("name: better"));
    EXPECT_EQ(run(node_.command("ready")).out, "ready\n");
  });
  EXPECT_EQ(result.status, 0) << result;
}

TEST_F(KubernetesNode, KeepsTheLastGoodPoliciesWhenItStartsOnABrokenSet) {
  node_.volume().update({{"a.yaml", granting("flows", "good")}});
  node_.run([&] { ASSERT_TRUE(node_.takes("name: good")); });
  const std::string before = node_.in_cluster_file();
  // One file of it is good.
  node_.volume().update({{"a.yaml", granting("flows", "new")}, {"b.yaml", "kind: [\n"}});
  const auto result = node_.run([&] {
    EXPECT_TRUE(node_.says("what was in force stays: "));
    EXPECT_THAT(node_.status(), HasSubstr("b.yaml:"));
  });
  EXPECT_EQ(result.status, 0) << result;
  EXPECT_EQ(node_.in_cluster_file(), before);
  EXPECT_EQ(node_.in_force(), 1U);
}

TEST_F(KubernetesNode, FollowsTheNodesLinksBelowTheNodesRoot) {
  // The link's target is a path of the node's; here there is nothing of that name.
  const std::string target = "/pinscope-node-test-" + std::to_string(getpid());
  fs::create_directories(file(target));
  fs::create_directory_symlink(target, node_.prefix());
  node_.volume().update({{"a.yaml", granting("flows", "a")}});
  const auto result = node_.run([&] { EXPECT_TRUE(node_.takes("name: a")); });
  EXPECT_EQ(result.status, 0) << result;
  EXPECT_TRUE(fs::exists(file(target + "/bin/pinscope-hook")));
  EXPECT_FALSE(fs::exists(target));
}

TEST_F(KubernetesNode, WaitsForAVolumeThatIsNotCompleteYet) {
  const ConfigMap::Files files = {{"a.yaml", granting("flows", "first")}};
  node_.run([&] {
    EXPECT_TRUE(node_.says("there are no policies in "));
    node_.volume().write_version(files);
    EXPECT_TRUE(node_.looks());
    EXPECT_THAT(node_.status(), HasSubstr("there are no policies in "));
    EXPECT_EQ(node_.in_cluster_file(), "");
    node_.volume().show_version(files);
    EXPECT_TRUE(node_.takes("name: first"));
    // A next version that is not shown changes nothing.
    node_.volume().write_version({{"a.yaml", granting("flows", "second")}});
    EXPECT_TRUE(node_.looks());
    EXPECT_TRUE(node_.takes("name: first"));
  });
}

TEST_F(KubernetesNode, FollowsDeletionsDownToTheEmptySet) {
  node_.volume().update({{"a.yaml", granting("flows", "a")}, {"b.yaml", granting("flows", "b")}});
  node_.run([&] {
    ASSERT_TRUE(node_.takes("name: b"));
    node_.volume().update({{"a.yaml", granting("flows", "a")}});
    EXPECT_TRUE(wait_until([&] { return node_.in_force() == 1U; }));
    EXPECT_THAT(node_.in_cluster_file(), Not(HasSubstr("name: b")));
    node_.volume().update(kNoPolicies);
    EXPECT_TRUE(wait_until([&] { return node_.in_force() == 0U; }));
    EXPECT_FALSE(fs::exists(node_.cluster_file()));
    EXPECT_EQ(node_.status(), "ready\n");
  });
}

// As the kubelet shows an optional ConfigMap that was deleted: taking its policies away would take
// away what they hide.
TEST_F(KubernetesNode, KeepsItsPoliciesWhenTheConfigMapIsDeleted) {
  node_.volume().update({{"a.yaml", granting("flows", "a")}});
  node_.run([&] {
    ASSERT_TRUE(node_.takes("name: a"));
    node_.volume().update({});
    EXPECT_TRUE(node_.says("there are no policies in "));
    EXPECT_THAT(node_.status(), HasSubstr("what was in force stays"));
    EXPECT_EQ(node_.in_force(), 1U);
  });
  const auto again = node_.run([&] { EXPECT_TRUE(node_.says("there are no policies in ")); });
  EXPECT_EQ(again.status, 0) << again;
  EXPECT_EQ(node_.in_force(), 1U);
}

TEST_F(KubernetesNode, SaysWhatHasChangedInASetOfTheSameSize) {
  node_.volume().update({{"a.yaml", granting("flows", "a")}, {"b.yaml", granting("flows", "b")}});
  const auto result = node_.run([&] {
    ASSERT_TRUE(node_.takes("name: a"));
    node_.volume().update({{"a.yaml", granting("flows", "z")}, {"c.yaml", granting("flows", "b")}});
    ASSERT_TRUE(node_.takes("name: z"));
  });
  EXPECT_THAT(result.err,
              HasSubstr("pinscope node: taken: \"a.yaml\" is new, \"b.yaml\" is new\n"));
  EXPECT_THAT(result.err,
              HasSubstr("pinscope node: taken: \"a.yaml\" has changed, \"c.yaml\" is new, "
                        "\"b.yaml\" is gone\n"));
}

TEST_F(KubernetesNode, NeverTouchesPoliciesOfItsOwn) {
  const std::string mine = granting("flows", "mine");
  node_.installation().write_policy(mine, "mine.yaml");
  node_.volume().update({{"a.yaml", granting("flows", "a")}});
  node_.run([&] {
    ASSERT_TRUE(node_.takes("name: a"));
    EXPECT_EQ(node_.in_force(), 2U);
    // Two policies of one name: neither side wins, and what was in force stays.
    node_.volume().update({{"a.yaml", granting("flows", "mine")}});
    EXPECT_TRUE(node_.says("two policies are called \"mine\""));
    EXPECT_THAT(node_.in_cluster_file(), HasSubstr("name: a"));
    // It is the node's edit that makes it possible.
    node_.installation().write_policy(granting("flows", "other"), "mine.yaml");
    EXPECT_TRUE(node_.takes("name: mine"));
    EXPECT_EQ(node_.in_force(), 2U);
    node_.volume().update(kNoPolicies);
    EXPECT_TRUE(wait_until([&] { return node_.in_force() == 1U; }));
  });
  EXPECT_EQ(read_file(node_.installation().policy_directory() + "/mine.yaml"),
            granting("flows", "other"));
}

TEST_F(KubernetesNode, LeavesAFileOfItsNameAloneIfSomebodyElseMadeIt) {
  node_.installation().write_policy(granting("flows", "mine"), "kubernetes.yaml");
  node_.volume().update({{"a.yaml", granting("flows", "a")}});
  node_.run([&] { EXPECT_TRUE(node_.says("it was not made by this program")); });
  EXPECT_EQ(node_.in_cluster_file(), granting("flows", "mine"));
}

// Both files of a version say its number. Whoever looks at the policy directory sees two equal
// numbers.
TEST_F(KubernetesNode, ShowsNoHalfOfASetDuringManyEdits) {
  const auto version = [](int number) {
    const std::string text = std::to_string(number);
    return ConfigMap::Files{{"a.yaml", granting("flows", "a-" + text)},
                            {"b.yaml", granting("flows", "b-" + text)}};
  };
  node_.volume().update(version(0));
  node_.run([&] {
    ASSERT_TRUE(node_.takes("name: b-0"));
    const std::string first = node_.in_cluster_file();
    std::ifstream opened(node_.cluster_file());
    bool done = false;
    int looks = 0;
    std::thread reader([&] {
      while (!__atomic_load_n(&done, __ATOMIC_SEQ_CST)) {
        const std::string text = node_.in_cluster_file();
        const auto after = [&](const std::string& mark) {
          if (!text.contains(mark)) return "no " + mark;
          const size_t at = text.find(mark) + mark.size();
          return text.substr(at, text.find('\n', at) - at);
        };
        EXPECT_EQ(after("name: a-"), after("name: b-")) << text;
        ++looks;
      }
    });
    for (int i = 1; i <= 100; ++i) {
      node_.volume().update(version(i));
      // Longer than a burst counts as one change: some of the versions are taken, others are not.
      usleep(i % 10 == 0 ? 200'000 : 2'000);
    }
    EXPECT_TRUE(node_.takes("name: b-100"));
    __atomic_store_n(&done, true, __ATOMIC_SEQ_CST);
    reader.join();
    EXPECT_GT(looks, 100);
    const std::string still((std::istreambuf_iterator<char>(opened)), {});
    EXPECT_EQ(still, first) << "whoever has it open reads on in what it was";
    EXPECT_EQ(node_.in_force(), 2U);
  });
}

TEST_F(KubernetesNode, ReplacesProgramsAsAWholeAndNeverInPlace) {
  node_.volume().update({{"a.yaml", granting("flows", "a")}});
  const auto install = [&] { node_.run([&] { ASSERT_TRUE(node_.takes("name: a")); }); };
  const auto releases = [&] {
    std::vector<std::string> names;
    for (const auto& entry : fs::directory_iterator(node_.prefix() + "/releases"))
      names.push_back(entry.path().filename());
    return names.size();
  };
  install();
  const std::string hook = node_.prefix() + "/bin/pinscope-hook";
  const auto first = fs::canonical(hook);
  const Fd running(check(open(first.c_str(), O_RDONLY | O_CLOEXEC), "open the hook"));
  install();
  EXPECT_EQ(fs::canonical(hook), first) << "the same programs are the same release";

  node_.programs("/bin/true");
  install();
  EXPECT_NE(fs::canonical(hook), first);
  EXPECT_TRUE(fs::exists(first)) << "a hook of it may be about to start its compiler";
  EXPECT_EQ(releases(), 2U);
  node_.programs("/bin/false");
  install();
  EXPECT_EQ(releases(), 2U);
  EXPECT_FALSE(fs::exists(first));
  struct stat status {};
  ASSERT_EQ(fstat(running.get(), &status), 0);
  EXPECT_EQ(static_cast<uintmax_t>(status.st_size),
            fs::file_size(PINSCOPE_BIN_DIR "/pinscope-hook"))
      << "what runs is never written to";

  // One that lost a program is made again.
  fs::remove(fs::canonical(hook));
  install();
  EXPECT_TRUE(fs::exists(hook));
}

TEST_F(KubernetesNode, IsToldWhatStandsInTheWayOfInstalling) {
  node_.volume().update({{"a.yaml", granting("flows", "a")}});
  auto result = run(node_.command("run", {"--engine", "containerd"}));
  EXPECT_EQ(result.status, 1) << result;
  EXPECT_THAT(result.err, HasSubstr("pinscope: cannot wire containerd: "));
  EXPECT_THAT(node_.status(), StartsWith("not ready: cannot wire containerd: "));
  fs::remove(node_.prefix() + "/bin");
  fs::create_directory(node_.prefix() + "/bin");
  result = run(node_.command("run"));
  EXPECT_EQ(result.status, 1) << result;
  EXPECT_THAT(result.err,
              HasSubstr("cannot replace \"bin\": it is not a link that this program made"));
  EXPECT_THAT(node_.status(), StartsWith("not ready: cannot replace \"bin\": "));
  fs::remove(node_.prefix() + "/bin");
  chmod(node_.prefix().c_str(), 0777);
  result = run(node_.command("run"));
  EXPECT_EQ(result.status, 1) << result;
  EXPECT_THAT(result.err, HasSubstr("others may write it (mode 0777)"));
}

class NodesContainers : public ViewTest {
 protected:
  // The hook may not compile: what it uses, the agent has made.
  void SetUp() override {
    ViewTest::SetUp();
    pins_.map("/sys/fs/bpf/flows");
    pins_.map("/sys/fs/bpf/counters");
    node_.installation().options = {"--compiler", "/bin/false"};
  }

  std::string seen() {
    RuntimeContainer container(GetParam());
    node_.installation().hook_into(container.spec);
    return answer(container.probe({"ls /sys/fs/bpf"}).run(), "ls /sys/fs/bpf");
  }

  Node node_;
};

TEST_P(NodesContainers, AreDecidedByTheConfigMapOfTheMomentTheyStart) {
  node_.volume().update({{"a.yaml", granting("flows", "a")}});
  const auto result = node_.run([&] {
    ASSERT_TRUE(node_.takes("name: a"));
    EXPECT_EQ(seen(), "ok flows");
    node_.volume().update({{"a.yaml", granting("counters", "b")}});
    ASSERT_TRUE(node_.takes("name: b"));
    EXPECT_EQ(seen(), "ok counters");
    node_.volume().update({{"a.yaml", "nonsense: ["}});
    ASSERT_TRUE(node_.says("what was in force stays"));
    EXPECT_EQ(seen(), "ok counters");
    node_.volume().update(kNoPolicies);
    ASSERT_TRUE(wait_until([&] { return node_.in_force() == 0U; }));
    EXPECT_EQ(seen(), "ok");
  });
  EXPECT_EQ(result.status, 0) << result;
  for (const auto& line : node_.installation().audit()) EXPECT_EQ(line.error, "") << line.text;
}

PINSCOPE_EACH_RUNTIME(NodesContainers);

}  // namespace
}  // namespace pinscope::test
