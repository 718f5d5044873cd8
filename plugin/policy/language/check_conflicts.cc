// What is doubtful with two policies that may select one container: that they disagree, so that it
// does not start. Whether they do is decided as at its start, by decide().
#include <algorithm>
#include <compare>
#include <iterator>
#include <optional>
#include <string_view>

#include "plugin/base/text.h"
#include "plugin/policy/decide/decide.h"
#include "plugin/policy/glob.h"
#include "plugin/policy/language/candidates.h"
#include "plugin/policy/language/check_set.h"
#include "plugin/policy/language/limits.h"
#include "plugin/policy/language/set_budget.h"

namespace pinscope::policy {
namespace {

using model::Grant;
using model::Policy;

// What a policy says about one name of the view: two hashes. A policy says one thing of a name.
struct Name {
  uint64_t name = 0;
  uint64_t said = 0;  // what has to be the same for all policies; the same for all directories
  friend auto operator<=>(const Name&, const Name&) = default;
};

uint64_t hash_of(const Grant& grant) {
  const auto number = [](const auto& value) { return value ? std::to_string(*value) : "-"; };
  const auto& expect = grant.expect;
  const bool is_use = grant.access == model::Access::kUse;
  std::string said = grant.pin + '\0' + (is_use ? "use" : "");
  if (grant.values) said += model::name_of(*grant.values);
  for (const auto& field : {grant.uid, grant.gid, grant.mode, expect.map_type, expect.program_type,
                            expect.key_size, expect.value_size, expect.max_entries})
    said += " " + number(field);
  said += expect.kind ? model::name_of(*expect.kind) : "-";
  return fnv1a64(said + expect.object_name.value_or("-"));
}

// What two policies can disagree about, for a test that is cheap enough for each pair of a set.
struct Outline {
  const Policy* policy = nullptr;
  std::vector<Name> names;  // by name
  bool reads = false;
};

std::vector<Name> names_of(const Policy& policy) {
  constexpr uint64_t kDirectory = 0;
  std::vector<Name> names;
  for (const Grant& grant : policy.grants) {
    if (is_glob(grant.pin)) continue;
    const std::string_view name = grant.as;
    names.push_back({fnv1a64(name), hash_of(grant)});
    for (size_t slash = name.find('/'); slash != std::string_view::npos;
         slash = name.find('/', slash + 1))
      names.push_back({fnv1a64(name.substr(0, slash)), kDirectory});
  }
  std::ranges::sort(names);
  names.erase(std::ranges::unique(names).begin(), names.end());
  return names;
}

bool may_clash(const std::vector<Name>& some, const std::vector<Name>& others) {
  auto one = some.begin();
  auto other = others.begin();
  while (one != some.end() && other != others.end()) {
    if (one->name == other->name && one->said != other->said) return true;
    ++(one->name < other->name ? one : other);
  }
  return false;
}

template <typename T>
bool differ(const std::optional<T>& one, const std::optional<T>& other) {
  return one && other && *one != *other;
}

// No only where decide() accepts both.
bool may_disagree(const Outline& one, const Outline& other) {
  const auto& view = one.policy->view;
  const auto& other_view = other.policy->view;
  const auto is_bind = [](const model::View& asked) {
    return asked.layout == model::Layout::kBind;
  };
  return differ(view.at, other_view.at) || differ(view.layout, other_view.layout) || view.values ||
         other_view.values || (is_bind(view) && other.reads) ||
         (is_bind(other_view) && one.reads) || one.policy->delegate || other.policy->delegate ||
         may_clash(one.names, other.names);
}

// The container that is refused the least: what it is refused is refused to all.
model::Container easiest_container() {
  model::Container container;
  for (auto& each : container.namespaces) each.mode = model::Namespace::Mode::kPrivate;
  return container;
}

HostView easiest_host() {
  HostView host;
  host.same_namespace = [](const auto&, auto, const auto&) { return false; };
  // Which names the matches of a glob will have is not known here.
  host.pins_matching = [](const auto&) -> Result<model::MatchingPins> {
    return model::MatchingPins();
  };
  host.programs_reach_machine = [] { return false; };
  return host;
}

// Why a container that all of these policies select does not start; nothing if it may.
std::optional<Error> refusal_by(const std::vector<const Policy*>& policies) {
  std::vector<Policy> selecting;
  for (const Policy* policy : policies) {
    selecting.push_back(*policy);
    selecting.back().select = {};
    selecting.back().exclusions.clear();
  }
  auto decision = decide(selecting, easiest_container(), easiest_host());
  return decision ? std::nullopt : std::optional(std::move(decision).error());
}

Diagnostic conflict(const Policy& policy, const Policy& other, Meeting how, const Error& refusal) {
  const std::string named = "policy " + quoted(other.name) + " at " + to_string(other.place);
  return diagnostic_at(
      severity_of(how), policy.place,
      (how == Meeting::kAlways
           ? "no container of this policy starts, because " + named + " selects all of them, too"
           : "this policy and " + named + " can both select one container, which does not start") +
          ": " + refusal.sentence(),
      "let them agree, or let one of them exclude the containers of the other");
}

class ConflictCheck {
 public:
  ConflictCheck(const std::vector<Policy>& policies, SetBudget& budget) : budget_(budget) {
    for (const Policy& policy : policies) {
      if (policy.grants.empty() && !policy.delegate && !policy.view.at && !policy.view.layout)
        continue;
      Outline& outline = outlines_.emplace_back();
      outline.policy = &policy;
      outline.names = names_of(policy);
      outline.reads = std::ranges::any_of(
          policy.grants, [](const Grant& grant) { return grant.access == model::Access::kRead; });
      with_something_.push_back(&policy);
    }
  }

  std::vector<Diagnostic> warnings() && {
    const Candidates candidates(with_something_);
    for (uint32_t at = 0; at < outlines_.size(); ++at) {
      if (findings_.size() == kMaxDiagnostics || budget_.is_spent()) break;
      look_at(at, candidates.of(*outlines_[at].policy));
    }
    std::ranges::move(notes_, std::back_inserter(findings_));
    return std::move(findings_);
  }

 private:
  // One finding for each policy: of the first before it that it disagrees with, rather not by
  // coincidence.
  void look_at(uint32_t at, const std::vector<uint32_t>& others) {
    const Outline& outline = outlines_[at];
    std::optional<Diagnostic> note;
    for (const uint32_t other : others) {
      if (other >= at || !budget_.spend(1)) break;
      if (!may_disagree(outlines_[other], outline)) continue;
      const Policy& before = *outlines_[other].policy;
      const Meeting how = meeting(*outline.policy, before, budget_);
      const bool is_note = severity_of(how) == Diagnostic::Severity::kNote;
      if (how == Meeting::kNever || (is_note && (note || notes_.size() == kMaxDiagnostics)))
        continue;
      auto found = look_at_both(*outline.policy, before, how);
      if (found && found->severity != Diagnostic::Severity::kNote) {
        findings_.push_back(*std::move(found));
        return;
      }
      if (found) note = std::move(found);
    }
    if (note) notes_.push_back(*std::move(note));
  }

  std::optional<Diagnostic> look_at_both(const Policy& policy, const Policy& before, Meeting how) {
    budget_.spend(kCostOfDeciding * (before.grants.size() + policy.grants.size() + 1));
    const auto refusal = refusal_by({&before, &policy});
    // What is refused to one of them alone is no disagreement.
    if (!refusal || refusal_by({&before}) || refusal_by({&policy})) return std::nullopt;
    // What holds for all containers of the one before is said there.
    if (how != Meeting::kAlways && meeting(before, policy, budget_) == Meeting::kAlways)
      return conflict(before, policy, Meeting::kAlways, *refusal);
    return conflict(policy, before, how, *refusal);
  }

  static constexpr uint64_t kCostOfDeciding = 10;

  SetBudget& budget_;
  std::vector<Outline> outlines_;
  std::vector<const Policy*> with_something_;
  std::vector<Diagnostic> findings_;
  std::vector<Diagnostic> notes_;
};

}  // namespace

std::vector<Diagnostic> warn_of_conflicts(const std::vector<Policy>& policies, SetBudget& budget) {
  return ConflictCheck(policies, budget).warnings();
}

}  // namespace pinscope::policy
