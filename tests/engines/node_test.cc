// `pinscope node run` on a node that is made up: a root directory at another place, as a DaemonSet
// sees its node's, a ConfigMap volume that changes as the kubelet changes it, and the hook of the
// node in real containers. The agent runs with the one capability that config/kubernetes gives it.
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <csignal>
#include <filesystem>
#include <functional>
#include <map>
#include <thread>
#include <tuple>

#include "plugin/policy/cache.h"
#include "tests/engines/config_map.h"
#include "tests/engines/view_test.h"
#include "tests/support/check.h"

namespace pinscope::test {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;
using testing::Not;

std::string granting(const std::string& pin, const std::string& name) {
  return policy_text("select: {}\ngrants:\n  - {pin: /sys/fs/bpf/" + pin + "}\n", name);
}

// Directories with the same content at two places: this machine's path, which the hook uses, and
// the same path below the root directory that the agent makes its own. As on a node, where they are
// host paths.
class Node {
 public:
  Node() {
    volume_ = std::make_unique<ConfigMap>(outside_.path("volume"));
    programs(PINSCOPE_BIN_DIR "/pinscope-hook");
    share(installation_.directory().path());
  }
  ~Node() {
    for (auto mount = mounts_.rbegin(); mount != mounts_.rend(); ++mount)
      check(umount2(mount->c_str(), MNT_DETACH), "unmount " + *mount);
  }
  Node(const Node&) = delete;
  Node& operator=(const Node&) = delete;

  [[nodiscard]] Installation& installation() { return installation_; }
  [[nodiscard]] ConfigMap& volume() { return *volume_; }
  [[nodiscard]] std::string root() const { return outside_.path("host"); }
  [[nodiscard]] std::string prefix() const { return installation_.directory().path("opt"); }
  [[nodiscard]] std::string cluster_file() const {
    return installation_.policy_directory() + "/kubernetes.yaml";
  }
  [[nodiscard]] std::string in_cluster_file() const {
    return fs::exists(cluster_file()) ? read_file(cluster_file()) : "";
  }
  [[nodiscard]] std::string status() const {
    const std::string path = outside_.path("status");
    return fs::exists(path) ? read_file(path) : "";
  }

  // What the image would hold; `hook` makes one release differ from another.
  void programs(const std::string& hook) {
    const fs::path directory = outside_.make_directory("image");
    const auto replace = fs::copy_options::overwrite_existing;
    fs::copy(PINSCOPE_BIN_DIR "/pinscope", directory / "pinscope", replace);
    fs::copy(hook, directory / "pinscope-hook", replace);
    fs::copy(PINSCOPE_BIN_DIR "/pinscope-runtime", directory / "pinscope-runtime", replace);
  }

  [[nodiscard]] std::vector<std::string> command(const std::string& action,
                                                 std::vector<std::string> more = {}) const {
    std::vector<std::string> argv = {"setpriv",
                                     "--bounding-set=-all,+sys_chroot",
                                     "--inh-caps=-all",
                                     PINSCOPE_BIN_DIR "/pinscope",
                                     "node",
                                     action,
                                     "--root",
                                     root(),
                                     "--policies",
                                     volume_->path(),
                                     "--programs",
                                     outside_.path("image"),
                                     "--status-file",
                                     outside_.path("status"),
                                     "--prefix",
                                     prefix(),
                                     "--policy",
                                     installation_.policy_directory(),
                                     "--cache-dir",
                                     installation_.cache_directory(),
                                     "--state-dir",
                                     installation_.state_directory()};
    argv.insert(argv.end(), more.begin(), more.end());
    return argv;
  }

  // Runs the agent, and `work` beside it; then tells the agent to end.
  CommandResult run(const std::function<void()>& work, std::vector<std::string> more = {}) {
    std::error_code ignored;
    fs::remove(outside_.path("status"), ignored);
    return Command(command("run", std::move(more)))
        .while_running([&](pid_t agent) {
          work();
          eventually([&] { return !status().empty(); });
          kill(agent, SIGTERM);
        })
        .run();
  }

  // How many policies are in force, if the set is that of the files as they are.
  [[nodiscard]] std::optional<size_t> in_force() const {
    const auto set = policy::CachedSet::open(installation_.cache_directory(),
                                             installation_.policy_directory(), policy::kSetSuffix);
    if (!set || !*set ||
        !(*set)->is_current(installation_.policy_directory(), policy::Racy::kCountsAsChanged))
      return std::nullopt;
    return (*set)->set().policy_count();
  }

  static bool eventually(const std::function<bool()>& holds, int seconds = 20) {
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(seconds);
    while (!holds()) {
      if (std::chrono::steady_clock::now() > deadline) return false;
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
    }
    return true;
  }
  // Waits until the agent has taken the set that holds `text`.
  [[nodiscard]] bool takes(const std::string& text) const {
    return eventually([&] {
      return in_cluster_file().find(text) != std::string::npos && in_force() &&
             status() == "ready\n";
    });
  }
  [[nodiscard]] bool says(const std::string& text) const {
    return eventually([&] { return status().find(text) != std::string::npos; });
  }

 private:
  void share(const std::string& path) {
    const std::string there = outside_.make_directory("host" + path);
    check(mount(path.c_str(), there.c_str(), nullptr, MS_BIND | MS_REC, nullptr), "bind " + path);
    mounts_.push_back(there);
  }

  Installation installation_;
  TempDirectory outside_{0755};
  std::unique_ptr<ConfigMap> volume_;
  std::vector<std::string> mounts_;
};

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
        EXPECT_EQ(run(node_.command("ready")).status, 0);
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

TEST_F(KubernetesNode, WaitsForAVolumeThatIsNotCompleteYet) {
  const ConfigMap::Files files = {{"a.yaml", granting("flows", "first")}};
  node_.run([&] {
    EXPECT_TRUE(node_.says("there are no policies in "));
    node_.volume().write_version(files);
    std::this_thread::sleep_for(std::chrono::milliseconds(400));
    EXPECT_THAT(node_.status(), HasSubstr("there are no policies in "));
    EXPECT_EQ(node_.in_cluster_file(), "");
    node_.volume().show_version(files);
    EXPECT_TRUE(node_.takes("name: first"));
    // A next version that is not shown changes nothing.
    node_.volume().write_version({{"a.yaml", granting("flows", "second")}});
    std::this_thread::sleep_for(std::chrono::milliseconds(400));
    EXPECT_TRUE(node_.takes("name: first"));
  });
}

TEST_F(KubernetesNode, FollowsDeletionsDownToTheEmptySet) {
  node_.volume().update({{"a.yaml", granting("flows", "a")}, {"b.yaml", granting("flows", "b")}});
  node_.run([&] {
    ASSERT_TRUE(node_.takes("name: b"));
    node_.volume().update({{"a.yaml", granting("flows", "a")}});
    EXPECT_TRUE(Node::eventually([&] { return node_.in_force() == 1U; }));
    EXPECT_THAT(node_.in_cluster_file(), Not(HasSubstr("name: b")));
    node_.volume().update({});
    EXPECT_TRUE(Node::eventually([&] { return node_.in_force() == 0U; }));
    EXPECT_FALSE(fs::exists(node_.cluster_file()));
    EXPECT_EQ(node_.status(), "ready\n");
  });
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
    node_.volume().update({});
    EXPECT_TRUE(Node::eventually([&] { return node_.in_force() == 1U; }));
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
    bool done = false;
    int looks = 0;
    std::thread reader([&] {
      while (!__atomic_load_n(&done, __ATOMIC_SEQ_CST)) {
        const std::string text = node_.in_cluster_file();
        const auto after = [&](const std::string& mark) {
          const size_t at = text.find(mark) + mark.size();
          return text.substr(at, text.find('\n', at) - at);
        };
        EXPECT_EQ(after("name: a-"), after("name: b-")) << text;
        ++looks;
      }
    });
    for (int i = 1; i <= 100; ++i) {
      node_.volume().update(version(i));
      usleep(i % 10 == 0 ? 200'000 : 2'000);
    }
    EXPECT_TRUE(node_.takes("name: b-100"));
    __atomic_store_n(&done, true, __ATOMIC_SEQ_CST);
    reader.join();
    EXPECT_GT(looks, 100);
    EXPECT_EQ(node_.in_force(), 2U);
  });
}

TEST_F(KubernetesNode, RemovesTheWiringThenThePoliciesThenThePrograms) {
  node_.installation().write_policy(granting("flows", "mine"), "mine.yaml");
  node_.volume().update({{"a.yaml", granting("flows", "a")}});
  const auto result = node_.run([&] { ASSERT_TRUE(node_.takes("name: a")); },
                                {"--engine", "crio", "--remove-on-exit"});
  EXPECT_EQ(result.status, 0) << result;
  EXPECT_LT(result.err.find("remove /etc/crio/crio.conf.d/99-pinscope.conf"),
            result.err.find("pinscope node: removed"));
  EXPECT_FALSE(fs::exists(file("/etc/crio/crio.conf.d/99-pinscope.conf")));
  EXPECT_FALSE(fs::exists(file("/etc/pinscope/hooks.d/crio")));
  EXPECT_FALSE(fs::exists(node_.prefix()));
  EXPECT_FALSE(fs::exists(node_.cluster_file()));
  EXPECT_EQ(node_.in_force(), 1U);
}

TEST_F(KubernetesNode, KeepsTheProgramsWhileAContainerNeedsThem) {
  node_.volume().update({{"a.yaml", granting("flows", "a")}});
  node_.run([&] { ASSERT_TRUE(node_.takes("name: a")); }, {"--engine", "crio"});
  const std::string record =
      node_.installation().directory().write("state/containers/web.json", "{}");
  auto removed = run(node_.command("remove", {"--engine", "crio"}));
  EXPECT_EQ(removed.status, 0) << removed;
  EXPECT_THAT(removed.err, HasSubstr("containers with a view are running"));
  EXPECT_TRUE(fs::exists(node_.prefix() + "/bin/pinscope-hook"));
  EXPECT_FALSE(fs::exists(file("/etc/crio/crio.conf.d/99-pinscope.conf")));
  fs::remove(record);
  removed = run(node_.command("remove", {"--engine", "crio"}));
  EXPECT_EQ(removed.status, 0) << removed;
  EXPECT_FALSE(fs::exists(node_.prefix()));
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
  fs::remove(node_.prefix() + "/bin");
  fs::create_directory(node_.prefix() + "/bin");
  result = run(node_.command("run"));
  EXPECT_EQ(result.status, 1) << result;
  EXPECT_THAT(result.err,
              HasSubstr("cannot replace \"bin\": it is not a link that this program made"));
  fs::remove(node_.prefix() + "/bin");
  chmod(node_.prefix().c_str(), 0777);
  result = run(node_.command("run"));
  EXPECT_EQ(result.status, 1) << result;
  EXPECT_THAT(result.err, HasSubstr("others may write it (mode 0777)"));
}

// The directories that config/kubernetes mounts are enough: everything else of the node is
// read-only here.
class DaemonSet : public testing::TestWithParam<std::tuple<const char*, const char*>> {
 protected:
  DaemonSet() {
    const std::string host = directory_.make_directory("host");
    for (const char* path : kMounted) directory_.make_directory(std::string("host") + path);
    directory_.write("host/etc/containerd/config.toml", std::get<1>(GetParam()));
    bind(host, host, MS_RDONLY);
    for (const char* path : kMounted) {
      const std::string real = directory_.make_directory("real" + std::string(path));
      bind(real, host + path, 0);
    }
    directory_.write("real/etc/containerd/config.toml", std::get<1>(GetParam()));
    for (const std::string name : {"pinscope", "pinscope-hook", "pinscope-runtime"})
      fs::copy(PINSCOPE_BIN_DIR "/" + name, directory_.make_directory("image") + "/" + name);
  }
  ~DaemonSet() override {
    for (auto mount = mounts_.rbegin(); mount != mounts_.rend(); ++mount)
      umount2(mount->c_str(), MNT_DETACH);
  }

  CommandResult pinscope(const std::string& action) {
    return Command({"setpriv", "--bounding-set=-all,+sys_chroot", "--inh-caps=-all",
                    PINSCOPE_BIN_DIR "/pinscope", "node", action, "--root", directory_.path("host"),
                    "--policies", volume_.path(), "--programs", directory_.path("image"),
                    "--status-file", directory_.path("status"), "--engine",
                    std::get<0>(GetParam())})
        .while_running([&](pid_t agent) {
          if (action != "run") return;
          EXPECT_TRUE(Node::eventually([&] {
            return fs::exists(directory_.path("status")) &&
                   read_file(directory_.path("status")) == "ready\n";
          }));
          kill(agent, SIGTERM);
        })
        .run();
  }

  // Every file that is there now, with its content.
  std::map<std::string, std::string> files() const {
    std::map<std::string, std::string> found;
    for (const char* path : {"real/etc", "real/opt"})
      for (const auto& entry : fs::recursive_directory_iterator(directory_.path(path)))
        if (entry.is_regular_file() && !entry.is_symlink())
          found[entry.path()] = read_file(entry.path());
    return found;
  }

  static constexpr std::array kMounted = {"/opt/pinscope", "/etc/pinscope", "/var/lib/pinscope",
                                          "/run/pinscope", "/etc/crio",     "/etc/containerd"};
  TempDirectory directory_{0755};
  ConfigMap volume_{directory_.path("volume")};

 private:
  void bind(const std::string& from, const std::string& to, unsigned long flags) {
    check(mount(from.c_str(), to.c_str(), nullptr, MS_BIND, nullptr), "bind " + to);
    mounts_.push_back(to);
    if (flags != 0)
      check(mount(nullptr, to.c_str(), nullptr, MS_BIND | MS_REMOUNT | flags, nullptr),
            "make read-only " + to);
  }

  std::vector<std::string> mounts_;
};

TEST_P(DaemonSet, MountsWhatTheAgentNeedsAndTheAgentLeavesNothingThere) {
  const auto before = files();
  volume_.update({{"a.yaml", granting("flows", "a")}});
  const auto installed = pinscope("run");
  EXPECT_EQ(installed.status, 0) << installed;
  EXPECT_THAT(installed.err, HasSubstr("left to do on the node: systemctl restart "));
  std::string all;
  for (const auto& [path, text] : files())
    if (path.find("/etc/") != std::string::npos) all += text;
  EXPECT_THAT(all, HasSubstr("/opt/pinscope/bin/pinscope-"));
  EXPECT_TRUE(fs::exists(directory_.path("real/opt/pinscope/bin/pinscope-hook")));
  const auto removed = pinscope("remove");
  EXPECT_EQ(removed.status, 0) << removed;
  EXPECT_EQ(files(), before);
}

INSTANTIATE_TEST_SUITE_P(, DaemonSet,
                         testing::Values(std::tuple("containerd", "version = 2\n"),
                                         std::tuple("containerd", "version = 3\n"),
                                         std::tuple("crio", "version = 2\n")));

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
    node_.volume().update({});
    ASSERT_TRUE(Node::eventually([&] { return node_.in_force() == 0U; }));
    EXPECT_EQ(seen(), "ok");
  });
  EXPECT_EQ(result.status, 0) << result;
  for (const auto& line : node_.installation().audit()) EXPECT_EQ(line.error, "") << line.text;
}

PINSCOPE_EACH_RUNTIME(NodesContainers);

}  // namespace
}  // namespace pinscope::test
