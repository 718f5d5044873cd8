// Several users in one container: each reaches the maps that are theirs, whoever their container's
// root is on the host.
#include "tests/support/container/view_test.h"

namespace pinscope::test {
namespace {

constexpr const char* kAMapForEach =
    "select: {}\nview: {layout: per-map}\n"
    "grants:\n"
    "  - {pin: /sys/fs/bpf/a, access: read-write, owner: {uid: 1000, gid: 1000}, mode: \"0600\"}\n"
    "  - {pin: /sys/fs/bpf/b, access: read, owner: {uid: 2000, gid: 2000}, mode: \"0400\"}\n";

class Users : public ViewTest {
 protected:
  void SetUp() override {
    ViewTest::SetUp();
    pins_.map("/sys/fs/bpf/a");
    pins_.map("/sys/fs/bpf/b");
    set_value("/sys/fs/bpf/a", 1, 10);
    set_value("/sys/fs/bpf/b", 1, 20);
  }

  void expect_each_reaches_their_own() {
    installation_.write_policy(policy_text(kAMapForEach));
    auto result = run({"setuid 1000 1000", "lookup /sys/fs/bpf/a 1", "update /sys/fs/bpf/a 1 11",
                       "get-ro /sys/fs/bpf/b", "get-rw /sys/fs/bpf/b"});
    EXPECT_EQ(answer(result, "lookup /sys/fs/bpf/a 1"), "ok 10") << result;
    EXPECT_EQ(answer(result, "update /sys/fs/bpf/a 1 11"), "ok");
    EXPECT_EQ(answer(result, "get-ro /sys/fs/bpf/b"), "EACCES");
    EXPECT_EQ(answer(result, "get-rw /sys/fs/bpf/b"), "EROFS") << "the superblock is asked first";

    result = run({"setuid 2000 2000", "lookup /sys/fs/bpf/b 1", "get-rw /sys/fs/bpf/b",
                  "get-ro /sys/fs/bpf/a"});
    EXPECT_EQ(answer(result, "lookup /sys/fs/bpf/b 1"), "ok 20") << result;
    EXPECT_EQ(answer(result, "get-rw /sys/fs/bpf/b"), "EROFS") << "the superblock is asked first";
    EXPECT_EQ(answer(result, "get-ro /sys/fs/bpf/a"), "EACCES");

    result = run({"setuid 3000 3000", "get-ro /sys/fs/bpf/a", "get-ro /sys/fs/bpf/b"});
    EXPECT_EQ(answer(result, "get-ro /sys/fs/bpf/a"), "EACCES") << result;
    EXPECT_EQ(answer(result, "get-ro /sys/fs/bpf/b"), "EACCES");
  }

  void expect_a_group_of_the_process_opens() {
    installation_.write_policy(
        policy_text("select: {}\n"
                    "grants:\n"
                    "  - {pin: /sys/fs/bpf/a, owner: {uid: 0, gid: 500}, mode: \"0440\"}\n"
                    "  - {pin: /sys/fs/bpf/b, owner: {uid: 0, gid: 501}, mode: \"0440\"}\n"));
    container_.spec.uid = container_.spec.gid = 1000;
    container_.spec.additional_gids = {500};
    const auto result = run({"lookup /sys/fs/bpf/a 1", "get-ro /sys/fs/bpf/b"});
    EXPECT_EQ(answer(result, "lookup /sys/fs/bpf/a 1"), "ok 10") << result;
    EXPECT_EQ(answer(result, "get-ro /sys/fs/bpf/b"), "EACCES");
  }
};

TEST_P(Users, EachReachTheirOwnMap) {
  expect_each_reaches_their_own();
}

TEST_P(Users, EachReachTheirOwnMapInAUserNamespace) {
  container_.spec.with_user_namespace();
  expect_each_reaches_their_own();
}

TEST_P(Users, MayOpenWhatAGroupOfTheirsOwns) {
  expect_a_group_of_the_process_opens();
}

TEST_P(Users, MayOpenWhatAGroupOfTheirsOwnsInAUserNamespace) {
  container_.spec.with_user_namespace();
  expect_a_group_of_the_process_opens();
}

// Between two ranges of ids that the namespace maps.
TEST_P(Users, AreNotGivenAMapThroughAHoleInTheIdMap) {
  container_.spec.uid_map = {{0, 100000, 10}, {500, 200000, 10}};
  container_.spec.gid_map = {{0, 100000, 10}, {600, 400000, 10}};
  const auto refuse = [&](const std::string& owner, const std::string& what) {
    installation_.write_policy(
        policy_text("select: {}\ngrants:\n  - {pin: /sys/fs/bpf/a, owner: " + owner + "}\n"));
    expect_refused("cannot give \"a\" to " + what +
                       ": the container's user namespace does not map this id; "
                       "policy \"test\" at test.yaml:8:7",
                   "id-not-mapped");
  };
  refuse("{uid: 100, gid: 0}", "uid 100");
  refuse("{uid: 505, gid: 100}", "gid 100");
}

PINSCOPE_EACH_RUNTIME(Users);

}  // namespace
}  // namespace pinscope::test
