// Containers in a user namespace: owners are written as the container sees them and appear as such.
#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fstream>

#include "tests/support/container/view_test.h"
#include "tests/support/machine/check.h"
#include "tests/support/machine/unprivileged.h"

namespace pinscope::test {
namespace {

// A user namespace with the id maps of `spec` whose owner is not root but the user whom it maps to
// root. It lives as long as this object.
class NamespaceOfAnotherUser {
 public:
  explicit NamespaceOfAnotherUser(const BundleSpec& spec) {
    int made[2];
    check(pipe(made), "pipe");
    pid_ = check(fork(), "fork");
    if (pid_ == 0) {
      prctl(PR_SET_PDEATHSIG, SIGKILL);
      become_plain_user(spec.uid_map.front().host);
      if (unshare(CLONE_NEWUSER) != 0 || write(made[1], "x", 1) != 1) _exit(1);
      for (;;) pause();
    }
    close(made[1]);
    char byte = 0;
    const auto heard = read(made[0], &byte, 1);
    close(made[0]);
    check(heard == 1 ? 0 : -1, "make a user namespace");
    write_map("uid_map", spec.uid_map);
    write_map("gid_map", spec.gid_map);
  }
  ~NamespaceOfAnotherUser() {
    kill(pid_, SIGKILL);
    waitpid(pid_, nullptr, 0);
  }
  NamespaceOfAnotherUser(const NamespaceOfAnotherUser&) = delete;
  NamespaceOfAnotherUser& operator=(const NamespaceOfAnotherUser&) = delete;

  [[nodiscard]] std::string path() const { return proc("ns/user"); }

 private:
  [[nodiscard]] std::string proc(const std::string& name) const {
    return "/proc/" + std::to_string(pid_) + "/" + name;
  }
  void write_map(const std::string& name, const std::vector<BundleIdMapping>& map) const {
    std::ofstream file(proc(name));
    for (const auto& range : map)
      file << range.container << ' ' << range.host << ' ' << range.size << '\n';
    file.close();
    check(file ? 0 : -1, "write " + name);
  }

  pid_t pid_ = -1;
};

class UserNamespace : public ViewTest {
 protected:
  void SetUp() override {
    ViewTest::SetUp();
    pins_.map("/sys/fs/bpf/flows");
    container_.spec.with_user_namespace();
  }
  void grant(const std::string& more, const std::string& view = "{}") {
    installation_.write_policy(policy_text(
        "select: {}\nview: " + view + "\ngrants:\n  - {pin: /sys/fs/bpf/flows" + more + "}\n"));
  }
};

TEST_P(UserNamespace, MapsTheOwnersOfThePolicy) {
  grant(", owner: {uid: 1000, gid: 1001}");
  const auto result =
      run({"stat /sys/fs/bpf/flows", "get-ro /sys/fs/bpf/flows", "get-rw /sys/fs/bpf/flows"});
  EXPECT_EQ(answer(result, "stat /sys/fs/bpf/flows"), "ok file mode=0440 uid=1000 gid=1001")
      << result;
  EXPECT_EQ(answer(result, "get-ro /sys/fs/bpf/flows"), "ok") << "root of the namespace";
  EXPECT_EQ(answer(result, "get-rw /sys/fs/bpf/flows"), "EROFS");
}

TEST_P(UserNamespace, MapsTheDefaultOwner) {
  grant("");
  container_.spec.uid = 5;
  container_.spec.gid = 6;
  const auto result = run({"stat /sys/fs/bpf/flows", "get-ro /sys/fs/bpf/flows"});
  EXPECT_EQ(answer(result, "stat /sys/fs/bpf/flows"), "ok file mode=0440 uid=5 gid=6") << result;
  EXPECT_EQ(answer(result, "get-ro /sys/fs/bpf/flows"), "ok");
}

TEST_P(UserNamespace, MayHaveSeveralRangesOfIds) {
  container_.spec.uid_map = {{0, 100000, 1000}, {1000, 200000, 1}, {1001, 300000, 1000}};
  container_.spec.gid_map = {{0, 100000, 10}, {500, 400000, 10}};
  grant(", owner: {uid: 1000, gid: 505}");
  const auto result = run({"stat /sys/fs/bpf/flows"});
  EXPECT_EQ(answer(result, "stat /sys/fs/bpf/flows"), "ok file mode=0440 uid=1000 gid=505")
      << result;
}

TEST_P(UserNamespace, RefusesAnOwnerThatItDoesNotMap) {
  grant(", owner: {uid: 70000}");
  expect_refused(
      "cannot give \"flows\" to uid 70000: the container's user namespace does not map this id; "
      "policy \"test\" at test.yaml:9:7",
      "id-not-mapped");
}

TEST_P(UserNamespace, OwnsTheDirectoriesThatAreMadeForTheView) {
  grant("", "{at: /opt/bpf}");
  const auto result = run({"stat /opt", "ls /opt/bpf"});
  EXPECT_EQ(answer(result, "stat /opt"), "ok directory mode=0755 uid=0 gid=0") << result;
  EXPECT_EQ(answer(result, "ls /opt/bpf"), "ok flows");
}

TEST_P(UserNamespace, MayHaveTheViewInItsOwnTmpfs) {
  container_.spec.mounts.push_back({"/run", "tmpfs", "tmpfs", {"nosuid", "mode=755"}});
  grant("", "{at: /run/bpf}");
  const auto result = run({"stat /run/bpf", "ls /run/bpf"});
  EXPECT_EQ(answer(result, "ls /run/bpf"), "ok flows")
      << result << installation_.last_audit().error;
}

TEST_P(UserNamespace, HasEveryLayout) {
  pins_.map("/sys/fs/bpf/counters");
  for (const std::string layout : {"shared", "per-map", "bind"}) {
    SCOPED_TRACE(layout);
    const bool bind = layout == "bind";
    const std::string access = bind ? "read-write" : "read";
    installation_.write_policy(
        policy_text("select: {}\nview: {layout: " + layout +
                    "}\ngrants:\n"
                    "  - {pin: /sys/fs/bpf/flows, access: " +
                    access +
                    "}\n"
                    "  - {pin: /sys/fs/bpf/counters, access: read-write}\n"));
    RuntimeContainer container(GetParam());
    container.spec.with_user_namespace();
    const auto result = run(container, {"ls /sys/fs/bpf", "stat /sys/fs/bpf/flows"});
    EXPECT_THAT(answer(result, "ls /sys/fs/bpf"), testing::HasSubstr("counters flows")) << result;
    // A bind mount shows the owner on the host, whom the namespace does not map.
    EXPECT_EQ(answer(result, "stat /sys/fs/bpf/flows"),
              bind ? "ok file mode=0600 uid=65534 gid=65534" : "ok file mode=0440 uid=0 gid=0");
  }
}

class UserNamespaceOfAnotherUser : public UserNamespace {};

// containerd from 2.3 on makes the namespace before the runtime starts, as the user who is root in
// it.
TEST_P(UserNamespaceOfAnotherUser, IsGivenAView) {
  grant("");
  const NamespaceOfAnotherUser other(container_.spec);
  container_.spec.namespaces["user"] = other.path();
  const auto result = run({"stat /sys/fs/bpf/flows", "get-ro /sys/fs/bpf/flows"});
  EXPECT_EQ(answer(result, "stat /sys/fs/bpf/flows"), "ok file mode=0440 uid=0 gid=0")
      << result << installation_.last_audit().error;
  EXPECT_EQ(answer(result, "get-ro /sys/fs/bpf/flows"), "ok");
}

class UserNamespaceWithTheHostsRoot : public UserNamespace {};

// Its root makes the mount of what may be written writable, and pins there again what it may read.
TEST_P(UserNamespaceWithTheHostsRoot, HasNoReadGrantBesideOneForWriting) {
  pins_.map("/sys/fs/bpf/counters");
  const std::string both =
      "grants:\n"
      "  - {pin: /sys/fs/bpf/flows}\n"
      "  - {pin: /sys/fs/bpf/counters, access: read-write}\n";
  container_.spec.uid_map = container_.spec.gid_map = {{0, 100000, 1000}, {1000, 0, 1}};
  installation_.write_policy(policy_text("select: {}\n" + both));
  expect_refused(
      "cannot grant \"flows\" for reading: the container's user namespace maps the host's root, "
      "who "
      "could pin it again beside what may be written (map other ids, or say view.layout: per-map); "
      "policy \"test\" at test.yaml:8:7",
      "access-unsupported");
  installation_.write_policy(policy_text("select: {}\nview: {layout: per-map}\n" + both));
  RuntimeContainer container(GetParam());
  container.spec = container_.spec;
  container.spec.hooks.clear();
  const auto result = run(container, {"ls /sys/fs/bpf"});
  EXPECT_EQ(answer(result, "ls /sys/fs/bpf"), "ok counters flows") << result;
}

PINSCOPE_EACH_RUNTIME(UserNamespace);
PINSCOPE_EACH_RUNTIME(UserNamespaceOfAnotherUser);
PINSCOPE_EACH_RUNTIME(UserNamespaceWithTheHostsRoot);

}  // namespace
}  // namespace pinscope::test
