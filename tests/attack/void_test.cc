// Containers with a way past their view: the trail and the record say by which, a policy can refuse
// them, and a seal that somebody broke later is told.
#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/wait.h>

#include <filesystem>

#include "plugin/base/fd.h"
#include "tests/attack/attack_test.h"
#include "tests/support/machine/check.h"

namespace pinscope::test {
namespace {

using testing::HasSubstr;
using testing::Not;

constexpr const char* kPinscope = PINSCOPE_BIN_DIR "/pinscope";
constexpr const char* kReads = "grants: [{pin: /sys/fs/bpf/app/flows, as: flows, access: read}]\n";

class Void : public AttackTest {
 protected:
  void SetUp() override {
    AttackTest::SetUp();
    if (IsSkipped()) return;
    make_pins();
    policy(kReads);
  }

  void refuse_void(const std::string& more = "") {
    policy("view: {void: reject" + more + "}\n" + kReads);
  }
  void bring_host_bpffs() {
    container_.spec.mounts.push_back({"/mnt/x", "bind", "/sys/fs/bpf", {"rbind"}});
  }
  // Starts the container, which the trail calls void by these.
  void expect_void(const std::string& codes) {
    const auto result = run({"id"});
    EXPECT_EQ(result.status, 0) << result << installation_.last_audit().text;
    std::string lines;
    for (const auto& line : installation_.audit())
      if (line.outcome == "granted") lines += line.text;
    if (codes.empty())
      EXPECT_THAT(lines, Not(HasSubstr("\"void\"")));
    else
      EXPECT_THAT(lines, HasSubstr("\"void\":[" + codes + "]"));
  }
  void expect_void_refusal(const std::string& codes) {
    expect_refusal("would be void, by " + codes + " (", "void-view");
    EXPECT_THAT(installation_.last_audit().error, HasSubstr("policy \""));
  }

  CommandResult pinscope(std::vector<std::string> arguments) const {
    arguments.insert(arguments.begin(), kPinscope);
    arguments.insert(arguments.end(), {"--state-dir", installation_.state_directory()});
    return pinscope::test::run(std::move(arguments));
  }

  void start() {
    container_.spec.hooks["createRuntime"] = {installation_.hook("createRuntime")};
    container_.spec.hooks["poststop"] = {installation_.hook("poststop")};
    container_.probe({"sleep 100"});
    const auto created = container_.create();
    ASSERT_EQ(created.status, 0) << created;
    ASSERT_THAT(container_.start(), Succeeds());
  }
  void stop() {
    ASSERT_THAT(container_.kill(), Succeeds());
    ASSERT_TRUE(container_.wait_stopped());
    ASSERT_THAT(container_.remove(), Succeeds());
  }
};

TEST_P(Void, IsNoOrdinaryContainer) {
  refuse_void();
  expect_void("");
}

TEST_P(Void, ByCapSysAdminStandsInTheTrail) {
  container_.spec.capabilities = {"CAP_SYS_ADMIN"};
  expect_void("\"cap-sys-admin\"");
  EXPECT_EQ(installation_.last_audit().outcome, "removed");
  EXPECT_THAT(installation_.last_audit().text, HasSubstr("\"void\":[\"cap-sys-admin\"]"))
      << "the record has it, too";
}

TEST_P(Void, ByCapSysAdminIsRefusedIfThePolicySaysReject) {
  refuse_void();
  container_.spec.capabilities = {"CAP_SYS_ADMIN", "CAP_SYS_MODULE"};
  expect_void_refusal("cap-sys-admin, cap-sys-module");
  EXPECT_THAT(installation_.last_audit().text,
              HasSubstr("\"void\":[\"cap-sys-admin\",\"cap-sys-module\"]"));
}

TEST_P(Void, IsRefusedIfOneOfTwoPoliciesSaysReject) {
  installation_.write_policy(
      policy_text(std::string("select: {}\nview: {void: allow}\n") + kReads) + "---\n" +
      policy_text("select: {}\nview: {void: reject}\n", "strict"));
  container_.spec.capabilities = {"CAP_SYS_MODULE"};
  expect_refusal("policy \"strict\" at ", "void-view");
}

TEST_P(Void, IsNotByCapabilitiesInAUserNamespace) {
  refuse_void();
  container_.spec.with_user_namespace();
  container_.spec.capabilities = BundleSpec::all_capabilities();
  expect_void("");
}

TEST_P(Void, ByABpffsThatIsAllowed) {
  bring_host_bpffs();
  expect_void("");
  policy(std::string("view: {hostBpffs: allow}\n") + kReads);
  expect_void("\"host-bpffs\"");
  refuse_void(", hostBpffs: allow");
  expect_void_refusal("host-bpffs");
}

// The configuration does not show it: the mount itself does.
TEST_P(Void, ByABpffsInATreeBehindALink) {
  const std::string link = container_.directory().path("link");
  check(symlink("/sys/fs/bpf", link.c_str()), "symlink");
  container_.spec.mounts.push_back({"/mnt/x", "bind", link, {"rbind"}});
  refuse_void(", hostBpffs: allow");
  expect_void_refusal("host-bpffs");
  policy("view: {void: reject, hostBpffs: allow}\n");
  expect_void_refusal("host-bpffs");
}

TEST_P(Void, ByTheHostsProcesses) {
  refuse_void();
  container_.spec.namespaces.erase("pid");
  expect_void_refusal("host-pid-namespace");
}

// A volume's "ro" is not that of what is mounted below it.
TEST_P(Void, ByOurFilesBelowAReadOnlyVolume) {
  refuse_void();
  container_.spec.mounts.push_back({"/mnt/x", "bind", "/run", {"rbind", "ro"}});
  const char* records = "/run/pinscope";
  std::filesystem::create_directory(records);
  expect_void("");
  check(mount("none", records, "tmpfs", 0, nullptr), "mount");
  expect_void_refusal("own-files");
  check(umount2(records, MNT_DETACH), "umount");
  std::filesystem::remove(records);
}

// As `docker exec --privileged` can: a process with CAP_SYS_ADMIN of the host in the container's
// mount namespace.
void make_superblock_writable(pid_t pid, const char* at) {
  const Fd space(check(
      open(("/proc/" + std::to_string(pid) + "/ns/mnt").c_str(), O_RDONLY | O_CLOEXEC), "open"));
  const pid_t child = check(fork(), "fork");
  if (child == 0) {
    const bool done = setns(space.get(), CLONE_NEWNS) == 0 &&
                      mount(nullptr, at, nullptr, MS_REMOUNT, nullptr) == 0;
    _exit(done ? 0 : 1);
  }
  int status = 0;
  check(waitpid(child, &status, 0), "waitpid");
  ASSERT_EQ(status, 0);
}

TEST_P(Void, ABrokenSealShows) {
  start();
  const std::string id = container_.id();
  EXPECT_THAT(pinscope({"inspect", id}).out, HasSubstr(" bpf, sealed"));
  EXPECT_THAT(pinscope({"list", "--void"}).out, Not(HasSubstr(id.substr(0, 12))));
  make_superblock_writable(container_.pid(), "/sys/fs/bpf");
  EXPECT_THAT(pinscope({"list", "--void"}).out, HasSubstr("seal broken"));
  EXPECT_THAT(pinscope({"inspect", id}).out, HasSubstr(" bpf, seal broken"));
  EXPECT_THAT(pinscope({"inspect", id, "-o", "json"}).out, HasSubstr("\"seal_broken\": true"));
  EXPECT_THAT(pinscope({"doctor"}).out, HasSubstr("writable by now: " + id));
  stop();
}

TEST_P(Void, ShowsInListInspectAndDoctor) {
  container_.spec.capabilities = {"CAP_SYS_ADMIN"};
  start();
  const std::string id = container_.id();
  const auto list = pinscope({"list", "--void"});
  EXPECT_THAT(list.out, HasSubstr("running, void"));
  EXPECT_THAT(list.out, HasSubstr("void by cap-sys-admin"));
  EXPECT_THAT(pinscope({"list", "-o", "json"}).out, HasSubstr("\"cap-sys-admin\""));
  EXPECT_THAT(pinscope({"inspect", id}).out,
              HasSubstr("can open any BPF object of the machine by its id"));
  EXPECT_THAT(pinscope({"doctor"}).out, HasSubstr(id + " (cap-sys-admin)"));
  stop();
}

PINSCOPE_EACH_RUNTIME(Void);

}  // namespace
}  // namespace pinscope::test
