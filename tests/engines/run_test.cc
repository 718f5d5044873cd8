// Containers without a hook: what the other container tests stand on works, and an ordinary
// container sees no pin of this machine.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/bpf/bpf_objects.h"
#include "tests/support/container/runtime_test.h"
#include "tests/support/machine/snapshot.h"
#include "tests/support/machine/wait.h"

namespace pinscope::test {
namespace {

class PlainContainer : public RuntimeTest {};

TEST_P(PlainContainer, RunsTheProbeAndSeesNoPin) {
  HostPins pins;
  pins.map("/sys/fs/bpf/flows");
  RuntimeContainer container(GetParam());
  const auto result = container.probe({"ls /sys/fs/bpf", "get-ro /sys/fs/bpf/flows", "id"}).run();
  EXPECT_EQ(result.status, 0) << result;
  EXPECT_EQ(answer(result, "ls /sys/fs/bpf"), "ok");
  EXPECT_EQ(answer(result, "get-ro /sys/fs/bpf/flows"), "ENOENT");
  EXPECT_EQ(answer(result, "id"), "ok uid=0 gid=0");
}

TEST_P(PlainContainer, HasTheDefaultCapabilitiesOfAnEngine) {
  RuntimeContainer container(GetParam());
  EXPECT_EQ(answer(container.probe({"caps"}).run(), "caps"), "ok 00000000a80425fb");
}

TEST_P(PlainContainer, SeesAndWritesEveryPinOfAHostBpffsThatItMounts) {
  HostPins pins;
  pins.map("/sys/fs/bpf/flows");
  set_value("/sys/fs/bpf/flows", 1, 42);
  RuntimeContainer container(GetParam());
  container.spec.mounts.push_back({"/sys/fs/bpf", "bind", "/sys/fs/bpf", {"rbind", "ro"}});
  const auto result =
      container.probe({"lookup /sys/fs/bpf/flows 1", "update /sys/fs/bpf/flows 1 43"}).run();
  EXPECT_EQ(answer(result, "lookup /sys/fs/bpf/flows 1"), "ok 42") << result;
  EXPECT_EQ(answer(result, "update /sys/fs/bpf/flows 1 43"), "ok") << result;
  EXPECT_EQ(value_at("/sys/fs/bpf/flows", 1), 43U);
}

TEST_P(PlainContainer, RunsInAUserNamespaceWithMappedIds) {
  RuntimeContainer container(GetParam());
  container.spec.with_user_namespace();
  container.spec.uid = 1000;
  const auto result = container.probe({"id", "get-rw /nowhere"}).run();
  EXPECT_EQ(result.status, 0) << result;
  EXPECT_EQ(answer(result, "id"), "ok uid=1000 gid=0");
}

TEST_P(PlainContainer, RunsOnAnOverlayThatIsReadOnly) {
  RuntimeContainer container(GetParam());
  container.spec.overlay_rootfs = true;
  container.spec.readonly_rootfs = true;
  const auto result = container.probe({"touch /x", "statfs /"}).run();
  EXPECT_EQ(result.status, 0) << result;
  EXPECT_EQ(answer(result, "touch /x"), "EROFS");
  EXPECT_EQ(answer(result, "statfs /"), "ok type=0x794c7630 ro");
}

TEST_P(PlainContainer, CanBeCreatedStartedKilledAndDeletedStepByStep) {
  RuntimeContainer container(GetParam());
  const auto created = container.probe({"id", "sleep 100"}).create();
  ASSERT_EQ(created.status, 0) << created;
  EXPECT_GT(container.pid(), 0);
  EXPECT_EQ(container.output(), "");
  EXPECT_THAT(container.start(), Succeeds());
  EXPECT_TRUE(wait_until([&] { return !container.output().empty(); }));
  EXPECT_EQ(container.output(), "id: ok uid=0 gid=0\n");
  EXPECT_THAT(container.kill(), Succeeds());
  EXPECT_TRUE(container.wait_stopped());
  EXPECT_THAT(container.remove(), Succeeds());
}

TEST_P(PlainContainer, HonoursItsSeccompProfile) {
  RuntimeContainer container(GetParam());
  container.spec.seccomp_default = "SCMP_ACT_ALLOW";
  container.spec.seccomp = {{{"bpf"}, "SCMP_ACT_ERRNO", {}}};
  EXPECT_EQ(answer(container.probe({"get-ro /x"}).run(), "get-ro /x"), "EPERM");
}

TEST_P(PlainContainer, LeavesNothingOnTheMachine) {
  const Snapshot before = Snapshot::take();
  {
    RuntimeContainer container(GetParam());
    ASSERT_THAT(container.probe({"id"}).run(), Succeeds());
  }
  EXPECT_EQ(before, Snapshot::take());
}

PINSCOPE_EACH_RUNTIME(PlainContainer);

}  // namespace
}  // namespace pinscope::test
