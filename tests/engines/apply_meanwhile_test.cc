// `pinscope apply` while something else happens: the container stands still, has mount namespaces
// of its own, or two commands are at it.
#include <fcntl.h>
#include <linux/magic.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <thread>

#include "plugin/kernel/bpf/delegation.h"
#include "tests/support/container/swap_test.h"
#include "tests/support/machine/wait.h"

namespace pinscope::test {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

class ApplyMeanwhile : public SwapTest {
 protected:
  void order_flows() {
    policy("shared",
           {"{pin: /sys/fs/bpf/flows}", "{pin: /sys/fs/bpf/counters, access: read-write}"});
  }
  void order_other() { policy("shared", {"{pin: /sys/fs/bpf/other}"}); }
  [[nodiscard]] static std::string other() { return expected(kOther, "ro"); }
};

// A cgroup of this test (version 2) that is frozen with a process in it.
class Frozen {
 public:
  explicit Frozen(pid_t pid) {
    std::string top;
    for (const char* path : {"/sys/fs/cgroup/unified", "/sys/fs/cgroup"}) {
      struct statfs there {};
      if (statfs(path, &there) == 0 && there.f_type == CGROUP2_SUPER_MAGIC) top = path;
    }
    path_ = top + "/pinscope-test-" + std::to_string(getpid());
    if (top.empty() || mkdir(path_.c_str(), 0755) != 0) return;
    made_ = true;
    std::ifstream before("/proc/" + std::to_string(pid) + "/cgroup");
    for (std::string line; std::getline(before, line);)
      if (line.starts_with("0::")) home_ = top + line.substr(3);
    done_ = write(path_ + "/cgroup.procs", std::to_string(pid)) &&
            write(path_ + "/cgroup.freeze", "1") && wait_until([&] {
              std::ifstream events(path_ + "/cgroup.events");
              const std::string text((std::istreambuf_iterator<char>(events)), {});
              return text.find("frozen 1") != std::string::npos;
            });
    pid_ = pid;
  }
  ~Frozen() {
    if (!made_) return;
    (void)write(path_ + "/cgroup.freeze", "0");
    (void)write(home_ + "/cgroup.procs", std::to_string(pid_));
    EXPECT_TRUE(wait_until([&] { return rmdir(path_.c_str()) == 0; }));
  }
  Frozen(const Frozen&) = delete;
  Frozen& operator=(const Frozen&) = delete;
  [[nodiscard]] bool done() const { return done_; }

 private:
  static bool write(const std::string& path, const std::string& text) {
    std::ofstream file(path);
    file << text << std::flush;
    return file.good();
  }
  std::string path_;
  std::string home_;
  pid_t pid_ = 0;
  bool made_ = false;
  bool done_ = false;
};

TEST_P(ApplyMeanwhile, ChangesAContainerThatIsFrozen) {
  order_flows();
  ASSERT_NO_FATAL_FAILURE(start());
  const Frozen frozen(container_.pid());
  if (!frozen.done()) GTEST_SKIP() << "this machine's cgroups cannot be frozen here";
  order_other();
  expect_applied();
  EXPECT_EQ(seen(), other());
}

TEST_P(ApplyMeanwhile, ChangesAContainerThatIsStopped) {
  order_flows();
  ASSERT_NO_FATAL_FAILURE(start());
  ASSERT_EQ(kill(container_.pid(), SIGSTOP), 0);
  order_other();
  expect_applied();
  EXPECT_EQ(seen(), other());
  ASSERT_EQ(kill(container_.pid(), SIGCONT), 0);
}

// A process of the container's that has made a mount namespace of its own keeps the old view there.
TEST_P(ApplyMeanwhile, TellsOfAMountNamespaceInside) {
  order_flows();
  ASSERT_NO_FATAL_FAILURE(start());
  int ready[2];
  check(pipe(ready), "pipe");
  const pid_t inner = fork();
  if (inner == 0) {
    const std::string path = "/proc/" + std::to_string(container_.pid()) + "/ns/mnt";
    if (setns(open(path.c_str(), O_RDONLY), CLONE_NEWNS) != 0 || unshare(CLONE_NEWNS) != 0 ||
        mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0 ||
        write(ready[1], "x", 1) != 1)
      _exit(1);
    pause();
    _exit(0);
  }
  char byte = 0;
  EXPECT_EQ(read(ready[0], &byte, 1), 1);
  order_other();
  const auto result = apply();
  EXPECT_EQ(result.status, 0) << result;
  EXPECT_THAT(result.out,
              AllOf(HasSubstr("not taken back: process " + std::to_string(inner)),
                    HasSubstr("a mount namespace of its own shows the old view still")));
  EXPECT_EQ(seen(), other());
  kill(inner, SIGKILL);
  waitpid(inner, nullptr, 0);
  close(ready[0]);
  close(ready[1]);
}

TEST_P(ApplyMeanwhile, LeavesOneViewWhereTwoCommandsAreAtIt) {
  if (leaves_old_view()) GTEST_SKIP() << "the old view stays below the new one";
  order_flows();
  ASSERT_NO_FATAL_FAILURE(start());
  const size_t mounts = bpf_mounts().size();
  for (int i = 0; i < 10; ++i) {
    replace(kFlows);
    std::vector<CommandResult> results(3);
    std::vector<std::thread> commands;
    commands.reserve(results.size());
    for (auto& result : results) commands.emplace_back([this, &result] { result = apply(); });
    for (auto& command : commands) command.join();
    for (const auto& result : results) EXPECT_EQ(result.status, 0) << result;
    EXPECT_EQ(bpf_mounts().size(), mounts);
    EXPECT_EQ(seen(), expected(kCounters, "rw") + " " + expected(kFlows, "ro"));
  }
  EXPECT_THAT(installation_.record(container_.id()), Not(HasSubstr("unfinished")));
}

TEST_P(ApplyMeanwhile, SaysThatAContainerHasEnded) {
  order_flows();
  ASSERT_NO_FATAL_FAILURE(start());
  (void)container_.kill();
  ASSERT_TRUE(container_.wait_stopped());
  order_other();
  const auto result = apply({"--container", container_.id()});
  EXPECT_EQ(result.status, 1) << result;
  EXPECT_THAT(result.err, HasSubstr("no container that runs has a record with this id"));
}

// Its bpffs with tokens stays; the grants have a place of their own.
TEST_P(ApplyMeanwhile, ChangesTheGrantsBesideTokens) {
  const auto probe = kernel::probe_delegation();
  if (probe.answer != model::Probe::kYes) GTEST_SKIP() << probe.detail;
  container_.spec.with_user_namespace();
  container_.spec.namespaces["cgroup"] = "";
  container_.spec.capabilities.emplace_back("CAP_BPF");
  const std::string tokens = "select: {}\ndelegate: {commands: [map_create], maps: [hash]}\n";
  const auto grants = [](const char* pin) { return std::string("grants:\n  - ") + pin + "\n"; };
  installation_.write_policy(policy_text(tokens + grants("{pin: /sys/fs/bpf/flows}")));
  ASSERT_NO_FATAL_FAILURE(start());
  const auto gives_tokens = [&] {
    const auto mounts = bpf_mounts();
    return std::ranges::any_of(mounts, [](const std::string& mount) {
      return mount.find(" /sys/fs/bpf ") != std::string::npos &&
             mount.find("delegate_cmds=map_create") != std::string::npos;
    });
  };
  ASSERT_TRUE(gives_tokens());
  installation_.write_policy(policy_text(tokens + grants("{pin: /sys/fs/bpf/other}")));
  const auto changed = apply();
  EXPECT_EQ(changed.status, 1) << changed;
  EXPECT_THAT(changed.out, HasSubstr("the bpffs that gives tokens gets no link to it"));
  EXPECT_EQ(seen("/run/pinscope"), other());
  EXPECT_TRUE(gives_tokens());
  // What has been delegated cannot be taken back, and is said.
  installation_.write_policy(
      policy_text("select: {}\n" + grants("{pin: /sys/fs/bpf/counters, access: read-write}")));
  const auto taken = apply();
  EXPECT_EQ(taken.status, 1) << taken;
  EXPECT_THAT(taken.out, HasSubstr("left as it is: its BPF tokens cannot be taken back"));
  EXPECT_EQ(seen("/run/pinscope"), expected(kCounters, "rw"));
  EXPECT_TRUE(gives_tokens());
  EXPECT_THAT(pinscope::test::run(argv("revoke", {"--all", "--yes", "--reason", "x"})), Succeeds());
  EXPECT_EQ(seen("/run/pinscope"), "");
  EXPECT_TRUE(gives_tokens());
}

PINSCOPE_EACH_RUNTIME(ApplyMeanwhile);

}  // namespace
}  // namespace pinscope::test
