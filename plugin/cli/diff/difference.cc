#include "plugin/cli/diff/difference.h"

#include <algorithm>

namespace pinscope::cli {

using policy::GrantChange;

namespace {

// Where its rules stand decides nothing.
model::Policy without_places(model::Policy policy) {
  policy.place = {};
  for (auto& exclusion : policy.exclusions) exclusion.place = {};
  if (policy.delegate) policy.delegate->place = {};
  for (auto& grant : policy.grants) grant.place = {};
  for (auto& denial : policy.denials) denial.place = {};
  return policy;
}

bool are_the_same(std::vector<model::Policy> before, std::vector<model::Policy> after) {
  for (auto* policies : {&before, &after}) {
    for (auto& policy : *policies) policy = without_places(std::move(policy));
    std::ranges::sort(*policies, {}, &model::Policy::name);
  }
  return before == after;
}

}  // namespace

bool Difference::gives_more() const {
  const bool more = std::ranges::any_of(grants, [](const policy::ComparedGrant& grant) {
    return grant.change == GrantChange::kWidened || grant.change == GrantChange::kGained;
  });
  return more || starts_now() || std::ranges::any_of(view, &policy::ViewChange::widens);
}

bool Difference::changes() const {
  const bool any = std::ranges::any_of(grants, [](const policy::ComparedGrant& grant) {
    return grant.change != GrantChange::kSame;
  });
  return any || !view.empty() || stops() || starts_now();
}

void compare(const Outcome& before, const Outcome& after, Difference& difference) {
  difference.before = before.errors;
  difference.after = after.errors;
  difference.undecided = before.undecided;
  for (const auto& text : after.undecided)
    if (std::ranges::find(difference.undecided, text) == difference.undecided.end())
      difference.undecided.push_back(text);
  difference.uncertain =
      !difference.undecided.empty() && !are_the_same(before.concerned, after.concerned);
  // Where policies disagree there is no decision, and nothing to compare it with.
  const auto is_undecided = [](const Outcome& outcome) {
    return !outcome.errors.empty() && !outcome.decision.selected();
  };
  if (is_undecided(before) || is_undecided(after)) return;
  const policy::Side old{before.decision, before.past};
  const policy::Side now{after.decision, after.past};
  difference.grants = policy::compare_grants(old, now);
  difference.view = policy::compare_views(old, now);
  if (!before.past.everything.empty()) difference.everything = after.past.everything;
  difference.refusals = after.decision.refusals;
}

void Comparison::sort() {
  std::ranges::stable_sort(all, {}, [](const Difference& difference) {
    const int rank = difference.gives_more() ? 0
                     : difference.uncertain  ? 1
                     : difference.changes()  ? 2
                                             : 3;
    return std::pair(rank, difference.title);
  });
}

size_t Comparison::count(bool (Difference::*is)() const) const {
  return static_cast<size_t>(
      std::ranges::count_if(all, [&](const Difference& one) { return (one.*is)(); }));
}

size_t Comparison::unreadable() const {
  return static_cast<size_t>(
      std::ranges::count_if(all, [](const Difference& one) { return one.unreadable.has_value(); }));
}

}  // namespace pinscope::cli
