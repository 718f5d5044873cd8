// What doctor says of a bpffs in which everybody may pin.
#include <gtest/gtest.h>

#include "plugin/health/pinning.h"

namespace pinscope::health {
namespace {

using model::Finding;

TEST(PinningHealth, WarnsOfABpffsInWhichEveryUserMayPin) {
  const auto finding = judge_pinning({"/sys/fs/bpf", "/run/bpf"});
  EXPECT_EQ(finding.level, Finding::Level::kWarn);
  EXPECT_EQ(finding.detail,
            "every user may pin in /sys/fs/bpf, /run/bpf: a user who gets a descriptor for "
            "reading, even from a container, can pin the map there and open it for writing");
  EXPECT_EQ(finding.action, "chmod 0755 /sys/fs/bpf, or mount it with mode=0755");
  EXPECT_EQ(judge_pinning({}).level, Finding::Level::kOk);
}

}  // namespace
}  // namespace pinscope::health
