// `pinscope apply` beside real containers: what they see before and after, in each layout.
#include <fcntl.h>
#include <sys/mount.h>

#include <thread>

#include "plugin/json/json.h"
#include "tests/support/container/swap_test.h"
#include "tests/support/machine/mounts.h"
#include "tests/support/machine/wait.h"

namespace pinscope::test {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

class Apply : public SwapTest {
 protected:
  [[nodiscard]] std::string drift() const {
    const auto result = pinscope::test::run(argv("drift", {}));
    return result.out + result.err;
  }
  void expect_no_drift() const { EXPECT_THAT(drift(), HasSubstr("no drift")); }
};

TEST_P(Apply, AddsTakesAwayAndChangesGrantsInEachLayout) {
  policy("shared", {"{pin: /sys/fs/bpf/flows}"});
  ASSERT_NO_FATAL_FAILURE(start());
  for (const char* layout : {"shared", "per-map", "shared"}) {
    SCOPED_TRACE(layout);
    policy(layout, {"{pin: /sys/fs/bpf/flows}"});
    apply();
    EXPECT_EQ(seen(), expected(kFlows, "ro"));
    // One more, for writing.
    policy(layout, {"{pin: /sys/fs/bpf/flows}", "{pin: /sys/fs/bpf/counters, access: read-write}"});
    expect_applied();
    EXPECT_EQ(seen(), expected(kCounters, "rw") + " " + expected(kFlows, "ro"));
    expect_no_drift();
    // The other way round.
    policy(layout, {"{pin: /sys/fs/bpf/flows, access: read-write}", "{pin: /sys/fs/bpf/counters}"});
    expect_applied();
    EXPECT_EQ(seen(), expected(kCounters, "ro") + " " + expected(kFlows, "rw"));
    // Another map at the same path.
    replace(kFlows);
    expect_applied();
    EXPECT_EQ(seen(), expected(kCounters, "ro") + " " + expected(kFlows, "rw"));
    // One less.
    policy(layout, {"{pin: /sys/fs/bpf/counters}"});
    expect_applied();
    EXPECT_EQ(seen(), expected(kCounters, "ro"));
    // None, and one again.
    policy(layout, {});
    expect_applied();
    EXPECT_EQ(seen(), "");
    EXPECT_THAT(drift(), Not(HasSubstr("view-missing")));
    policy(layout, {"{pin: /sys/fs/bpf/other}"});
    expect_applied();
    EXPECT_EQ(seen(), expected(kOther, "ro"));
    expect_no_drift();
  }
}

TEST_P(Apply, ReplacesAViewOfTheHostsOwnPins) {
  policy("bind", {"{pin: /sys/fs/bpf/flows, access: read-write}"});
  ASSERT_NO_FATAL_FAILURE(start());
  policy("bind", {"{pin: /sys/fs/bpf/counters, access: read-write}"});
  expect_applied();
  EXPECT_EQ(seen(), expected(kCounters, "rw"));
  replace(kCounters);
  expect_applied();
  EXPECT_EQ(seen(), expected(kCounters, "rw"));
}

TEST_P(Apply, LeavesNoMountsBehind) {
  policy("shared", {"{pin: /sys/fs/bpf/flows}", "{pin: /sys/fs/bpf/counters, access: read-write}"});
  ASSERT_NO_FATAL_FAILURE(start());
  const auto before = bpf_mounts();
  for (int i = 0; i < 5; ++i) {
    replace(kFlows);
    expect_applied();
  }
  if (leaves_old_view()) {
    EXPECT_GT(bpf_mounts().size(), before.size());
  } else {
    EXPECT_EQ(bpf_mounts().size(), before.size());
  }
}

TEST_P(Apply, WorksInAUserNamespace) {
  container_.spec.with_user_namespace();
  policy("shared", {"{pin: /sys/fs/bpf/flows}", "{pin: /sys/fs/bpf/counters, access: read-write}"});
  ASSERT_NO_FATAL_FAILURE(start());
  for (const char* layout : {"shared", "per-map"}) {
    policy(layout, {"{pin: /sys/fs/bpf/flows, access: read-write, owner: {uid: 7, gid: 8}}",
                    "{pin: /sys/fs/bpf/other}"});
    expect_applied();
    EXPECT_EQ(seen(), expected(kFlows, "rw") + " " + expected(kOther, "ro"));
    struct stat status {};
    ASSERT_EQ(stat(inside("/sys/fs/bpf/flows").c_str(), &status), 0);
    EXPECT_EQ(status.st_uid, container_.spec.uid_map.front().host + 7);
    EXPECT_EQ(status.st_gid, container_.spec.uid_map.front().host + 8);
  }
}

TEST_P(Apply, ChangesNothingWhereNothingIsDifferent) {
  policy("shared", {"{pin: /sys/fs/bpf/flows}"});
  ASSERT_NO_FATAL_FAILURE(start());
  const auto mounts = bpf_mounts();
  const auto result = apply();
  EXPECT_EQ(result.status, 0) << result;
  EXPECT_THAT(result.out, HasSubstr("1 container: 1 unchanged"));
  EXPECT_EQ(bpf_mounts(), mounts);
}

TEST_P(Apply, SaysWhatItWouldDoAndDoesNothing) {
  policy("shared", {"{pin: /sys/fs/bpf/flows}"});
  ASSERT_NO_FATAL_FAILURE(start());
  policy("shared", {"{pin: /sys/fs/bpf/counters}"});
  const auto result = apply({"--all", "--dry-run"});
  EXPECT_EQ(result.status, 3) << result;
  EXPECT_THAT(result.out, AllOf(HasSubstr("would change"), HasSubstr("added \"counters\""),
                                HasSubstr("removed \"flows\"")));
  EXPECT_EQ(seen(), expected(kFlows, "ro"));
}

TEST_P(Apply, ChangesNothingWherePoliciesDoNotCompile) {
  policy("shared", {"{pin: /sys/fs/bpf/flows}"});
  ASSERT_NO_FATAL_FAILURE(start());
  installation_.write_policy("nonsense: [");
  const auto result = apply();
  EXPECT_EQ(result.status, 1) << result;
  EXPECT_THAT(result.err, HasSubstr("nothing was changed"));
  EXPECT_EQ(seen(), expected(kFlows, "ro"));
}

TEST_P(Apply, SaysWhoDidItInTheRecordAndTheAuditTrail) {
  policy("shared", {"{pin: /sys/fs/bpf/flows}"});
  ASSERT_NO_FATAL_FAILURE(start());
  policy("shared", {"{pin: /sys/fs/bpf/counters}"});
  expect_applied({"--container", container_.id()});
  const auto line = installation_.last_audit();
  EXPECT_EQ(line.outcome, "changed");
  EXPECT_EQ(line.stage, "apply");
  EXPECT_THAT(line.text, AllOf(HasSubstr(R"("by":{"uid":0)"), HasSubstr("removed \\\"flows\\\"")));
  EXPECT_THAT(installation_.record(container_.id()),
              AllOf(HasSubstr("\"changed_by\""), HasSubstr("counters"), Not(HasSubstr("flows\""))));
}

TEST_P(Apply, TellsWhoGoesOnWithWhatIsNotGrantedAnyMore) {
  policy("shared", {"{pin: /sys/fs/bpf/counters, access: read-write}"});
  container_.spec.capabilities.emplace_back("CAP_SYS_ADMIN");
  ASSERT_NO_FATAL_FAILURE(start());
  Reader reader(container_.pid(), "", "/sys/fs/bpf/counters");
  pid_t holder = fork();
  if (holder == 0) {
    const std::string path = "/proc/" + std::to_string(container_.pid()) + "/ns/mnt";
    if (setns(open(path.c_str(), O_RDONLY), CLONE_NEWNS) != 0) _exit(1);
    const int map = bpf_obj_get("/sys/fs/bpf/counters");
    for (uint32_t i = 0;; ++i) {
      // It goes on to work.
      uint64_t value = i;
      if (bpf_map_update_elem(map, &i, &value, BPF_ANY) != 0 && errno != E2BIG) _exit(2);
      usleep(1000);
    }
  }
  ASSERT_TRUE(wait_until([&] { return reader.opened() > 0; }));
  reader.end();
  // Nothing else writes to the map: the holder has it open.
  ASSERT_TRUE(wait_until([] {
    const Fd map(bpf_obj_get(kCounters));
    const uint32_t key = 0;
    uint64_t value = 0;
    return bpf_map_lookup_elem(map.get(), &key, &value) == 0;
  }));
  policy("shared", {"{pin: /sys/fs/bpf/flows}"});
  const auto result = apply();
  EXPECT_EQ(result.status, 0) << result;
  EXPECT_THAT(result.out, AllOf(HasSubstr("not taken back: process " + std::to_string(holder)),
                                HasSubstr("(\"counters\") open for")));
  usleep(20'000);
  EXPECT_EQ(waitpid(holder, nullptr, WNOHANG), 0) << "its descriptor does not work any more";
  kill(holder, SIGKILL);
  waitpid(holder, nullptr, 0);
}

TEST_P(Apply, AsksBeforeItTakesEverythingFromSeveral) {
  policy("shared", {"{pin: /sys/fs/bpf/flows}"});
  ASSERT_NO_FATAL_FAILURE(start());
  ASSERT_NO_FATAL_FAILURE(start_second());
  policy("shared", {});
  const auto refused = apply();
  EXPECT_EQ(refused.status, 2) << refused;
  EXPECT_THAT(refused.err, HasSubstr("--yes"));
  EXPECT_EQ(seen(), expected(kFlows, "ro"));
  expect_applied({"--all", "--yes"});
  EXPECT_EQ(seen(), "");
}

// The number of a superblock that goes with the first change is that of the next view.
TEST_P(Apply, TakesNoViewOfAnotherContainerForAnOldOne) {
  policy("shared", {"{pin: /sys/fs/bpf/flows}", "{pin: /sys/fs/bpf/counters}"});
  ASSERT_NO_FATAL_FAILURE(start());
  ASSERT_NO_FATAL_FAILURE(start_second());
  for (const char* grant : {"{pin: /sys/fs/bpf/flows}", "{pin: /sys/fs/bpf/counters}"}) {
    policy("shared", {grant});
    const auto applied = apply({"--all", "--yes"});
    EXPECT_EQ(applied.status, 0) << applied;
    EXPECT_THAT(applied.out, Not(HasSubstr("a mount namespace of its own")));
  }
}

TEST_P(Apply, LeavesAContainerAloneThatWouldNotStartNow) {
  policy("shared", {"{pin: /sys/fs/bpf/flows}"});
  ASSERT_NO_FATAL_FAILURE(start());
  policy("shared", {"{pin: /sys/fs/bpf/counters}", "{pin: /sys/fs/bpf/nothing-here}"});
  const auto result = apply();
  EXPECT_EQ(result.status, 1) << result;
  EXPECT_THAT(result.out, HasSubstr("refused"));
  EXPECT_EQ(installation_.last_audit().outcome, "not-changed");
  EXPECT_EQ(seen(), expected(kFlows, "ro"));
}

// A mount that is detached loses those on it: whoever is between the two finds links there.
TEST_P(Apply, LeadsWhoIsOnTheWayThroughTheOldViewIntoTheNewOne) {
  for (const char* layout : {"shared", "per-map", "bind"}) {
    policy(layout, {"{pin: /sys/fs/bpf/flows, access: read-write}",
                    "{pin: /sys/fs/bpf/counters, access: read-write}"});
    if (layout == std::string_view("shared")) {
      ASSERT_NO_FATAL_FAILURE(start());
    }
    expect_applied();
    const Fd on_the_way(open(inside("/sys/fs/bpf").c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
    const uint32_t before = map_id(kFlows);
    replace(kFlows);
    const uint32_t after = map_id(kFlows);
    expect_applied();
    in_container([&] {
      check(fchdir(on_the_way.get()), "go to the old view");
      const Fd map(check(bpf_obj_get("flows"), "go on"));
      bpf_map_info info = {};
      uint32_t size = sizeof info;
      check(bpf_obj_get_info_by_fd(map.get(), &info, &size), "look at the map");
      check(info.id == before || info.id == after ? 0 : -1, "see one of the two");
    });
  }
}

TEST_P(Apply, ShowsTheOldViewOrTheNewOneAndNothingElse) {
  policy("shared", {"{pin: /sys/fs/bpf/flows}", "{pin: /sys/fs/bpf/counters, access: read-write}"});
  ASSERT_NO_FATAL_FAILURE(start());
  std::set<uint32_t> known = {map_id(kFlows), map_id(kCounters)};
  Reader reader(container_.pid(), "/sys/fs/bpf/flows", "/sys/fs/bpf/counters");
  Reader another(container_.pid(), "/sys/fs/bpf/flows", "/sys/fs/bpf/counters");
  constexpr int kSwaps = 60;
  for (int i = 0; i < kSwaps; ++i) {
    replace(i % 2 == 0 ? kCounters : kFlows);
    known.insert(map_id(i % 2 == 0 ? kCounters : kFlows));
    expect_applied();
  }
  reader.end();
  another.end();
  EXPECT_GT(reader.opened(), 1000U);
  EXPECT_EQ(reader.errors() + another.errors(), "");
  EXPECT_EQ(reader.written() + another.written(), 0U) << "a read grant opened for writing";
  for (const uint32_t id : reader.ids()) EXPECT_TRUE(known.contains(id)) << id;
}

TEST_P(Apply, FindsEveryMountOfTheOldView) {
  if (leaves_old_view()) GTEST_SKIP() << "the old view stays below the new one";
  policy("shared", {"{pin: /sys/fs/bpf/flows}", "{pin: /sys/fs/bpf/counters, access: read-write}"});
  ASSERT_NO_FATAL_FAILURE(start());
  in_container([] {
    mkdir("/tmp", 0755);
    check(mkdir("/tmp/whole", 0755), "mkdir");
    check(mkdir("/tmp/part", 0755), "mkdir");
    check(mount("/sys/fs/bpf", "/tmp/whole", nullptr, MS_BIND | MS_REC, nullptr), "bind");
    check(mount("/sys/fs/bpf/_rw", "/tmp/part", nullptr, MS_BIND, nullptr), "bind");
  });
  EXPECT_EQ(seen("/tmp/part"), expected(kCounters, "rw"));
  policy("shared", {"{pin: /sys/fs/bpf/other}"});
  expect_applied();
  EXPECT_EQ(seen(), expected(kOther, "ro"));
  EXPECT_EQ(seen("/tmp/whole"), expected(kOther, "ro"));
  EXPECT_EQ(seen("/tmp/part"), "");
}

PINSCOPE_EACH_RUNTIME(Apply);

}  // namespace
}  // namespace pinscope::test
