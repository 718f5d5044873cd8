// What is mounted in a container after its start, beside its view or over it: `pinscope apply`
// takes it away where `view.hostBpffs` says so, and brings a view back that was taken away.
#include <sys/mount.h>
#include <sys/stat.h>

#include "tests/support/container/swap_test.h"

namespace pinscope::test {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::SizeIs;

class LaterBpffs : public SwapTest {
 protected:
  void say(const std::string& view) {
    installation_.write_policy(
        policy_text("select: {}\n" + view + "grants:\n  - {pin: /sys/fs/bpf/flows}\n"));
  }
  // As a helper with the host's rights does it: the host's bpffs, in the container.
  void mount_hosts(const std::string& at) {
    const Fd tree(static_cast<int>(
        syscall(SYS_open_tree, AT_FDCWD, "/sys/fs/bpf", OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC)));
    check(tree.get(), "open_tree");
    in_container([&] {
      check(static_cast<int>(syscall(SYS_move_mount, tree.get(), "", AT_FDCWD, at.c_str(),
                                     MOVE_MOUNT_F_EMPTY_PATH)),
            "move_mount");
    });
  }
  bool shows_other(const std::string& at) { return std::filesystem::exists(inside(at + "/other")); }
  [[nodiscard]] std::string told() const { return installation_.last_audit().text; }
};

TEST_P(LaterBpffs, IsTakenAway) {
  say("");
  ASSERT_NO_FATAL_FAILURE(start());
  mount_hosts("/run");
  mount_hosts("/tmp");
  ASSERT_TRUE(shows_other("/run"));
  const auto foreseen = apply({"--all", "--dry-run"});
  EXPECT_EQ(foreseen.status, 3) << foreseen;
  EXPECT_THAT(foreseen.out, HasSubstr("masked the bpffs at \"/run\""));
  EXPECT_TRUE(shows_other("/run"));

  const auto applied = apply();
  EXPECT_EQ(applied.status, 0) << applied;
  EXPECT_THAT(applied.out, HasSubstr("masked the bpffs at \"/run\""));
  EXPECT_THAT(applied.out, HasSubstr("masked the bpffs at \"/tmp\""));
  EXPECT_FALSE(shows_other("/run"));
  EXPECT_THAT(bpf_mounts(), SizeIs(1));
  EXPECT_EQ(seen(), expected(kFlows, "ro"));
  EXPECT_THAT(told(), HasSubstr("\"masked the bpffs at \\\"/run\\\"\""));
  EXPECT_THAT(told(), HasSubstr("\"hidden\":[\"/run\",\"/tmp\"]"));
  EXPECT_THAT(apply().out, HasSubstr("1 unchanged"));
}

// One that is on a shared mount would go from every peer as well: it stays, and keeps no other.
TEST_P(LaterBpffs, IsTakenAwayBesideOneThatCannotBe) {
  say("");
  ASSERT_NO_FATAL_FAILURE(start());
  in_container([] {
    mkdir("/tmp/shared", 0755);
    mkdir("/tmp/own", 0755);
    check(mount("shared", "/tmp/shared", "tmpfs", 0, nullptr), "mount");
    check(mount(nullptr, "/tmp/shared", nullptr, MS_SHARED, nullptr), "share");
    check(mkdir("/tmp/shared/x", 0755), "mkdir");
  });
  mount_hosts("/tmp/shared/x");
  mount_hosts("/run");
  mount_hosts("/tmp/own");
  const auto applied = apply();
  EXPECT_EQ(applied.status, 1) << applied;
  for (const char* at : {"/run", "/tmp/own"}) {
    EXPECT_FALSE(shows_other(at)) << at;
    EXPECT_THAT(applied.out, HasSubstr("masked the bpffs at \"" + std::string(at) + "\""));
    EXPECT_THAT(installation_.record(container_.id()), HasSubstr("\"" + std::string(at) + "\""));
  }
  EXPECT_THAT(applied.out + applied.err, HasSubstr("/tmp/shared/x"));
  EXPECT_TRUE(shows_other("/tmp/shared/x"));
}

TEST_P(LaterBpffs, OverTheViewIsTakenAway) {
  say("");
  ASSERT_NO_FATAL_FAILURE(start());
  mount_hosts("/sys/fs/bpf");
  mount_hosts("/sys/fs/bpf");
  ASSERT_TRUE(shows_other("/sys/fs/bpf"));
  expect_applied();
  EXPECT_EQ(seen(), expected(kFlows, "ro"));
  EXPECT_THAT(bpf_mounts(), SizeIs(1));
}

TEST_P(LaterBpffs, IsTakenAwayWithAViewThatChangesAsWell) {
  say("");
  ASSERT_NO_FATAL_FAILURE(start());
  mount_hosts("/run");
  replace(kFlows);
  const auto applied = apply();
  EXPECT_EQ(applied.status, 0) << applied;
  EXPECT_THAT(applied.out, HasSubstr("masked the bpffs at \"/run\""));
  EXPECT_THAT(applied.out, HasSubstr("replaced "));
  EXPECT_EQ(seen(), expected(kFlows, "ro"));
  EXPECT_FALSE(shows_other("/run"));
}

// What would stop a start does not stop this.
TEST_P(LaterBpffs, IsTakenAwayFromAContainerThatWouldNotStartNow) {
  say("");
  ASSERT_NO_FATAL_FAILURE(start());
  mount_hosts("/run");
  pins_.remove(kFlows);
  const auto applied = apply();
  EXPECT_EQ(applied.status, 1) << applied;
  EXPECT_THAT(applied.out, HasSubstr("masked the bpffs at \"/run\""));
  EXPECT_FALSE(shows_other("/run"));
}

TEST_P(LaterBpffs, IsTakenAwayWhereAPolicyChangedThatWantsItReported) {
  say("");
  ASSERT_NO_FATAL_FAILURE(start());
  mount_hosts("/run");
  say("view: {layout: per-map}\n");
  const auto applied = apply({"--automatic", "--container", container_.id()});
  EXPECT_THAT(applied.out, HasSubstr("1 differs"));
  EXPECT_FALSE(shows_other("/run"));
}

TEST_P(LaterBpffs, IsTakenAwayWhereOneIsRejected) {
  say("view: {hostBpffs: reject}\n");
  ASSERT_NO_FATAL_FAILURE(start());
  mount_hosts("/run");
  expect_applied();
  EXPECT_FALSE(shows_other("/run"));
}

TEST_P(LaterBpffs, StaysWhereThePolicyAllowsIt) {
  say("view: {hostBpffs: allow}\n");
  ASSERT_NO_FATAL_FAILURE(start());
  mount_hosts("/run");
  EXPECT_THAT(apply().out, HasSubstr("1 unchanged"));
  EXPECT_TRUE(shows_other("/run"));

  // Until the policies say something else.
  say("view: {hostBpffs: mask}\n");
  const auto reported = apply({"--automatic", "--container", container_.id()});
  EXPECT_THAT(reported.out, HasSubstr("1 differs"));
  EXPECT_TRUE(shows_other("/run"));
  const auto applied = apply();
  EXPECT_EQ(applied.status, 0) << applied;
  EXPECT_THAT(applied.out, HasSubstr("changed view.hostBpffs allow becomes mask"));
  EXPECT_THAT(applied.out, HasSubstr("masked the bpffs at \"/run\""));
  EXPECT_FALSE(shows_other("/run"));
  EXPECT_EQ(seen(), expected(kFlows, "ro"));
  EXPECT_THAT(apply().out, HasSubstr("1 unchanged"));
  mount_hosts("/run");
  expect_applied();
  EXPECT_FALSE(shows_other("/run"));
}

TEST_P(LaterBpffs, ThatIsCoveredIsAnErrorThatSaysSo) {
  say("");
  ASSERT_NO_FATAL_FAILURE(start());
  mount_hosts("/run");
  in_container([] { check(mount("cover", "/run", "tmpfs", 0, nullptr), "mount a tmpfs"); });
  const auto applied = apply();
  EXPECT_EQ(applied.status, 1) << applied;
  EXPECT_THAT(applied.out + applied.err, HasSubstr("\"/run\""));
  EXPECT_EQ(seen(), expected(kFlows, "ro"));
  in_container([] { check(umount2("/run", MNT_DETACH), "unmount the tmpfs"); });
  expect_applied();
  EXPECT_FALSE(shows_other("/run"));
}

TEST_P(LaterBpffs, IsTakenAwayByARepair) {
  say("");
  ASSERT_NO_FATAL_FAILURE(start());
  mount_hosts("/run");
  const auto repaired = pinscope::test::run(argv("drift", {"--repair"}));
  EXPECT_EQ(repaired.status, 0) << repaired;
  EXPECT_FALSE(shows_other("/run"));
  EXPECT_THAT(told(), Not(HasSubstr("repaired")));
}

TEST_P(LaterBpffs, InsteadOfAViewThatWasTakenAwayIsTakenAwayForIt) {
  say("");
  ASSERT_NO_FATAL_FAILURE(start());
  in_container([] { check(umount2("/sys/fs/bpf", MNT_DETACH), "unmount the view"); });
  ASSERT_THAT(bpf_mounts(), IsEmpty());
  mount_hosts("/sys/fs/bpf");
  const auto applied = apply({"--automatic", "--container", container_.id()});
  EXPECT_EQ(applied.status, 0) << applied;
  EXPECT_THAT(applied.out, HasSubstr("repaired the view"));
  EXPECT_EQ(seen(), expected(kFlows, "ro"));
  EXPECT_THAT(bpf_mounts(), SizeIs(1));
}

// Somebody who mounts again and again is not waited for, and gets nothing by it in the end.
TEST_P(LaterBpffs, ThatIsMountedInALoopIsTakenAwayOnceTheLoopEnds) {
  say("");
  ASSERT_NO_FATAL_FAILURE(start());
  for (int i = 0; i < 5; ++i) {
    for (int layer = 0; layer < 8; ++layer) mount_hosts("/run");
    expect_applied();
    EXPECT_FALSE(shows_other("/run"));
  }
  EXPECT_THAT(bpf_mounts(), SizeIs(1));
}

// As a container while its runtime sets it up: what is mounted around it is the host's.
class WhileItIsSetUp : public LaterBpffs {
 protected:
  // Has the runtime run this behind our hook, before it changes to the container's root.
  void start_with(const std::string& source, const std::vector<std::string>& arguments) {
    std::vector<std::string> words = argv("apply", arguments);
    for (auto& word : words) word = "'" + word + "'";
    std::string line;
    for (const auto& word : words) line += word + " ";
    const std::string script = source + line + "> " + said_.path("out") + " 2>&1; true";
    container_.spec.hooks["createRuntime"] = {
        installation_.hook("createRuntime"),
        {.path = "/bin/sh", .args = {"sh", "-c", script}, .env = {}}};
    container_.probe({"sleep 30000"});
    ASSERT_THAT(container_.create(), Succeeds());
    ASSERT_THAT(container_.start(), Succeeds());
  }
  [[nodiscard]] std::string said() const { return read_file(said_.path("out")); }

  TempDirectory said_;
};

TEST_P(WhileItIsSetUp, NothingIsTakenAway) {
  say("");
  ASSERT_NO_FATAL_FAILURE(start_with("", {"--all"}));
  EXPECT_THAT(said(), HasSubstr("1 unchanged"));
  EXPECT_EQ(seen(), expected(kFlows, "ro"));
  EXPECT_THAT(apply().out, HasSubstr("1 unchanged"));
}

TEST_P(WhileItIsSetUp, ItsViewIsNotChanged) {
  say("");
  const std::string replaces =
      "rm /sys/fs/bpf/flows; ln /sys/fs/bpf/other /sys/fs/bpf/flows 2>/dev/null || "
      "mv /sys/fs/bpf/other /sys/fs/bpf/flows; ";
  const uint32_t before = map_id(kFlows);
  ASSERT_NO_FATAL_FAILURE(start_with(replaces, {"--all"}));
  EXPECT_THAT(said(), HasSubstr("has not changed to it yet"));
  EXPECT_EQ(seen(), "flows:" + std::to_string(before) + ":ro");
  // Afterwards it is.
  expect_applied();
  EXPECT_EQ(seen(), expected(kFlows, "ro"));
  EXPECT_THAT(bpf_mounts(), SizeIs(leaves_old_view() ? 2 : 1));
}

PINSCOPE_EACH_RUNTIME(LaterBpffs);
PINSCOPE_EACH_RUNTIME(WhileItIsSetUp);

}  // namespace
}  // namespace pinscope::test
