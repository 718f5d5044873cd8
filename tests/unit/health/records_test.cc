#include "plugin/health/records.h"

#include <gtest/gtest.h>

namespace pinscope::health {
namespace {

using Level = model::Finding::Level;
using inventory::Entries;
using inventory::Entry;
using inventory::ProcessState;
using inventory::SealState;

Entry running(const std::string& id, std::vector<model::Bypass> bypasses) {
  Entry entry;
  entry.record.given.id = id;
  entry.record.given.bypasses = std::move(bypasses);
  entry.live.process = ProcessState::kRunning;
  return entry;
}

TEST(HealthOfRecords, NamesContainersWithAVoidView) {
  using enum model::Bypass;
  Entries all;
  all.entries = {running("plain", {}), running("web", {kCapSysAdmin}),
                 running("agent", {kHostBpffs, kOwnFiles}), running("gone", {kCapBpf})};
  all.entries.back().live.process = ProcessState::kGone;
  const auto finding = judge_void_views(all);
  EXPECT_EQ(finding.level, Level::kWarn);
  EXPECT_EQ(finding.detail,
            "2 containers have a way past the view: web (cap-sys-admin), agent (host-bpffs, "
            "own-files)");
  EXPECT_NE(finding.action, "");
  all.entries.resize(1);
  EXPECT_EQ(judge_void_views(all).level, Level::kOk);
}

TEST(HealthOfRecords, NameNoMoreThanEightContainers) {
  Entries all;
  for (int i = 0; i < 20; ++i)
    all.entries.push_back(running(std::to_string(i), {model::Bypass::kCapBpf}));
  const auto detail = judge_void_views(all).detail;
  EXPECT_TRUE(detail.starts_with("20 containers have")) << detail;
  EXPECT_TRUE(detail.ends_with("7 (cap-bpf), and 12 more")) << detail;
}

TEST(HealthOfRecords, FailWhereASealIsBroken) {
  Entries all;
  all.entries = {running("web", {})};
  all.entries[0].live.seals = {SealState::kIntact, std::nullopt, SealState::kUnknown};
  EXPECT_EQ(judge_seals(all).level, Level::kOk);
  all.entries[0].live.seals[0] = SealState::kBroken;
  const auto finding = judge_seals(all);
  EXPECT_EQ(finding.level, Level::kFail);
  EXPECT_EQ(finding.detail, "writable by now: web");
}

}  // namespace
}  // namespace pinscope::health
