// A container that may mount, and does so while its view is replaced: it has its old view, the new
// one, or none.
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/vfs.h>

#include "tests/support/container/swap_test.h"
#include "tests/support/machine/swapper.h"
#include "tests/support/machine/wait.h"

namespace pinscope::test {
namespace {

using testing::AnyOf;
using testing::HasSubstr;

constexpr const char* kView = "/sys/fs/bpf";
constexpr unsigned kBeneath = 0x200;  // MOVE_MOUNT_BENEATH, Linux 6.5

class AttackOnASwap : public SwapTest {
 protected:
  void SetUp() override {
    SwapTest::SetUp();
    if (IsSkipped()) return;
    policy("shared", old_);
    ASSERT_NO_FATAL_FAILURE(start());
    before_ = Snapshot::take();
    in_container([] {
      mkdir("/tmp", 0755);
      mkdir("/tmp/x", 0755);
    });
  }
  void TearDown() override {
    if (!IsSkipped()) {
      const auto after = Snapshot::take();
      EXPECT_EQ(before_.mounts, after.mounts);
    }
    SwapTest::TearDown();
  }

  void order_new() { policy("shared", new_); }
  [[nodiscard]] std::string old_view() const {
    return expected(kCounters, "rw") + " " + expected(kFlows, "ro");
  }
  [[nodiscard]] std::string new_view() const { return expected(kOther, "ro"); }

  // Does the same over and over in the container.
  [[nodiscard]] std::function<bool()> in_its_namespace(std::function<bool()> work) {
    const std::string path = "/proc/" + std::to_string(container_.pid()) + "/ns/mnt";
    return [path, work = std::move(work), entered = false]() mutable {
      if (!entered && setns(open(path.c_str(), O_RDONLY | O_CLOEXEC), CLONE_NEWNS) != 0) _exit(1);
      entered = true;
      return work();
    };
  }

  // Replaces the view again and again meanwhile. Whatever it sees at any time is one of the two.
  void race(std::function<bool()> attack) {
    if (leaves_old_view()) GTEST_SKIP() << "the old view stays below the new one";
    Reader reader(container_.pid(), "/sys/fs/bpf/flows", "/sys/fs/bpf/counters");
    int applied = 0;
    {
      const Swapper swapper(in_its_namespace(std::move(attack)));
      for (int i = 0; i < 40; ++i) {
        policy("shared", i % 2 == 0 ? new_ : old_);
        const auto result = apply();
        ASSERT_THAT(result.status, AnyOf(0, 1)) << result;
        applied += result.status == 0 ? 1 : 0;
      }
    }
    reader.end();
    RecordProperty("applied", applied);
    EXPECT_EQ(reader.written(), 0U) << "a read grant opened for writing";
    in_container([] {
      // What it has put there goes; its view may be gone, too.
      for (int i = 0; i < 64; ++i) {
        struct statfs there {};
        if (statfs("/sys/fs/bpf", &there) != 0 || there.f_type != 0x01021994) break;
        umount2("/sys/fs/bpf", MNT_DETACH);
      }
      mount("/tmp/x", kView, nullptr, MS_MOVE, nullptr);
    });
    order_new();
    (void)apply();
    const auto repaired = pinscope::test::run(argv("drift", {"--repair"}));
    EXPECT_EQ(seen(), new_view()) << repaired;
    // Nothing of an earlier view is left anywhere in it.
    for (const auto& line : bpf_mounts()) {
      EXPECT_THAT(line, HasSubstr(" /sys/fs/bpf ")) << line;
    }
    EXPECT_EQ(bpf_mounts().size(), 1U);
  }

  const std::vector<std::string> old_ = {"{pin: /sys/fs/bpf/flows}",
                                         "{pin: /sys/fs/bpf/counters, access: read-write}"};
  const std::vector<std::string> new_ = {"{pin: /sys/fs/bpf/other}"};
  Snapshot before_;
};

TEST_P(AttackOnASwap, CoveringTheViewKeepsWhatIsThere) {
  in_container([] { check(mount("x", kView, "tmpfs", 0, nullptr), "cover"); });
  order_new();
  const auto result = apply();
  EXPECT_EQ(result.status, 1) << result;
  EXPECT_THAT(result.out, HasSubstr("something is mounted over it"));
  EXPECT_THAT(result.out, HasSubstr("not done: removed"));
  const auto told = installation_.last_audit();
  EXPECT_EQ(told.outcome, "not-changed");
  EXPECT_THAT(told.text, HasSubstr(R"("notes":["not done: )"));
  const auto json = apply({"--all", "--output", "json"}).out;
  EXPECT_THAT(json, HasSubstr(R"("changes": [],)"));
  EXPECT_THAT(json, HasSubstr(R"("not_made": [)"));
  in_container([] { check(umount2(kView, 0), "uncover"); });
  EXPECT_EQ(seen(), old_view());
  expect_applied();
  EXPECT_EQ(seen(), new_view());
}

// Nobody gets a descriptor of what is beneath the view.
void put_a_bpffs_beneath() {
  const int context = check(fsopen("bpf", FSOPEN_CLOEXEC), "fsopen");
  check(fsconfig(context, FSCONFIG_CMD_CREATE, nullptr, nullptr, 0), "fsconfig");
  const int mount = check(fsmount(context, FSMOUNT_CLOEXEC, 0), "fsmount");
  check(move_mount(mount, "", AT_FDCWD, kView, MOVE_MOUNT_F_EMPTY_PATH | kBeneath), "beneath");
}

TEST_P(AttackOnASwap, ABpffsPutBeneathTheViewIsTakenAway) {
  if (leaves_old_view()) GTEST_SKIP() << "this kernel mounts nothing beneath another mount";
  in_container(put_a_bpffs_beneath);
  EXPECT_EQ(bpf_mounts().size(), 2U + 1U);
  const auto drift = pinscope::test::run(argv("drift", {}));
  EXPECT_THAT(drift.out, HasSubstr("was mounted after its view"));
  const auto result = apply();
  EXPECT_EQ(result.status, 0) << result;
  EXPECT_THAT(result.out, HasSubstr("masked the bpffs at \"/sys/fs/bpf\""));
  EXPECT_THAT(result.out, HasSubstr("repaired the view"));
  EXPECT_EQ(seen(), old_view());
  EXPECT_EQ(bpf_mounts().size(), 2U);
  EXPECT_THAT(pinscope::test::run(argv("drift", {})), Succeeds());
}

// The view is not given up for what cannot be taken away, or where it would not be made again.
TEST_P(AttackOnASwap, ABpffsPutBeneathTheViewTakesNoViewAway) {
  if (leaves_old_view()) GTEST_SKIP() << "this kernel mounts nothing beneath another mount";
  in_container(put_a_bpffs_beneath);
  const auto mounts = bpf_mounts();
  order_new();
  const auto reported = apply({"--automatic", "--container", container_.id()});
  EXPECT_EQ(reported.status, 1) << reported;
  EXPECT_THAT(reported.out, HasSubstr("a bpffs beside its view stays"));
  EXPECT_EQ(bpf_mounts(), mounts);

  policy("shared", old_);
  in_container([] { check(mount("", "/sys", nullptr, MS_SHARED, nullptr), "share it"); });
  EXPECT_EQ(apply().status, 1);
  EXPECT_EQ(seen(), old_view());
  in_container([] { check(mount("", "/sys", nullptr, MS_PRIVATE, nullptr), "share it no more"); });
  EXPECT_EQ(bpf_mounts(), mounts);
}

TEST_P(AttackOnASwap, MovingTheViewDoesNotKeepIt) {
  in_container([] { check(mount(kView, "/tmp/x", nullptr, MS_MOVE, nullptr), "move"); });
  EXPECT_EQ(seen("/tmp/x"), old_view());
  order_new();
  expect_applied();
  EXPECT_EQ(seen("/tmp/x"), "");
  EXPECT_EQ(seen(), new_view());
}

TEST_P(AttackOnASwap, AnotherMountAtThePlaceIsNotTakenForTheView) {
  in_container([] {
    check(mount(kView, "/tmp/x", nullptr, MS_MOVE, nullptr), "move");
    check(mount("mine", kView, "tmpfs", 0, nullptr), "mount another");
    close(open("/sys/fs/bpf/mine", O_CREAT | O_WRONLY, 0600));
  });
  order_new();
  expect_applied();
  EXPECT_EQ(seen("/tmp/x"), "");
  EXPECT_EQ(seen(), new_view());
  in_container([] {
    check(umount2(kView, MNT_DETACH), "unmount the view");
    check(access("/sys/fs/bpf/mine", F_OK), "its own mount is still there");
  });
}

TEST_P(AttackOnASwap, AViewThatWasUnmountedIsMadeAgain) {
  in_container([] { check(umount2(kView, MNT_DETACH), "unmount"); });
  const auto repaired = pinscope::test::run(argv("drift", {"--repair"}));
  EXPECT_EQ(repaired.status, 0) << repaired;
  EXPECT_EQ(seen(), old_view());
}

TEST_P(AttackOnASwap, APartOfTheViewInItsPlaceIsReplacedAndTheRestGoes) {
  in_container([] {
    check(mount("/sys/fs/bpf/_rw", "/tmp/x", nullptr, MS_MOVE, nullptr), "move");
    check(mkdir("/tmp/y", 0755), "mkdir");
    check(mount(kView, "/tmp/y", nullptr, MS_MOVE, nullptr), "move");
    check(mount("/tmp/x", kView, nullptr, MS_MOVE, nullptr), "move");
  });
  order_new();
  expect_applied();
  EXPECT_EQ(seen("/tmp/y"), "");
  EXPECT_EQ(seen(), new_view());
  if (!leaves_old_view()) {
    EXPECT_EQ(bpf_mounts().size(), 1U);
  }
}

TEST_P(AttackOnASwap, MarkingTheViewUnbindableDoesNotKeepIt) {
  in_container([] {
    check(mount(nullptr, kView, nullptr, MS_UNBINDABLE | MS_REC, nullptr), "make unbindable");
  });
  order_new();
  expect_applied();
  EXPECT_EQ(seen(), new_view());
}

TEST_P(AttackOnASwap, CoversAndUncoversItMeanwhile) {
  race([] {
    const bool covered = mount("x", kView, "tmpfs", 0, nullptr) == 0;
    struct statfs there {};
    if (statfs(kView, &there) == 0 && there.f_type == 0x01021994) umount2(kView, MNT_DETACH);
    return covered;
  });
}

TEST_P(AttackOnASwap, MovesItToAndFroMeanwhile) {
  race([] {
    const bool away = mount(kView, "/tmp/x", nullptr, MS_MOVE, nullptr) == 0;
    return mount("/tmp/x", kView, nullptr, MS_MOVE, nullptr) == 0 && away;
  });
}

TEST_P(AttackOnASwap, UnmountsItMeanwhile) {
  race([] { return umount2(kView, MNT_DETACH) == 0; });
}

// Whoever looks enters one container after the other, and uses no path of theirs for its own files.
class AttackOnALook : public SwapTest {};

TEST_P(AttackOnALook, HasNoLockOpenedInTheContainer) {
  policy("shared", {"{pin: /sys/fs/bpf/flows}", "{pin: /sys/fs/bpf/counters, access: read-write}"});
  ASSERT_NO_FATAL_FAILURE(start());
  ASSERT_NO_FATAL_FAILURE(start_second());
  std::vector<std::string> directories;
  for (const auto& bundle : {container_.bundle(), second_->bundle()}) {
    directories.push_back(bundle + "/rootfs" + installation_.state_directory());
    std::filesystem::create_directories(directories.back());
  }
  const auto inventory =
      pinscope::test::run({kPinscope, "inventory", "--state-dir", installation_.state_directory()});
  EXPECT_EQ(inventory.status, 0) << inventory;
  EXPECT_THAT(inventory.out, HasSubstr("in 3 mount namespaces"));
  for (const auto& directory : directories)
    EXPECT_TRUE(std::filesystem::is_empty(directory)) << directory;
}

PINSCOPE_EACH_RUNTIME(AttackOnALook);
PINSCOPE_EACH_RUNTIME(AttackOnASwap);

// The first process of the container goes to namespaces that it makes, and runs on there.
class InitThatLeaves : public SwapTest {
 protected:
  void start_leaving_for(const std::string& namespaces) {
    auto& spec = container_.spec;
    for (const char* place : {"/usr", "/lib", "/lib64"})
      spec.mounts.push_back({place, "bind", place, {"rbind", "ro"}});
    spec.args = {"/usr/bin/unshare", namespaces, "/usr/bin/sleep", "30000"};
    spec.hooks["createRuntime"] = {installation_.hook("createRuntime")};
    policy("shared", {"{pin: /sys/fs/bpf/flows}",
                      "{pin: /sys/fs/bpf/counters, access: "
                      "read-write}"});
    ASSERT_THAT(container_.create(), Succeeds());
    ASSERT_THAT(container_.start(), Succeeds());
    ASSERT_TRUE(wait_until([&] {
      std::ifstream file("/proc/" + std::to_string(container_.pid()) + "/comm");
      std::string name;
      return std::getline(file, name) && name == "sleep";
    })) << container_.output();
    policy("shared", {"{pin: /sys/fs/bpf/flows}"});
  }
};

// What it sees there nobody changes: that is a failure, and never a container that has ended.
TEST_P(InitThatLeaves, ForAMountNamespaceIsNotToldToBeChanged) {
  container_.spec.capabilities.emplace_back("CAP_SYS_ADMIN");
  ASSERT_NO_FATAL_FAILURE(start_leaving_for("-m"));
  const auto applied = apply();
  EXPECT_EQ(applied.status, 1) << applied;
  EXPECT_THAT(applied.out, HasSubstr("1 failed"));
  EXPECT_THAT(applied.out + applied.err, HasSubstr("has gone to a mount namespace of its own"));
  const auto revoked =
      pinscope::test::run(argv("revoke", {"--all", kCounters, "--reason", "an incident"}));
  EXPECT_EQ(revoked.status, 1) << revoked;
  EXPECT_THAT(installation_.last_audit().error, HasSubstr("has gone to a mount namespace"));
}

// Nor does it choose to whom grants belong by the map of a namespace of its own.
TEST_P(InitThatLeaves, ForAUserNamespaceIsChanged) {
  ASSERT_NO_FATAL_FAILURE(start_leaving_for("-U"));
  expect_applied();
  EXPECT_EQ(seen(), expected(kFlows, "ro"));
}

PINSCOPE_EACH_RUNTIME(InitThatLeaves);

}  // namespace
}  // namespace pinscope::test
