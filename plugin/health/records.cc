#include "plugin/health/records.h"

#include "plugin/base/text.h"
#include "plugin/health/directory.h"
#include "plugin/inventory/entries.h"
#include "plugin/record/store.h"

namespace pinscope::health {

using model::Finding;
using model::Findings;
using Level = Finding::Level;

namespace {

Finding records(const inventory::Entries& all) {
  size_t running = 0;
  size_t gone = 0;
  size_t odd = 0;
  for (const auto& entry : all.entries) {
    const std::string summary = inventory::summary(entry.record, entry.live);
    ++(summary == "running" ? running : summary == "gone" ? gone : odd);
  }
  std::string detail = std::to_string(running) + " running, " + std::to_string(gone) + " gone";
  if (odd > 0) detail += ", " + std::to_string(odd) + " incomplete or without view";
  if (!all.unreadable.empty())
    return {Level::kFail, "state", "records",
            detail + ", " + std::to_string(all.unreadable.size()) +
                " unreadable: " + all.unreadable.front().sentence(),
            "pinscope gc --damaged removes records that cannot be read"};
  if (gone > 0)
    return {Level::kWarn, "state", "records", detail, "pinscope gc removes what is left of them"};
  if (odd > 0) return {Level::kWarn, "state", "records", detail, "pinscope list shows which"};
  return {Level::kOk, "state", "records", detail, ""};
}

Finding stale_grants(const inventory::Entries& all) {
  size_t stale = 0;
  for (const auto& entry : all.entries)
    if (entry.live.process == inventory::ProcessState::kRunning) stale += entry.live.stale_count();
  if (stale == 0) return {Level::kOk, "state", "stale grants", "none", ""};
  return {
      Level::kWarn, "state", "stale grants",
      count_of(stale, "grant shows", "grants show") + " an object that its source no longer names",
      "pinscope list shows which containers; restart them to follow"};
}

}  // namespace

Findings check_records(const std::string& state_directory) {
  Findings findings = {check_directory("state", "directory", state_directory)};
  const auto all = inventory::read_entries(state_directory);
  if (!all) {
    findings.push_back({Level::kFail, "state", "records", all.error().sentence(), ""});
    return findings;
  }
  findings.push_back(records(*all));
  findings.push_back(stale_grants(*all));
  const auto store = record::Store::open(state_directory, false);
  const auto leftovers = store ? store->leftovers() : Result<std::vector<std::string>>{};
  if (leftovers && !leftovers->empty())
    findings.push_back({Level::kWarn, "state", "leftovers",
                        count_of(leftovers->size(), "temporary file", "temporary files"),
                        "pinscope gc removes them"});
  return findings;
}

}  // namespace pinscope::health
