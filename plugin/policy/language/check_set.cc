#include "plugin/policy/language/check_set.h"

#include <algorithm>
#include <tuple>

#include "plugin/base/text.h"
#include "plugin/policy/decide/showing.h"
#include "plugin/policy/language/check_places.h"
#include "plugin/policy/language/limits.h"
#include "plugin/policy/language/overlap.h"

namespace pinscope::policy {
namespace {

using model::Grant;
using model::Policy;

// Through a pin: whoever reads values has no descriptor of the map.
bool may_be_read_map(const Policy& policy, const Grant& grant) {
  return grant.access == model::Access::kRead &&
         certain_values_mode(policy, grant) != model::ValuesMode::kOnly &&
         grant.expect.kind.value_or(model::ObjectKind::kMap) == model::ObjectKind::kMap;
}

// Why a map that may be read is written by containers of this policy; null if it is not.
const char* way_to_write(const Policy& policy) {
  if (!policy.delegate) return nullptr;
  if (policy.delegate->pinning) return "with pinning";
  const bool loads = policy.delegate->rights.has(model::BpfCommand::kProgLoad);
  return loads ? "with prog_load" : nullptr;
}

}  // namespace

std::vector<Diagnostic> warn_of_travel(const std::vector<Policy>& policies) {
  std::vector<std::pair<const Policy*, const Grant*>> readers;
  for (const auto& policy : policies) {
    const auto read = std::ranges::find_if(
        policy.grants, [&](const Grant& grant) { return may_be_read_map(policy, grant); });
    if (read != policy.grants.end()) readers.emplace_back(&policy, &*read);
  }
  std::vector<Diagnostic> warnings;
  for (const auto& policy : policies) {
    const char* way = way_to_write(policy);
    if (way == nullptr || warnings.size() == kMaxDiagnostics) continue;
    // What a policy grants for reading beside its own delegation is an error elsewhere.
    const auto reader =
        std::ranges::find_if(readers, [&](const auto& one) { return one.first != &policy; });
    if (reader == readers.end()) continue;
    warnings.push_back(warning_at(
        policy.delegate->place,
        std::string(way) +
            ", a container can write every map of which it gets a descriptor, such as " +
            quoted(reader->second->pin) + ", which policy " + quoted(reader->first->name) + " at " +
            model::to_string(reader->second->place) + " lets other containers read",
        "containers can pass descriptors over sockets: delegate only to containers that may write "
        "the map, or make the map with BPF_F_RDONLY_PROG"));
  }
  return warnings;
}

Meeting meeting(const Policy& policy, const Policy& other, SetBudget& budget) {
  budget.spend(cost_of_comparing(policy, other));
  if (!may_both_select(policy, other)) return Meeting::kNever;
  if (selects_all_of(other, policy)) return Meeting::kAlways;
  const bool are_of_one_sort =
      selects_all_of(policy, other) || have_a_key_in_common(policy.select, other.select);
  return are_of_one_sort ? Meeting::kSometimes : Meeting::kByCoincidence;
}

Diagnostic::Severity severity_of(Meeting meeting) {
  return meeting == Meeting::kByCoincidence ? Diagnostic::Severity::kNote
                                            : Diagnostic::Severity::kWarning;
}

void check_set(Loaded& loaded) {
  const auto& policies = loaded.policies;
  SetBudget budget;
  for (auto& findings :
       {warn_of_travel(policies), warn_of_idle_denials(policies),
        warn_of_conflicts(policies, budget), warn_of_denied_grants(policies, budget),
        warn_of_overruled(policies, budget)})
    insert_by_place(loaded.diagnostics, findings);
  if (budget.is_spent())
    insert_by_place(
        loaded.diagnostics,
        {note_at(policies.front().place,
                 "not every policy of this set was compared with the others",
                 "that would take too long: where policies disagree may not be shown")});
}

void insert_by_place(std::vector<Diagnostic>& diagnostics, std::vector<Diagnostic> more) {
  for (auto& one : more) {
    const auto is_behind = [&](const Diagnostic& other) {
      return other.place.file == one.place.file && std::tie(other.place.line, other.place.column) >
                                                       std::tie(one.place.line, one.place.column);
    };
    const auto is_of_file = [&](const Diagnostic& other) {
      return other.place.file == one.place.file;
    };
    auto at = std::ranges::find_if(diagnostics, is_behind);
    if (at == diagnostics.end()) {
      const auto last = std::find_if(diagnostics.rbegin(), diagnostics.rend(), is_of_file);
      if (last != diagnostics.rend()) at = last.base();
    }
    diagnostics.insert(at, std::move(one));
  }
}

}  // namespace pinscope::policy
