#include "plugin/pipeline/change/swap_decision.h"

#include <algorithm>
#include <utility>

#include "plugin/base/clock.h"
#include "plugin/base/text.h"
#include "plugin/pipeline/change/follows_only.h"
#include "plugin/pipeline/change/not_reported.h"

namespace pinscope {

using namespace model;

namespace {

Result<Restart> cannot_start(const Error& why) {
  Restart restart;
  restart.refusal = why;
  return restart;
}

}  // namespace

SwapDecision::SwapDecision(const std::vector<Policy>& policies, const Features& features,
                           const Record& record, const SwapOrder& order, std::string repair)
    : policies_(policies),
      features_(features),
      record_(record),
      order_(order),
      repair_(std::move(repair)),
      wanted_(order.exceptions != nullptr ? *order.exceptions : ExceptionOrder()) {
}

Swapped::Outcome SwapDecision::decide() {
  auto planned = plan_exceptions(record_, wanted_, wall_clock_ns());
  if (!planned) return refuse(Outcome::kRefused, std::move(planned).error());
  plan_.exceptions = *std::move(planned);
  plan_.remarks = look_at_paths(record_, plan_.exceptions);
  plan_.changes.left = plan_.remarks;
  auto container = container_of(record_);
  if (!container) return refuse(Outcome::kFailed, std::move(container).error());
  plan_.container = *std::move(container);
  auto decided = order_.no_policies ? cannot_start(*order_.no_policies)
                                    : decide_again(policies_, plan_.container, is_session(record_),
                                                   features_, plan_.exceptions.all);
  if (!decided) return refuse(Outcome::kFailed, std::move(decided).error());
  const auto& now = now_.emplace(*std::move(decided));
  // That a grant is denied says more than that the container would not start.
  if (now.decision || !plan_.exceptions.asks_to_give())
    if (auto effect = check_effect(plan_.exceptions, wanted_, record_, now); !effect)
      return refuse(Outcome::kRefused, std::move(effect).error());
  const bool is_ordered = order_.exceptions != nullptr || order_.exceptions_alone;
  if (is_ordered && !plan_.exceptions.has_work()) return Outcome::kUnchanged;
  if (now.refusal) return go_on_without_start(now);
  return is_ordered ? carry_out_exceptions(now) : follow_policies(now);
}

// What is taken away is taken in any case. Who follows a source is not to be stopped by another
// one.
Swapped::Outcome SwapDecision::go_on_without_start(const Restart& now) {
  const auto& exceptions = plan_.exceptions;
  const bool is_of_source = now.refusal->code() == ErrorCode::kSourceMissing ||
                            now.refusal->code() == ErrorCode::kSourceMismatch;
  const bool follows = is_of_source && now.decision && order_.automatic &&
                       on_change(now) == OnChange::kReport && !exceptions.has_changes();
  const bool goes_on = follows || (exceptions.takes_away() && !exceptions.asks_to_give());
  const bool only_remembers = exceptions.remembers && !exceptions.has_changes();
  if (only_remembers && order_.exceptions_alone) return Outcome::kUnchanged;
  if (!goes_on || !keep_to(now, follows ? Giving::kByPolicy : Giving::kNothing))
    return refuse(Outcome::kRefused, *now.refusal);
  return Outcome::kChanged;
}

// Its policies may be others by now: that is no matter of these.
Swapped::Outcome SwapDecision::carry_out_exceptions(const Restart& now) {
  if (!keep_to(now, Giving::kByPolicy)) return Outcome::kUnchanged;
  if (auto given = check_given(plan_.exceptions, *plan_.becomes.decision); !given)
    return refuse(Outcome::kRefused, std::move(given).error());
  return Outcome::kChanged;
}

Swapped::Outcome SwapDecision::follow_policies(const Restart& now) {
  compare(now);
  if (plan_.changes.made.empty()) {
    plan_.notes_reasons = !order_.automatic || on_change(now) != OnChange::kReport;
    return Outcome::kUnchanged;
  }
  plan_.is_of_policy = !follows_only(record_, now);
  const bool is_to_be_reported =
      order_.automatic && plan_.is_of_policy && on_change(now) == OnChange::kReport;
  if (is_to_be_reported) {
    auto differences = plan_.changes;
    if (keep_to(now, Giving::kByPolicy)) return Outcome::kChanged;
    plan_.changes = std::move(differences);
    return Outcome::kDiffers;
  }
  return leave_to_people(now).value_or(Outcome::kChanged);
}

bool SwapDecision::take_away_alone() {
  return plan_.is_judged && plan_.exceptions.takes_away() && !plan_.exceptions.asks_to_give() &&
         keep_to(*now_, Giving::kNothing);
}

// What the container comes to have beside what its policies are to make of it. False: nothing.
bool SwapDecision::keep_to(const Restart& now, Giving giving) {
  auto rest = what_is_not_reported(record_, now, features_, plan_.exceptions, giving);
  if (!rest) return false;
  if (giving == Giving::kNothing) rest->refusal = now.refusal;
  compare(*std::move(rest));
  // What takes away is to be stopped by nothing.
  plan_.is_judged = gives_something() || !plan_.exceptions.takes_away();
  return !plan_.changes.made.empty();
}

// Fills in what is to be, and the changes.
void SwapDecision::compare(Restart becomes) {
  auto& changes = plan_.changes = changes_of(record_, becomes);
  if (becomes.refusal)
    changes.left.push_back("it would not start now, so that nothing is added: " +
                           becomes.refusal->sentence());
  changes.left.insert(changes.left.end(), plan_.remarks.begin(), plan_.remarks.end());
  if (changes.made.empty() && !repair_.empty())
    changes.made.push_back({.kind = Change::Kind::kRepaired, .text = repair_});
  plan_.changes_view = !changes.made.empty();
  plan_.becomes = std::move(becomes);
  tell_exceptions();
}

void SwapDecision::tell_exceptions() {
  for (const auto& change : plan_.exceptions.changes) {
    std::string text = text_of(change);
    if (change.what == ExceptionChange::What::kUndone && wanted_.undone)
      text += "; undone: " + quoted(wanted_.undone->reason);
    plan_.changes.made.push_back({.kind = Change::Kind::kException, .text = std::move(text)});
  }
}

Swapped::Outcome SwapDecision::refuse(Outcome outcome, Error error) {
  if (plan_.changes.made.empty()) tell_exceptions();
  error_ = std::move(error);
  return outcome;
}

bool SwapDecision::gives_something() const {
  using Kind = Change::Kind;
  return std::ranges::any_of(plan_.changes.made, [](const Change& change) {
    return change.kind == Kind::kAdded || change.kind == Kind::kWidened ||
           change.kind == Kind::kChanged || change.kind == Kind::kReplaced;
  });
}

// Of a container that no policy selects any more, the last one that did is asked.
OnChange SwapDecision::on_change(const Restart& restart) const {
  // An exception selects as well, and says nothing of it.
  const auto& now = *restart.decision;
  const bool is_selected =
      !std::ranges::all_of(now.selected_by, [](const Rule& rule) { return is_exception(rule); });
  return is_selected ? now.on_change : record_.on_change;
}

// Who loses everything may have been meant to or not. Nothing: the view may be changed.
std::optional<Swapped::Outcome> SwapDecision::leave_to_people(const Restart& now) {
  if (!plan_.is_of_policy || !plan_.changes.to_nothing ||
      order_.last_grant == SwapOrder::LastGrant::kTake || on_change(now) == OnChange::kApplyAlways)
    return std::nullopt;
  if (order_.last_grant == SwapOrder::LastGrant::kHold) return Outcome::kHeld;
  return refuse(Outcome::kRefused,
                Error(ErrorCode::kUsage, "change the view")
                    .reason("it would have no grant left, and so would many others")
                    .hint("if that is meant: pinscope apply --all --yes"));
}

}  // namespace pinscope
