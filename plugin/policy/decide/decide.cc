#include "plugin/policy/decide/decide.h"

#include <algorithm>
#include <deque>
#include <string_view>

#include "plugin/base/path.h"
#include "plugin/base/text.h"
#include "plugin/policy/decide/delegation.h"
#include "plugin/policy/decide/denials.h"
#include "plugin/policy/decide/match_notes.h"
#include "plugin/policy/decide/matches.h"
#include "plugin/policy/decide/merge.h"
#include "plugin/policy/decide/reach.h"
#include "plugin/policy/decide/select.h"
#include "plugin/policy/glob.h"

namespace pinscope::policy {
namespace {

using model::Decision;
using model::Policy;
using model::Rule;

Rule rule_of(const Policy& policy) {
  return {policy.name, policy.place};
}

// Why a bpffs cannot hold `name`; null if it can. No dot also means no "." and no "..".
const char* impossible_in_bpffs(std::string_view name) {
  char before = '/';
  for (const char byte : name) {
    if (byte == '.') return "a name in a bpffs cannot have a dot";
    if (byte == '\0' || (byte == '/' && before == '/')) return "it is not a relative path";
    before = byte;
  }
  return before == '/' ? "it is not a relative path" : nullptr;
}

int strictness(model::HostBpffs host_bpffs) {
  switch (host_bpffs) {
    case model::HostBpffs::kAllow:
      return 0;
    case model::HostBpffs::kMask:
      return 1;
    case model::HostBpffs::kReject:
      return 2;
  }
  return 2;
}

// The most careful word of those that are said; a policy that says none goes along.
model::OnChange merge_on_change(const std::vector<const Policy*>& policies) {
  const auto says = [&](model::OnChange word) {
    return std::ranges::any_of(policies, [&](const Policy* one) { return one->on_change == word; });
  };
  using enum model::OnChange;
  if (says(kReport)) return kReport;
  if (says(kApply)) return kApply;
  return says(kApplyAlways) ? kApplyAlways : kReport;
}

class Decider {
 public:
  Decider(const model::Container& container, const HostView& host)
      : container_(container), host_(host) {}

  Result<Decision> decide(const std::vector<Policy>& policies);

 private:
  Status merge_views(const std::vector<const Policy*>& policies);
  Status collect(const Policy& policy);
  Status expand(const Policy& policy, const model::Grant& grant);
  void refuse(const Wanted& wanted, const Denial& denial, std::string denied_as);
  Status refuse_what_is_denied(const std::vector<const Policy*>& policies);
  Status refuse_other_names(const Denials& denials);
  Status check_bind() const;
  Status check_values_place() const;

  const model::Container& container_;
  const HostView& host_;
  const Policy* said_at_ = nullptr;
  const Policy* said_layout_ = nullptr;
  const Policy* said_values_at_ = nullptr;
  std::deque<std::string> texts_;  // what wanted_ points to for the matches of globs
  std::vector<Wanted> wanted_;
  Decision decision_;
  MatchNotes match_notes_{decision_.notes};
};

// The view's `at`, `layout` and `values.at` must be the same wherever they are given; of
// `hostBpffs` and `void` the strictest counts.
Status Decider::merge_views(const std::vector<const Policy*>& policies) {
  const auto disagree = [&](const char* key, const std::string& first, const std::string& second,
                            const Policy& said_first, const Policy& said_second) {
    return std::unexpected(between(Error(ErrorCode::kPolicyConflict, "make one view")
                                       .reason(std::string(key) + " is " + first +
                                               " for one policy and " + second + " for another"),
                                   rule_of(said_first), rule_of(said_second)));
  };
  bool said_host_bpffs = false;
  for (const Policy* policy : policies) {
    const model::View& view = policy->view;
    if (view.at) {
      if (said_at_ == nullptr) {
        said_at_ = policy;
        decision_.at = *view.at;
      } else if (decision_.at != *view.at) {
        return disagree("view.at", quoted(decision_.at), quoted(*view.at), *said_at_, *policy);
      }
    }
    if (view.values && view.values->at) {
      if (said_values_at_ == nullptr) {
        said_values_at_ = policy;
        decision_.values_at = *view.values->at;
      } else if (decision_.values_at != *view.values->at) {
        return disagree("view.values.at", quoted(decision_.values_at), quoted(*view.values->at),
                        *said_values_at_, *policy);
      }
    }
    if (view.layout) {
      if (said_layout_ == nullptr) {
        said_layout_ = policy;
        decision_.layout = *view.layout;
      } else if (decision_.layout != *view.layout) {
        return disagree("view.layout", name_of(decision_.layout), name_of(*view.layout),
                        *said_layout_, *policy);
      }
    }
    if (view.host_bpffs &&
        (!said_host_bpffs || strictness(*view.host_bpffs) > strictness(decision_.host_bpffs))) {
      said_host_bpffs = true;
      decision_.host_bpffs = *view.host_bpffs;
    }
    if (view.void_view == model::VoidView::kReject && !decision_.void_rejected_by)
      decision_.void_rejected_by = rule_of(*policy);
  }
  return {};
}

Status Decider::expand(const Policy& policy, const model::Grant& grant) {
  PINSCOPE_TRY(const auto matching,
               in_context(host_.pins_matching(grant.pin),
                          "expand the pin of " + to_string(Rule{policy.name, grant.place})));
  const auto note = [&](const std::string& text) {
    decision_.notes.push_back(text + "; " + to_string(Rule{policy.name, grant.place}));
  };
  for (const auto& text : matching.left_out) note(text);
  if (grant.follow) decision_.followed.push_back({grant.pin, {policy.name, grant.place}});
  if (matching.pins.empty())
    note("no pin matches " + quoted(grant.pin) + (grant.follow ? " yet" : ""));
  const std::string start = literal_prefix(grant.pin);
  for (const std::string& source : matching.pins) {
    std::string_view below = base_name(source);
    if (source.size() > start.size() && source.starts_with(start)) {
      below = std::string_view(source).substr(start.size());
      if (below.starts_with('/')) below.remove_prefix(1);
    }
    std::string name = grant.as.empty() ? std::string(below) : grant.as + "/" + std::string(below);
    const char* why = impossible_in_bpffs(name);
    if (why == nullptr && has_reserved_component(name)) why = kReservedName;
    if (why != nullptr) {
      match_notes_.add("skipped " + quoted(source) + ": " + why + "; " +
                       to_string(Rule{policy.name, grant.place}));
      continue;
    }
    const std::string& kept_name = texts_.emplace_back(std::move(name));
    const std::string& kept_source = texts_.emplace_back(source);
    wanted_.push_back({kept_name, kept_source, &grant, &policy, {}, true});
  }
  return {};
}

Status Decider::collect(const Policy& policy) {
  for (const model::Grant& grant : policy.grants) {
    if (is_glob(grant.pin)) {
      PINSCOPE_CHECK(expand(policy, grant));
      continue;
    }
    const std::string_view name =
        grant.as.empty() ? base_name(grant.pin) : std::string_view(grant.as);
    if (const char* why = impossible_in_bpffs(name); why != nullptr)
      return std::unexpected(cannot_grant(name, ErrorCode::kPolicyInvalid)
                                 .reason(why)
                                 .hint("name it with \"as\"")
                                 .rule(to_string(Rule{policy.name, grant.place})));
    wanted_.push_back({name, grant.pin, &grant, &policy});
  }
  return {};
}

void Decider::refuse(const Wanted& wanted, const Denial& denial, std::string denied_as) {
  decision_.refusals.push_back({std::string(wanted.source),
                                std::string(wanted.name),
                                rule_of(wanted),
                                {denial.policy->name, denial.deny->place},
                                std::move(denied_as)});
}

// By the names of the sources first, then by the objects behind them.
Status Decider::refuse_what_is_denied(const std::vector<const Policy*>& policies) {
  const Denials denials(policies);
  std::erase_if(wanted_, [&](const Wanted& wanted) {
    const Denial* denial = denials.covering(wanted.source);
    if (denial != nullptr) refuse(wanted, *denial, "");
    return denial != nullptr;
  });
  if (!denials.empty() && !wanted_.empty() && host_.compare_objects)
    PINSCOPE_CHECK(refuse_other_names(denials));
  std::ranges::stable_sort(decision_.refusals, {}, [](const model::RefusedPin& refused) {
    return std::pair<std::string_view, std::string_view>(refused.name, refused.source);
  });
  return {};
}

// What is denied under one name is denied under every other name that it has.
Status Decider::refuse_other_names(const Denials& denials) {
  std::vector<std::string> sources;
  sources.reserve(wanted_.size());
  for (const Wanted& wanted : wanted_) sources.emplace_back(wanted.source);
  std::ranges::sort(sources);
  sources.erase(std::ranges::unique(sources).begin(), sources.end());
  const model::DeniedPins denied = {
      denials.starts(), [&](const std::string& path) { return denials.covering(path) != nullptr; }};
  PINSCOPE_TRY(auto compared, in_context(host_.compare_objects(sources, denied),
                                         "compare what is granted with what is denied"));
  for (auto& note : compared.notes) decision_.notes.push_back(std::move(note));
  std::erase_if(wanted_, [&](Wanted& wanted) {
    const auto at = std::ranges::lower_bound(sources, wanted.source) - sources.begin();
    const auto& source = compared.sources[static_cast<size_t>(at)];
    wanted.object = source.object;
    if (source.denied_as.empty()) return false;
    refuse(wanted, *denials.covering(source.denied_as), source.denied_as);
    if (wanted.grant->follow && !wanted.is_match)
      decision_.followed.push_back({std::string(wanted.source), rule_of(wanted)});
    return true;
  });
  return {};
}

// One policy alone cannot ask for this: the loader refuses it.
Status Decider::check_bind() const {
  for (const model::GrantedPin& pin : decision_.grants)
    if (!model::can_enforce(decision_.layout, pin))
      return std::unexpected(
          between(cannot_grant(pin.name, ErrorCode::kPolicyConflict)
                      .reason("view.layout is bind for one policy, which cannot enforce access: "
                              "read of another")
                      .hint("use layout shared, or access: read-write"),
                  rule_of(*said_layout_), pin.rule));
  return {};
}

// Values are mounted beside the view: what is sealed has no room for them, and what is mounted
// above it would hide it.
Status Decider::check_values_place() const {
  if (!decision_.shows_values()) return {};
  const auto check = [&](const char* what, const std::string& place) -> Status {
    const std::string& at = decision_.values_at;
    if (!is_at_or_below(at, place) && !is_at_or_below(place, at)) return {};
    Error error = Error(ErrorCode::kPolicyConflict, "show values")
                      .reason("view.values.at is " + quoted(at) + ", and " + what + " is " +
                              quoted(place) + ", which is in its way")
                      .hint("say view.values.at");
    if (said_values_at_ != nullptr)
      error = std::move(error).rule(to_string(rule_of(*said_values_at_)));
    return std::unexpected(std::move(error));
  };
  if (decision_.has_pins() || decision_.delegation) PINSCOPE_CHECK(check("view.at", decision_.at));
  if (decision_.has_pins() && decision_.delegation)
    PINSCOPE_CHECK(check("delegate.grantsAt", decision_.grants_at()));
  return {};
}

Result<Decision> Decider::decide(const std::vector<Policy>& policies) {
  if (container_.identity.is_sandbox) return std::move(decision_);
  std::vector<const Policy*> selecting;
  for (const Policy& policy : policies)
    if (selects(policy, container_, host_, nullptr)) selecting.push_back(&policy);
  for (const Policy* policy : selecting) decision_.selected_by.push_back(rule_of(*policy));
  PINSCOPE_CHECK(merge_views(selecting));
  decision_.on_change = merge_on_change(selecting);
  for (const Policy* policy : selecting) PINSCOPE_CHECK(collect(*policy));
  PINSCOPE_CHECK(refuse_what_is_denied(selecting));
  PINSCOPE_CHECK(settle_matches(wanted_, host_, match_notes_));
  match_notes_.finish();
  PINSCOPE_TRY(decision_.grants, merge_grants(std::move(wanted_), container_));
  PINSCOPE_CHECK(check_bind());
  PINSCOPE_TRY(decision_.delegation, merge_delegations(selecting));
  PINSCOPE_CHECK(check_delegation(decision_, container_, host_));
  PINSCOPE_CHECK(check_values_place());
  if (has_programs(decision_))
    PINSCOPE_CHECK(
        check_reach(decision_, expected_objects(decision_), shared_namespaces(container_, host_)));
  return std::move(decision_);
}

}  // namespace

Error not_selected(const std::string& name, const std::vector<Policy>& policies,
                   const model::Container& container, const HostView& host) {
  Error error(ErrorCode::kPolicyRequired, "give this container the view of policy " + quoted(name));
  constexpr const char* kHint = "it was asked for as a device, and asking is not permission";
  const auto policy = std::ranges::find(policies, name, &Policy::name);
  if (policy == policies.end())
    return std::move(error)
        .reason("there is no such policy")
        .hint("pinscope cdi list shows devices whose policy is gone");
  if (container.identity.is_sandbox)
    return std::move(error)
        .reason("a pod's sandbox is left alone")
        .rule(to_string(rule_of(*policy)));
  std::string why_not;
  selects(*policy, container, host, &why_not);
  return std::move(error)
      .reason("the policy does not select it: " + why_not)
      .hint(kHint)
      .rule(to_string(rule_of(*policy)));
}

Result<Decision> decide(const std::vector<Policy>& policies, const model::Container& container,
                        const HostView& host) {
  return Decider(container, host).decide(policies);
}

}  // namespace pinscope::policy
