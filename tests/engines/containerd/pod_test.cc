// Pods of a containerd that knows nothing of Pinscope: that the node and the client of these tests
// work, so that what fails elsewhere is about Pinscope.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/engines/containerd/containerd_test.h"

namespace pinscope::test {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;

class PlainPod : public ContainerdTest {};

TEST_P(PlainPod, RunsItsContainersToTheirEnd) {
  node().start();
  const Pod pod = node().cri().run_pod();
  EXPECT_EQ(node().cri().run(pod, ContainerdMachine::probe({"id", "get-ro /sys/fs/bpf/flows"})),
            "id: ok uid=0 gid=0\nget-ro /sys/fs/bpf/flows: EPERM\n");

  const std::string id = node().cri().create(pod, ContainerdMachine::sleeper());
  node().cri().start(id);
  EXPECT_THAT(node().config_json(id), HasSubstr(R"("io.kubernetes.cri.sandbox-namespace":"web")"));
  node().cri().stop(id);
  EXPECT_EQ(node().cri().wait(id), 137);
  node().cri().remove(id);

  node().remove_pods();
  EXPECT_THAT(node().cri().pods(), IsEmpty());
  EXPECT_THAT(node().cri().containers(), IsEmpty());
}

PINSCOPE_CRI_RELEASES(PlainPod);

}  // namespace
}  // namespace pinscope::test
