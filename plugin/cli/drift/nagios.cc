// Drift as the line and the exit status of a plugin of a monitoring system.
#include <algorithm>
#include <vector>

#include "plugin/base/text.h"
#include "plugin/cli/drift/text.h"
#include "plugin/cli/term/table.h"

namespace pinscope::cli {
namespace {

using drift::Drift;
using drift::Kind;
using drift::Level;

constexpr size_t kMaxNamed = 3;       // containers
constexpr size_t kLongestNamed = 32;  // bytes of an id

// Text in front of the performance data, which the first bar begins. What is in it may be a
// container's own.
std::string plain(std::string_view text) {
  std::string line = one_line(text);
  std::ranges::replace(line, '|', '/');
  return line;
}

const char* word_of(PluginResult::Status status) {
  switch (status) {
    case PluginResult::kOk:
      return "OK";
    case PluginResult::kWarning:
      return "WARNING";
    case PluginResult::kCritical:
      return "CRITICAL";
    case PluginResult::kUnknown:
      return "UNKNOWN";
  }
  return "";
}

PluginResult::Status status_of(const Drift& drift) {
  const auto has = [&](Level level) {
    return std::ranges::any_of(drift.entries, [&](const drift::Entry& entry) {
      return drift::level_of(entry.kind) == level;
    });
  };
  if (has(Level::kCritical)) return PluginResult::kCritical;
  if (has(Level::kWarning)) return PluginResult::kWarning;
  return has(Level::kUnknown) ? PluginResult::kUnknown : PluginResult::kOk;
}

// "web-1, db-2 and 3 more": those that drifted, with the worst first; if none did, all that an
// entry is about.
std::string names_of(const Drift& drift) {
  const size_t drifted = drift.drifted();
  std::vector<const drift::Entry*> entries;
  for (const auto& entry : drift.entries)
    if (drift::is_of_drifted(entry) || (entry.subject && drifted == 0)) entries.push_back(&entry);
  std::ranges::stable_sort(entries, {}, [](const drift::Entry* entry) { return entry->kind; });
  std::vector<std::string> names;
  for (const auto* entry : entries) {
    std::string name = short_id(entry->subject->id);
    if (name.size() > kLongestNamed) name = name.substr(0, kLongestNamed) + "...";
    name = plain(name);
    if (std::ranges::find(names, name) == names.end()) names.push_back(std::move(name));
  }
  const size_t count = names.size();
  if (count <= kMaxNamed) return joined(names, ", ");
  names.resize(kMaxNamed);
  return joined(names, ", ") + " and " + std::to_string(count - kMaxNamed) + " more";
}

// A value with its thresholds: anything above 0 is a warning, or critical.
std::string measure(const std::string& label, size_t value, const char* thresholds) {
  return " '" + label + "'=" + std::to_string(value) + thresholds;
}

std::string performance(const Drift& drift) {
  std::string text = measure("containers", drift.containers, ";;;0");
  text += measure("drifted", drift.drifted(), ";;;0");
  const auto counts = drift.counts();
  for (size_t i = 0; i < drift::kKinds; ++i) {
    const auto kind = static_cast<Kind>(i);
    const Level level = drift::level_of(kind);
    text += measure(name_of(kind), counts[i],
                    level == Level::kCritical  ? ";;0;0"
                    : level == Level::kWarning ? ";0;;0"
                                               : ";;;0");
  }
  return text;
}

}  // namespace

PluginResult to_plugin_result(const Drift& drift) {
  PluginResult result{status_of(drift), {}};
  result.line = std::string("DRIFT ") + word_of(result.status) + " - " +
                summary_text(drift, names_of(drift)) + " |" + performance(drift) + "\n";
  return result;
}

PluginResult unknown_result(std::string_view why) {
  return {PluginResult::kUnknown,
          std::string("DRIFT ") + word_of(PluginResult::kUnknown) + " - " + plain(why) + "\n"};
}

}  // namespace pinscope::cli
