// Root in a user namespace, with every capability there: it may do to its mounts what the kernel
// lets it, and still reaches no more than its policy says.
#include "tests/attack/attack_test.h"
#include "tests/support/machine/mounts.h"

namespace pinscope::test {
namespace {

class UserNamespace : public AttackTest {
 protected:
  void SetUp() override {
    AttackTest::SetUp();
    if (IsSkipped()) return;
    make_pins();
    policy(
        "grants:\n"
        "  - {pin: /sys/fs/bpf/app/flows, as: flows, access: read, mode: \"0666\"}\n"
        "  - {pin: /sys/fs/bpf/app/counters, as: counters, access: read-write}\n");
    container_.spec.with_user_namespace();
    container_.spec.capabilities = BundleSpec::all_capabilities();
  }
};

TEST_P(UserNamespace, OwnsItsPins) {
  expect({{"stat /sys/fs/bpf/flows", "ok file mode=0666 uid=0 gid=0"},
          {"lookup /sys/fs/bpf/flows 1", "ok 42"},
          {"update /sys/fs/bpf/counters 1 43", "ok"},
          {"get-rw /sys/fs/bpf/flows", "EROFS"},
          {"map-by-id " + std::to_string(map_id(kSecret)), "EPERM"}});
}

TEST_P(UserNamespace, CannotMakeTheSuperblockWritable) {
  const auto result =
      run({"remount-rw /sys/fs/bpf", "reconfigure-rw /sys/fs/bpf", "bind-remount-rw /sys/fs/bpf",
           "setattr-rw /sys/fs/bpf", "get-rw /sys/fs/bpf/flows", "chmod /sys/fs/bpf/flows 777",
           "repin /sys/fs/bpf/flows /sys/fs/bpf/again"});
  EXPECT_EQ(answer(result, "remount-rw /sys/fs/bpf"), "EPERM") << result;
  EXPECT_EQ(answer(result, "reconfigure-rw /sys/fs/bpf"), "EPERM");
  EXPECT_EQ(answer(result, "get-rw /sys/fs/bpf/flows"), "EROFS");
  EXPECT_EQ(answer(result, "chmod /sys/fs/bpf/flows 777"), "EROFS");
  EXPECT_EQ(answer(result, "repin /sys/fs/bpf/flows /sys/fs/bpf/again"), "EROFS");
}

// The mount in front of the read-write grants is the container's to change. What stops it from
// pinning a read-only descriptor there is that the directory belongs to a user it does not have.
TEST_P(UserNamespace, GetsNoWritableDirectoryByMakingTheMountWritable) {
  const auto result =
      run({"bind-remount-rw /sys/fs/bpf/_rw", "setattr-rw /sys/fs/bpf/_rw", "stat /sys/fs/bpf/_rw",
           "mkdir /sys/fs/bpf/_rw/x", "chmod /sys/fs/bpf/_rw 777", "chown /sys/fs/bpf/_rw 0 0",
           "repin /sys/fs/bpf/flows /sys/fs/bpf/_rw/again",
           "rename /sys/fs/bpf/_rw/counters /sys/fs/bpf/_rw/x", "unlink /sys/fs/bpf/_rw/counters",
           "symlink x /sys/fs/bpf/_rw/y", "get-rw /sys/fs/bpf/flows"});
  EXPECT_EQ(answer(result, "stat /sys/fs/bpf/_rw"), "ok directory mode=0755 uid=65534 gid=65534")
      << result;
  for (const char* command :
       {"mkdir /sys/fs/bpf/_rw/x", "repin /sys/fs/bpf/flows /sys/fs/bpf/_rw/again",
        "rename /sys/fs/bpf/_rw/counters /sys/fs/bpf/_rw/x", "unlink /sys/fs/bpf/_rw/counters",
        "symlink x /sys/fs/bpf/_rw/y"})
    EXPECT_THAT(answer(result, command), testing::AnyOf("EACCES", "EROFS")) << command;
  for (const char* command : {"chmod /sys/fs/bpf/_rw 777", "chown /sys/fs/bpf/_rw 0 0"})
    EXPECT_THAT(answer(result, command), testing::AnyOf("EPERM", "EROFS")) << command;
  EXPECT_EQ(answer(result, "get-rw /sys/fs/bpf/flows"), "EROFS");
}

TEST_P(UserNamespace, FindsNothingBelowItsView) {
  container_.spec.mounts.push_back({"/sys/fs/bpf", "bind", "/sys/fs/bpf", {"bind"}});
  const auto result = run({"umount /sys/fs/bpf", "ls /sys/fs/bpf", "get-ro /sys/fs/bpf/secret",
                           "get-ro /sys/fs/bpf/app/flows"});
  EXPECT_EQ(answer(result, "umount /sys/fs/bpf"), "ok") << result;
  EXPECT_EQ(answer(result, "ls /sys/fs/bpf"), "ok");
  EXPECT_EQ(answer(result, "get-ro /sys/fs/bpf/secret"), "ENOENT");
  EXPECT_EQ(answer(result, "get-ro /sys/fs/bpf/app/flows"), "ENOENT");
}

TEST_P(UserNamespace, GainsNothingByMountingTheViewElsewhere) {
  const auto result =
      run({"mkdir /tmp/x", "bind /sys/fs/bpf /tmp/x", "ls /tmp/x", "get-rw /tmp/x/flows",
           "ls /tmp/x/_rw", "move-mount /sys/fs/bpf/_rw /tmp/x", "repin /tmp/x/counters /tmp/x/y",
           "ls /tmp/x/.."});
  EXPECT_EQ(answer(result, "ls /tmp/x"), "ok _rw counters flows") << result;
  EXPECT_EQ(answer(result, "get-rw /tmp/x/flows"), "EROFS");
  // A link that leads back to where the view is.
  EXPECT_EQ(answer(result, "ls /tmp/x/_rw"), "ok counters");
  EXPECT_THAT(answer(result, "repin /tmp/x/counters /tmp/x/y"), testing::AnyOf("EACCES", "EROFS"));
}

TEST_P(UserNamespace, CannotMountABpffs) {
  expect({{"mkdir /tmp/x", "ok"}, {"mount-bpf /tmp/x", "EPERM"}});
}

TEST_P(UserNamespace, HoldsInLayoutPerMap) {
  policy(
      "view: {layout: per-map}\n"
      "grants:\n"
      "  - {pin: /sys/fs/bpf/app/flows, as: flows, access: read, mode: \"0666\"}\n"
      "  - {pin: /sys/fs/bpf/app/counters, as: counters, access: read-write}\n");
  const auto result = run(
      {"setattr-rw /sys/fs/bpf/flows", "setattr-rw /sys/fs/bpf/counters", "setattr-rw /sys/fs/bpf",
       "remount-rw /sys/fs/bpf", "reconfigure-rw /sys/fs/bpf/flows", "get-rw /sys/fs/bpf/flows",
       "update /sys/fs/bpf/counters 1 43", "repin /sys/fs/bpf/flows /sys/fs/bpf/again",
       "mkdir /sys/fs/bpf/x", "umount /sys/fs/bpf/flows", "get-ro /sys/fs/bpf/flows"});
  EXPECT_EQ(answer(result, "reconfigure-rw /sys/fs/bpf/flows"), "EPERM") << result;
  EXPECT_EQ(answer(result, "get-rw /sys/fs/bpf/flows"), "EROFS");
  EXPECT_EQ(answer(result, "update /sys/fs/bpf/counters 1 43"), "ok");
  EXPECT_EQ(answer(result, "repin /sys/fs/bpf/flows /sys/fs/bpf/again"), "EROFS");
  EXPECT_EQ(answer(result, "mkdir /sys/fs/bpf/x"), "EROFS");
  // Below it is the link to the view that it is mounted on, which leads to itself.
  EXPECT_EQ(answer(result, "get-ro /sys/fs/bpf/flows"), "ELOOP");
}

TEST_P(UserNamespace, IsRefusedAnOwnerThatItDoesNotKnow) {
  policy("grants: [{pin: /sys/fs/bpf/app/flows, as: flows, owner: {uid: 70000}}]\n");
  expect_refused(
      "cannot give \"flows\" to uid 70000: the container's user namespace does not map this id; "
      "policy \"test\" at test.yaml:7:12",
      "id-not-mapped");
}

PINSCOPE_EACH_RUNTIME_AND_THE_NEWEST(UserNamespace);

}  // namespace
}  // namespace pinscope::test
