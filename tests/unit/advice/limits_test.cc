// Remarks on what granted maps close by themselves.
#include "plugin/advice/limits.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <linux/bpf.h>

namespace pinscope::advice {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

std::vector<std::string> codes(const MapLimits& limits) {
  model::Decision decision;
  decision.grants.emplace_back().name = "flows";
  std::vector<std::string> found;
  for (const auto& remark : remarks_on_limits(decision, {limits})) found.push_back(remark.code);
  return found;
}

TEST(RemarksOnLimits, NameWhatAMapCloses) {
  EXPECT_THAT(codes({}), IsEmpty());
  EXPECT_THAT(codes({.is_frozen = true, .flags = BPF_F_RDONLY_PROG}),
              ElementsAre("frozen", "rdonly-prog"));
  EXPECT_THAT(codes({.is_exclusive = true, .flags = BPF_F_WRONLY_PROG}),
              ElementsAre("wronly-prog", "exclusive"));
}

TEST(RemarksOnLimits, QuoteTheName) {
  model::Decision decision;
  decision.grants.emplace_back().name = "a\nb";
  const auto remarks = remarks_on_limits(decision, {{.is_frozen = true}});
  ASSERT_EQ(remarks.size(), 1U);
  EXPECT_EQ(remarks.front().text.find('\n'), std::string::npos);
}

}  // namespace
}  // namespace pinscope::advice
