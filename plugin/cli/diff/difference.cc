#include "plugin/cli/diff/difference.h"

#include <algorithm>

namespace pinscope::cli {

using policy::GrantChange;

bool Difference::widens() const {
  const bool more = std::ranges::any_of(grants, [](const policy::ComparedGrant& grant) {
    return grant.change == GrantChange::kWidened || grant.change == GrantChange::kGained;
  });
  return more || starts_now() || std::ranges::any_of(view, &policy::ViewChange::widens);
}

bool Difference::differs() const {
  const bool any = std::ranges::any_of(grants, [](const policy::ComparedGrant& grant) {
    return grant.change != GrantChange::kSame;
  });
  return any || !view.empty() || stops() || starts_now();
}

void compare(const Outcome& before, const Outcome& after, Difference& difference) {
  difference.before = before.errors;
  difference.after = after.errors;
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
    const int rank = difference.widens() ? 0 : difference.differs() ? 1 : 2;
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
