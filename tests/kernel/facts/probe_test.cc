// What Pinscope itself finds out about a kernel, as `pinscope doctor` shows it: each answer is a
// row of docs/kernels.md.
#include "plugin/kernel/probe.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "tests/support/report/kernel_answer.h"

namespace pinscope::test {
namespace {

using kernel::ProbeResult;
using model::Probe;

constexpr const char* kNames[] = {
    "private bpffs instances",
    "detached mount trees",
    "read-only mounts by descriptor",
    "read-only superblock after pinning",
    "pins relative to a descriptor",
    "listmount and statmount",
    "mounts beneath others",
    "attributes of pins",
    "openat2",
    "pidfd and namespace files",
    "BPF tokens",
};

class ProbeFacts : public testing::TestWithParam<const char*> {};

TEST_P(ProbeFacts, Find) {
  const auto results = kernel::probe_all();
  const auto found = std::ranges::find(results, std::string(GetParam()), &ProbeResult::name);
  ASSERT_NE(found, results.end());
  ASSERT_NE(found->answer, Probe::kUnknown) << found->detail;
  if (found->answer == Probe::kYes) return;
  // What the answer "no" means is a refusal to the user, or another way of doing it.
  if (found->without.empty() || found->without.find("refused") != std::string::npos)
    record_refusal(found->detail);
  else
    record_fallback(found->without);
}

INSTANTIATE_TEST_SUITE_P(, ProbeFacts, testing::ValuesIn(kNames), [](const auto& name) {
  std::string text = name.param;
  std::ranges::replace_if(
      text, [](char c) { return c == ' ' || c == '-'; }, '_');
  return text;
});

TEST(Probes, AreAllInTheTable) {
  std::vector<std::string> names;
  for (const auto& result : kernel::probe_all()) names.push_back(result.name);
  EXPECT_THAT(names, testing::UnorderedElementsAreArray(kNames));
}

}  // namespace
}  // namespace pinscope::test
