#include "plugin/metrics/gather.h"

#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <utility>

#include "plugin/base/clock.h"
#include "plugin/base/path.h"
#include "plugin/base/text.h"
#include "plugin/inventory/collect.h"
#include "plugin/inventory/machine/inventory.h"
#include "plugin/kernel/bpf/map_memory.h"
#include "plugin/kernel/process/child.h"
#include "plugin/metrics/state.h"
#include "plugin/metrics/trail_reader.h"
#include "plugin/policy/files.h"
#include "plugin/policy/set/cache.h"
#include "plugin/record/store.h"
#include "plugin/record/waiting.h"

namespace pinscope::metrics {
namespace {

constexpr double kNanosecondsPerSecond = 1e9;

// Keeps the value, or the error among the others.
template <typename T>
std::optional<T> kept(Result<T> result, std::vector<Error>& failed) {
  if (result) return *std::move(result);
  failed.push_back(std::move(result).error());
  return std::nullopt;
}

Result<inventory::Entries> look_at_records(const GatherOptions& options,
                                           std::vector<Error>& failed) {
  PINSCOPE_TRY(const auto store, record::Store::open(options.state_directory, false));
  PINSCOPE_TRY(auto all, store.all());
  PINSCOPE_TRY(const auto examiner, inventory::Examiner::open(options.state_directory));
  const auto until = std::chrono::steady_clock::now() + options.time_for_records;
  inventory::Entries result;
  result.unreadable = std::move(all.unreadable);
  result.entries.reserve(all.records.size());
  auto looks = examiner.examine_all(all.records, until);
  for (size_t i = 0; i < all.records.size(); ++i)
    result.entries.push_back({std::move(all.records[i]), std::move(looks.lives[i])});
  if (looks.left_over > 0)
    failed.push_back(
        Error(ErrorCode::kRecord, "look at every view")
            .reason("there was no time for " + count_of(looks.left_over, "container", "containers"))
            .hint("pinscope list takes the time"));
  return result;
}

Result<std::map<std::string, uint64_t>> look_for_leftovers(const GatherOptions& options) {
  PINSCOPE_TRY(const auto removals, inventory::collect({.state_directory = options.state_directory,
                                                        .audit_path = options.audit_path,
                                                        .dry_run = true}));
  std::map<std::string, uint64_t> counts = {{"record", 0}, {"file", 0}, {"damaged", 0}};
  for (const auto& removal : removals) ++counts[removal.error ? "damaged" : removal.kind];
  return counts;
}

bool has_policy_files(const std::string& path) {
  struct stat status {};
  if (::stat(path.c_str(), &status) != 0) return false;
  if (!S_ISDIR(status.st_mode)) return true;
  const auto names = policy::list_policy_files(path);
  return names && !names->empty();
}

// In a child, which can be given up.
Result<std::map<std::string, uint64_t>> count_notices(const GatherOptions& options) {
  const auto look = [&]() -> Result<std::string> {
    PINSCOPE_TRY(const auto inventory, inventory::take_inventory(options.state_directory));
    std::array<uint64_t, inventory::kNoticeKinds> counts{};
    for (const auto& notice : inventory.notices) ++counts[static_cast<size_t>(notice.kind)];
    std::string text;
    for (const uint64_t count : counts) text += std::to_string(count) + " ";
    return text;
  };
  PINSCOPE_TRY(const auto text, kernel::run_in_child(look, options.time_for_inventory));
  const auto numbers = split(text, ' ');
  std::map<std::string, uint64_t> counts;
  for (size_t i = 0; i < inventory::kNoticeKinds; ++i) {
    // As a word of a label.
    std::string kind = inventory::name_of(static_cast<inventory::Notice::Kind>(i));
    std::ranges::replace(kind, ' ', '-');
    counts.emplace(std::move(kind),
                   i < numbers.size() ? parse_unsigned(numbers[i]).value_or(0) : 0);
  }
  return counts;
}

// What is in force, as the next hook finds it; nothing is compiled here.
Result<PolicyFacts> look_at_policies(const GatherOptions& options) {
  const auto open = [&](const char* suffix) {
    return policy::CachedSet::open(options.cache_directory, options.policy_path, suffix);
  };
  PolicyFacts facts;
  PINSCOPE_TRY(const auto cached, open(policy::kSetSuffix));
  PINSCOPE_TRY(const auto refused, open(policy::kRejectedSuffix));
  const bool is_refused =
      refused && refused->is_current(options.policy_path, policy::Racy::kIsIgnored);
  if (!cached) {
    const bool has_files = has_policy_files(options.policy_path);
    facts.state = is_refused  ? PolicyState::kMissing
                  : has_files ? PolicyState::kChanged
                              : PolicyState::kNone;
    return facts;
  }
  PINSCOPE_TRY(const auto policies, cached->set().all());
  facts.names.reserve(policies.size());
  for (const auto& policy : policies) facts.names.push_back(policy.name);
  facts.compiled_at_ns = cached->set().compiled_at_ns();
  if (is_refused)
    facts.state = PolicyState::kRefused;
  else if (!cached->is_current(options.policy_path, policy::Racy::kIsIgnored))
    facts.state = PolicyState::kChanged;
  else
    facts.state = policies.empty() ? PolicyState::kNone : PolicyState::kCurrent;
  return facts;
}

// The maps that sources of running containers' grants name now.
Result<std::vector<MapFact>> look_at_maps(const inventory::Entries& all) {
  std::map<std::string, uint32_t> ids;
  for (const auto& entry : all.entries) {
    const auto& pins = entry.record.given.pins;
    if (entry.live.process != inventory::ProcessState::kRunning) continue;
    for (size_t i = 0; i < pins.size(); ++i)
      if (entry.live.pins[i].source == inventory::SourceState::kCurrent &&
          pins[i].object.kind == model::ObjectKind::kMap)
        ids[pins[i].grant.source] = pins[i].object.id;
  }
  std::vector<MapFact> maps;
  maps.reserve(ids.size());
  for (const auto& [pin, id] : ids) {
    PINSCOPE_TRY(const auto size, kernel::map_size(id));
    if (size) maps.push_back({pin, size->max_entries, size->memory});
  }
  return maps;
}

uint64_t size_of_waiting(const std::string& state_directory) {
  struct stat status {};
  const std::string path = join(state_directory, record::kWaitingName);
  return ::lstat(path.c_str(), &status) == 0 ? static_cast<uint64_t>(status.st_size) : 0;
}

// Damaged counters begin anew: better than none for ever.
Saved read_saved(const StateFile& file, std::vector<Error>& failed) {
  auto read = kept(file.read(), failed);
  if (!read) {
    read.emplace();
    ++read->counters.lost;
  }
  if (read->since_ns == 0) read->since_ns = wall_clock_ns();
  return *std::move(read);
}

}  // namespace

Result<AuditFacts> count_trail(const GatherOptions& options, std::vector<Error>& failed) {
  PINSCOPE_TRY(const auto file, StateFile::open(options.cache_directory, options.audit_path));
  Saved saved = read_saved(file, failed);
  const Taker taker{[&](std::string_view line) { saved.counters.take(line); },
                    [&] { saved.counters.take_damaged(); }, [&] { ++saved.counters.lost; }};
  PINSCOPE_TRY(auto progress,
               read_on(options.audit_path, std::move(saved.position), options.budget, taker));
  saved.position = std::move(progress.position);
  // The next look counts these lines again, from the same place on: nothing is wrong but the time.
  if (auto written = file.write(saved); !written) failed.push_back(std::move(written).error());
  return AuditFacts{progress.size, progress.unread, size_of_waiting(options.state_directory),
                    std::move(saved.counters), saved.since_ns};
}

Gathered gather(const GatherOptions& options) {
  const uint64_t begin = monotonic_ns();
  Gathered result;
  Facts& facts = result.facts;
  facts.version = PINSCOPE_VERSION;
  facts.audit = kept(count_trail(options, result.failed), result.failed);
  facts.entries = kept(look_at_records(options, result.failed), result.failed);
  facts.leftovers = kept(look_for_leftovers(options), result.failed);
  facts.policies = kept(look_at_policies(options), result.failed);
  if (facts.entries) facts.maps = kept(look_at_maps(*facts.entries), result.failed);
  facts.values = kept(inventory::look_at_values(options.state_directory), result.failed);
  facts.follow = kept(inventory::look_at_follow(options.state_directory, options.time_for_follow),
                      result.failed);
  const std::chrono::nanoseconds took(monotonic_ns() - begin);
  facts.notices = kept(took < 2 * options.time_for_inventory
                           ? count_notices(options)
                           : std::unexpected(Error(ErrorCode::kRecord, "take the inventory")
                                                 .reason("there was no time left")
                                                 .hint("pinscope inventory takes the time")),
                       result.failed);
  facts.seconds = static_cast<double>(monotonic_ns() - begin) / kNanosecondsPerSecond;
  return result;
}

}  // namespace pinscope::metrics
