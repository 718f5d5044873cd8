// Two containers in one PID namespace, as in a pod with shareProcessNamespace and with --pid
// container:NAME. One has a view; the other looks through /proc/PID/root.
#include <functional>

#include "tests/attack/attack_test.h"

namespace pinscope::test {
namespace {

class Neighbour : public AttackTest {
 protected:
  void SetUp() override {
    AttackTest::SetUp();
    if (IsSkipped()) return;
    make_pins();
    policy("grants: [{pin: /sys/fs/bpf/app/flows, as: flows, access: read-write}]\n");
    installation_.hook_into(container_.spec);
    container_.probe({"id", "wait-for /nowhere"});
    const auto created = container_.create();
    ASSERT_EQ(created.status, 0) << created << installation_.last_audit().error;
    ASSERT_THAT(container_.start(), Succeeds());
  }
  void TearDown() override { container_.remove(true); }

  // What a container without a policy of its own gets to hear in that PID namespace.
  std::string through_proc(const std::function<void(BundleSpec&)>& change) {
    RuntimeContainer neighbour(GetParam());
    neighbour.spec.namespaces["pid"] = "/proc/" + std::to_string(container_.pid()) + "/ns/pid";
    change(neighbour.spec);
    const std::string open = "get-rw /proc/1/root/sys/fs/bpf/flows";
    const auto result = neighbour.probe({open}).run();
    EXPECT_EQ(result.status, 0) << result;
    return answer(result, open);
  }
};

TEST_P(Neighbour, OfTheSameUserAndCapabilitiesOpensTheView) {
  EXPECT_EQ(through_proc([](BundleSpec&) {}), "ok");
}

TEST_P(Neighbour, WithFewerCapabilitiesOrAnotherUserDoesNot) {
  EXPECT_EQ(through_proc([](BundleSpec& spec) { std::erase(spec.capabilities, "CAP_CHOWN"); }),
            "EACCES");
  EXPECT_EQ(through_proc([](BundleSpec& spec) { spec.uid = spec.gid = 1000; }), "EACCES");
}

PINSCOPE_EACH_RUNTIME(Neighbour);

}  // namespace
}  // namespace pinscope::test
