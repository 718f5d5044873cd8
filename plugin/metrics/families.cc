#include "plugin/metrics/families.h"

#include <algorithm>
#include <limits>
#include <map>
#include <optional>
#include <set>
#include <string_view>
#include <utility>

#include "plugin/base/clock.h"
#include "plugin/base/text.h"
#include "plugin/inventory/live.h"
#include "plugin/metrics/follow.h"
#include "plugin/metrics/table.h"
#include "plugin/model/container.h"

namespace pinscope::metrics {
namespace {

using inventory::Entry;
using inventory::ProcessState;
using inventory::SourceState;

constexpr double kNanosecondsPerSecond = 1e9;
constexpr double kMicrosecondsPerSecond = 1e6;
constexpr const char* kUnknownEngine = "unknown";

double seconds_of(uint64_t nanoseconds) {
  return static_cast<double>(nanoseconds) / kNanosecondsPerSecond;
}

std::vector<Sample> samples_of(const char* label, const Counters::Counts& counts) {
  Table table({label});
  for (const auto& [word, count] : counts) table.add({word}, static_cast<double>(count));
  return table.samples();
}

Sample plain(double value) {
  return {{}, value};
}
Sample plain(uint64_t value) {
  return plain(static_cast<double>(value));
}

bool is_running(const Entry& entry) {
  return entry.live.process == ProcessState::kRunning;
}

const std::vector<std::string>& view_states() {
  static const std::vector<std::string> all = {"running",        "gone",          "incomplete",
                                               "view-missing",   "view-not-seen", "seal-broken",
                                               "values-unserved"};
  return all;
}

// inventory::summary() as a word of a label.
std::string state_of(const Entry& entry) {
  std::string state = inventory::summary(entry.record, entry.live);
  std::ranges::replace(state, ' ', '-');
  return state;
}

std::string engine_of(const Entry& entry) {
  const std::string name = model::engine_name(entry.record.given.engine);
  return name.empty() ? kUnknownEngine : name;
}

std::string source_of(SourceState state) {
  return state == SourceState::kGone ? "gone" : inventory::name_of(state);
}

// Whether a name can be a label: Prometheus keeps labels for as long as it keeps data, and refuses
// the whole text if two of them are the same, as names become that are not UTF-8. What disturbs a
// terminal is none, either.
bool is_label(std::string_view name) {
  return name.size() <= kLongestLabel && one_line(name) == name;
}

class Builder {
 public:
  explicit Builder(const Facts& facts) : facts_(facts) {}

  std::vector<Family> build() {
    gauge("pinscope_build_info", "Version of the program that looked.",
          {{{{"version", facts_.version}}, 1}});
    containers();
    policies();
    values();
    add_follow(facts_, families_);
    maps();
    kinds("pinscope_leftovers", "What `pinscope gc` would remove.", facts_.leftovers);
    kinds("pinscope_drift", "Differences between what runs and what the policies would make of it.",
          facts_.drift);
    kinds("pinscope_notices", "What `pinscope inventory` says that somebody should look at.",
          facts_.notices);
    audit();
    hook_times();
    about_itself();
    return std::move(families_);
  }

 private:
  void gauge(const char* name, const char* help, std::vector<Sample> samples) {
    families_.push_back({name, Type::kGauge, help, std::move(samples)});
  }
  void counter(const char* name, const char* help, std::vector<Sample> samples) {
    families_.push_back({name, Type::kCounter, help, std::move(samples)});
  }
  static std::vector<Sample> if_known(bool known, std::vector<Sample> samples) {
    return known ? std::move(samples) : std::vector<Sample>();
  }

  [[nodiscard]] const std::vector<Entry>& entries() const {
    static const std::vector<Entry> none;
    return facts_.entries ? facts_.entries->entries : none;
  }

  void containers() {
    const bool known = facts_.entries.has_value();
    Table views({"engine", "state"});
    for (const auto& entry : entries())
      for (const auto& state : view_states()) views.declare({engine_of(entry), state});
    Table bypasses({"bypass"});
    for (const auto& code : bypass_codes())
      if (code != kOther) bypasses.declare({code});
    uint64_t is_void = 0;
    uint64_t tokens = 0;
    for (const auto& entry : entries()) {
      views.add({engine_of(entry), state_of(entry)});
      if (!is_running(entry)) continue;
      const auto& given = entry.record.given;
      for (const auto bypass : given.bypasses) bypasses.add({model::name_of(bypass)});
      if (!given.bypasses.empty()) ++is_void;
      if (given.delegation) ++tokens;
    }
    gauge("pinscope_views", "Containers and sessions with a view, by what is left of it.",
          if_known(known, views.samples()));
    gauge("pinscope_void_views", "Running containers that have a way past their view.",
          if_known(known, {plain(is_void)}));
    gauge("pinscope_bypasses", "Running containers that have this way past their view.",
          if_known(known, bypasses.samples()));
    gauge("pinscope_delegations", "Running containers that may make BPF tokens.",
          if_known(known, {plain(tokens)}));
    exceptions(known);
    grants(known);
    gauge("pinscope_unreadable_records", "Records that are damaged.",
          if_known(known, {plain(known ? facts_.entries->unreadable.size() : 0)}));
  }

  void exceptions(bool known) {
    Table exceptions({"kind", "state"});
    for (const auto* kind : {"revoke", "grant"})
      for (const auto* state : {"in-force", "ran-out"}) exceptions.declare({kind, state});
    const uint64_t now = wall_clock_ns();
    for (const auto& entry : entries())
      for (const auto& one : entry.record.exceptions)
        if (is_running(entry))
          exceptions.add({model::name_of(one.kind), model::state_of(one, now)});
    gauge("pinscope_exceptions",
          "What running containers have (grant) or lack (revoke) beside the policies.",
          if_known(known, exceptions.samples()));
  }

  void grants(bool known) {
    Table grants({"access", "source"});
    for (const auto& access : accesses())
      for (const auto* source : {"current", "stale", "gone", "skipped", "waiting", "unknown"})
        grants.declare({access, source});
    for (const auto& entry : entries()) {
      if (!is_running(entry)) continue;
      const auto& pins = entry.record.given.pins;
      for (size_t i = 0; i < pins.size() && i < entry.live.pins.size(); ++i)
        grants.add({model::name_of(pins[i].grant.access), source_of(entry.live.pins[i].source)});
    }
    gauge("pinscope_grants", "Grants of running containers, by what their source names now.",
          if_known(known, grants.samples()));
  }

  void policies() {
    Table views({"policy"});
    std::set<std::string> names;
    if (facts_.policies) names.insert(facts_.policies->names.begin(), facts_.policies->names.end());
    std::map<std::string, double> counts;
    for (const auto& entry : entries()) {
      if (!is_running(entry)) continue;
      for (const auto& name : inventory::policy_names(entry.record)) {
        names.insert(name);
        counts[name] += 1;
      }
    }
    for (const auto& name : bounded(names, "policy")) views.add({name}, counts[name]);
    gauge("pinscope_policy_views", "Running containers that the policy selects.",
          if_known(facts_.entries.has_value(), views.samples()));

    constexpr std::pair<PolicyState, const char*> kStates[] = {
        {PolicyState::kNone, "none"},       {PolicyState::kCurrent, "current"},
        {PolicyState::kChanged, "changed"}, {PolicyState::kRefused, "refused"},
        {PolicyState::kMissing, "missing"}, {PolicyState::kUnknown, "unknown"}};
    Table states({"state"});
    std::vector<Sample> compiled;
    std::vector<Sample> count;
    if (facts_.policies) {
      for (const auto& [state, word] : kStates)
        states.add({word}, state == facts_.policies->state ? 1 : 0);
      count.push_back(plain(facts_.policies->names.size()));
      if (facts_.policies->compiled_at_ns)
        compiled.push_back(plain(seconds_of(*facts_.policies->compiled_at_ns)));
    }
    gauge("pinscope_policies", "Policies in force.", std::move(count));
    gauge("pinscope_policies_state",
          "1 for what the set in force is, compared with the policy files; 0 for the rest.",
          states.samples());
    gauge("pinscope_policies_compiled_timestamp_seconds", "When the set in force was compiled.",
          std::move(compiled));
  }

  void maps() {
    Table entries({"pin"});
    Table memory({"pin"});
    std::map<std::string, const MapFact*> by_pin;
    std::set<std::string> pins;
    if (facts_.maps)
      for (const auto& map : *facts_.maps) {
        by_pin[map.pin] = &map;
        pins.insert(map.pin);
      }
    for (const auto& pin : bounded(pins, "pin")) {
      const MapFact& map = *by_pin[pin];
      entries.add({pin}, map.max_entries);
      if (map.memory) memory.add({pin}, static_cast<double>(*map.memory));
    }
    gauge("pinscope_map_max_entries", "Elements that a granted map has room for.",
          entries.samples());
    gauge("pinscope_map_memory_bytes", "Memory of a granted map, as the kernel counts it.",
          memory.samples());
    Table left_out({"label"});
    for (const auto& [label, number] : left_out_)
      left_out.add({label}, static_cast<double>(number));
    gauge("pinscope_series_left_out",
          "Names that are no label: more than 100 of a kind, too long, or not printable.",
          left_out.samples());
  }

  // Without samples if nobody could count.
  void kinds(const char* name, const char* help,
             const std::optional<std::map<std::string, uint64_t>>& counts) {
    Table table({"kind"});
    if (counts)
      for (const auto& [kind, count] : *counts) table.add({kind}, static_cast<double>(count));
    gauge(name, help, table.samples());
  }

  void audit() {
    const bool known = facts_.audit.has_value();
    const AuditFacts none;
    const AuditFacts& audit = known ? *facts_.audit : none;
    const Counters& counted = audit.counters;
    const auto all = [&](const char* label, const Counters::Counts& counts) {
      return if_known(known, samples_of(label, counts));
    };
    const auto one = [&](uint64_t number) { return if_known(known, {plain(number)}); };
    gauge("pinscope_audit_trail_bytes", "Size of the audit trail's newest file.", one(audit.size));
    gauge("pinscope_audit_unread_bytes", "Part of the audit trail that is not counted yet.",
          one(audit.unread));
    gauge("pinscope_audit_waiting_bytes", "Audit lines that wait for space on the disk.",
          one(audit.waiting));
    gauge("pinscope_counters_since_timestamp_seconds", "When the counters began.",
          if_known(known, {plain(seconds_of(audit.since_ns))}));
    counter("pinscope_audit_lines", "Lines of the audit trail.", all("outcome", counted.lines));
    counter("pinscope_audit_damaged_lines",
            "Lines of the audit trail that are not what was written.", one(counted.damaged));
    counter("pinscope_audit_losses",
            "Times at which the audit trail was not there any more where counting had stopped.",
            one(counted.lost));
    counter("pinscope_start_failures", "Containers that were refused to start, by error code.",
            all("code", counted.failed));
    counter("pinscope_void_starts", "Containers that were started with a way past their view.",
            all("bypass", counted.void_views));
    counter("pinscope_granted_pins", "Pins in views that were made.",
            all("access", counted.granted));
    counter("pinscope_skipped_grants", "Grants of started containers whose source was missing.",
            one(counted.skipped));
    counter("pinscope_denied_grants", "Grants of started containers that a denial took away.",
            one(counted.denied));
  }

  void hook_times() {
    Family family{"pinscope_hook_duration_seconds", Type::kHistogram,
                  "Time that the hook took for containers that a policy selects."};
    if (facts_.audit)
      for (const auto& [stage, time] : facts_.audit->counters.hook_times) {
        HistogramSample sample{{{"stage", stage}}, {}, 0};
        for (size_t i = 0; i < time.counts.size(); ++i)
          sample.buckets.push_back({i < kHookTimeBounds.size()
                                        ? kHookTimeBounds[i]
                                        : std::numeric_limits<double>::infinity(),
                                    time.counts[i]});
        sample.sum = static_cast<double>(time.sum_us) / kMicrosecondsPerSecond;
        family.histograms.push_back(std::move(sample));
      }
    families_.push_back(std::move(family));
  }

  // Where values were never served, there are no samples.
  void values() {
    const inventory::ValuesService none;
    const auto& found = facts_.values ? *facts_.values : none;
    const auto* status = found.status ? &*found.status : nullptr;
    Table parts({"part"});
    if (found.is_set_up) {
      parts.add({"holder"}, found.has_holder ? 1 : 0);
      const bool serves = status != nullptr && status->state == model::ValuesState::kServing;
      parts.add({"service"}, serves ? 1 : 0);
    }
    gauge("pinscope_values_up", "1 if this part of what shows values to containers works.",
          parts.samples());
    std::vector<Sample> unusable;
    if (status != nullptr) unusable.push_back(plain(status->unusable));
    gauge("pinscope_values_unusable", "Containers whose values cannot be served.",
          std::move(unusable));
    std::vector<Sample> set_aside;
    if (status != nullptr)
      set_aside.push_back(plain(static_cast<uint64_t>(
          std::ranges::count_if(status->leases, &model::ServedValues::set_aside))));
    gauge("pinscope_values_set_aside",
          "Containers whose values are not served any more, because processes ended over them.",
          std::move(set_aside));
    served(status == nullptr ? std::vector<model::ServedValues>() : status->leases);
  }

  void served(const std::vector<model::ServedValues>& leases) {
    std::set<std::string> ids;
    for (const auto& lease : leases) ids.insert(lease.container);
    const auto kept = bounded(ids, "container");
    const std::set<std::string_view> shown(kept.begin(), kept.end());
    Table requests({"container"});
    Table errors({"container"});
    Table bytes({"container"});
    Table time({"container"});
    for (const auto& lease : leases) {
      if (!shown.contains(lease.container)) continue;
      requests.add({lease.container}, static_cast<double>(lease.requests));
      errors.add({lease.container}, static_cast<double>(lease.errors));
      bytes.add({lease.container}, static_cast<double>(lease.bytes));
      time.add({lease.container}, seconds_of(lease.time_ns));
    }
    counter("pinscope_values_requests",
            "Requests to the file system of a container's values, as often as each had a turn.",
            requests.samples());
    counter("pinscope_values_errors",
            "Of these, answered with an error; not those for names that do not exist.",
            errors.samples());
    counter("pinscope_values_bytes", "Bytes of the answers.", bytes.samples());
    counter("pinscope_values_seconds", "Time that the answers took.", time.samples());
  }

  void about_itself() {
    Table success({"part"});
    success.add({"records"}, facts_.entries ? 1 : 0);
    success.add({"leftovers"}, facts_.leftovers ? 1 : 0);
    success.add({"policies"}, facts_.policies ? 1 : 0);
    success.add({"maps"}, facts_.maps ? 1 : 0);
    success.add({"audit"}, facts_.audit ? 1 : 0);
    success.add({"drift"}, facts_.drift ? 1 : 0);
    success.add({"notices"}, facts_.notices ? 1 : 0);
    success.add({"values"}, facts_.values ? 1 : 0);
    success.add({"follow"}, facts_.follow ? 1 : 0);
    gauge("pinscope_collection_success", "1 if this part could be looked at, 0 if not.",
          success.samples());
    gauge("pinscope_collection_duration_seconds", "Time that it took to look at all of it.",
          {plain(facts_.seconds)});
  }

  std::vector<std::string> bounded(const std::set<std::string>& names, const char* label) {
    std::vector<std::string> kept;
    kept.reserve(std::min(names.size(), kMaxNames));
    for (const auto& name : names)
      if (kept.size() < kMaxNames && is_label(name)) kept.push_back(name);
    left_out_[label] = names.size() - kept.size();
    return kept;
  }

  const Facts& facts_;
  std::vector<Family> families_;
  std::map<std::string, uint64_t> left_out_;
};

}  // namespace

std::vector<Family> families(const Facts& facts) {
  return Builder(facts).build();
}

}  // namespace pinscope::metrics
