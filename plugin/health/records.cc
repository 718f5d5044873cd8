#include "plugin/health/records.h"

#include <utility>

#include "plugin/base/text.h"
#include "plugin/health/directory.h"
#include "plugin/health/named.h"
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
      "pinscope list shows which containers; start them again to follow"};
}

std::string by_name(const inventory::Entry& entry) {
  const auto& given = entry.record.given;
  return given.id + " (" + joined(model::names_of(given.bypasses), ", ") + ")";
}

}  // namespace

Finding judge_void_views(const inventory::Entries& all) {
  std::vector<std::string> names;
  for (const auto& entry : all.entries)
    if (entry.live.process == inventory::ProcessState::kRunning &&
        !entry.record.given.bypasses.empty())
      names.push_back(by_name(entry));
  if (names.empty()) return {Level::kOk, "state", "void views", "none", ""};
  const size_t count = names.size();
  return {Level::kWarn, "state", "void views",
          count_of(count, "container has", "containers have") +
              " a way past the view: " + first_names(std::move(names)),
          "pinscope list --void shows them, pinscope inspect what to do; a policy can refuse such "
          "containers (view.void: reject)"};
}

Finding judge_seals(const inventory::Entries& all) {
  std::vector<std::string> names;
  for (const auto& entry : all.entries)
    if (entry.live.seal_is_broken()) names.push_back(entry.record.given.id);
  if (names.empty()) return {Level::kOk, "state", "seals", "none is broken", ""};
  return {Level::kFail, "state", "seals", "writable by now: " + joined(names, ", "),
          "a process with CAP_SYS_ADMIN on the host did it; find out which, and start the "
          "container again"};
}

Findings check_records(const std::string& state_directory) {
  Findings findings = {check_directory("state", "directory", state_directory)};
  const auto all = inventory::read_entries(state_directory);
  if (!all) {
    findings.push_back({Level::kFail, "state", "records", all.error().sentence(), ""});
    return findings;
  }
  findings.push_back(records(*all));
  findings.push_back(stale_grants(*all));
  findings.push_back(judge_void_views(*all));
  findings.push_back(judge_seals(*all));
  const auto store = record::Store::open(state_directory, false);
  const auto leftovers = store ? store->leftovers() : Result<std::vector<std::string>>{};
  if (leftovers && !leftovers->empty())
    findings.push_back({Level::kWarn, "state", "leftovers",
                        count_of(leftovers->size(), "temporary file", "temporary files"),
                        "pinscope gc removes them"});
  return findings;
}

}  // namespace pinscope::health
