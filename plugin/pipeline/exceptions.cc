#include "plugin/pipeline/exceptions.h"

#include <algorithm>
#include <cerrno>
#include <iterator>
#include <utility>

#include "plugin/base/clock.h"
#include "plugin/base/path.h"
#include "plugin/base/text.h"
#include "plugin/pipeline/changes.h"
#include "plugin/pipeline/ledger.h"
#include "plugin/policy/decide/compare.h"
#include "plugin/policy/glob.h"
#include "plugin/record/store.h"

namespace pinscope {
namespace {

using namespace model;
using Kind = Exception::Kind;
using What = ExceptionChange::What;

Policy policy_of(const Exception& exception) {
  Policy policy;
  policy.name = rule_of(exception).policy;
  if (exception.kind == Kind::kGrant) {
    Grant grant;
    grant.pin = exception.pin;
    grant.as = exception.name;
    grant.access = exception.access;
    // What is gone later must not stop what is done to the container then.
    grant.missing = Missing::kSkip;
    policy.grants.push_back(std::move(grant));
  } else if (!exception.pin.empty()) {
    policy.denials.push_back({.place = {}, .pin = exception.pin});
  }
  return policy;
}

std::string word_of(const ObjectIdentity& object) {
  return std::string(name_of(object.kind)) + ":" + std::to_string(object.id);
}

bool is_undone(const Exception& exception, const ExceptionOrder::Undo& undo) {
  if (exception.kind != undo.kind) return false;
  return undo.pins.empty() || std::ranges::any_of(undo.pins, [&](const std::string& word) {
           return word == exception.pin || word == exception.name ||
                  (exception.object.id != 0 && word == word_of(exception.object));
         });
}

Error cannot(const Exception& exception, ErrorCode code = ErrorCode::kUsage) {
  return {code, exception.kind == Kind::kGrant ? "grant " + matter_of(exception)
                                               : "revoke " + matter_of(exception)};
}

Status check_grant(const Exception& made, const Restart& restart) {
  const auto& decision = *restart.decision;
  const Rule rule = rule_of(made);
  const auto denied = std::ranges::find_if(decision.refusals, [&](const RefusedPin& refusal) {
    return refusal.source == made.pin && refusal.name == made.name;
  });
  if (denied != decision.refusals.end())
    return std::unexpected(cannot(made, ErrorCode::kPolicyConflict)
                               .reason("it is denied")
                               .hint("a denial wins over a grant")
                               .rule(to_string(denied->denied_by)));
  for (size_t i = 0; i < decision.grants.size(); ++i) {
    const auto& grant = decision.grants[i];
    if (grant.source != made.pin || grant.name != made.name) continue;
    if (restart.left_out[i] != LeftOut::kNot)
      return std::unexpected(
          cannot(made, ErrorCode::kSourceMissing).reason("the pin is not there"));
    if (grant.rule != rule)
      return std::unexpected(
          cannot(made).reason("the container has it already").rule(to_string(grant.rule)));
    return {};
  }
  return std::unexpected(cannot(made).reason("it comes to nothing"));
}

Status check_revocation(const Exception& made, const Record& record, const Restart& restart) {
  const Rule rule = rule_of(made);
  const auto is_same = [&](const Exception& one) {
    return is_same_matter(one, made) && is_in_force(one, made.made_ns);
  };
  if (std::ranges::any_of(record.exceptions, is_same)) return {};
  const auto is_its = [&](const RefusedPin& refusal) { return refusal.denied_by == rule; };
  const auto has = [&](const PinnedObject& pin) { return !pin.skipped && covers(made, pin); };
  const auto had = [&](const RefusedPin& refusal) {
    return is_exception(refusal.denied_by) && covers(made, taken_pin(refusal));
  };
  if ((restart.decision && std::ranges::any_of(restart.decision->refusals, is_its)) ||
      std::ranges::any_of(record.given.pins, has) ||
      std::ranges::any_of(record.given.refusals, had))
    return {};
  return std::unexpected(cannot(made).reason("it is not granted"));
}

// With the sources of a name.
Result<std::vector<Exception>> resolved(const std::vector<Exception>& made, const Record& record,
                                        bool wherever) {
  std::vector<Exception> all;
  for (const auto& one : made) {
    if (one.kind == Kind::kGrant || !one.pin.empty() || one.object.id != 0) {
      all.push_back(one);
      continue;
    }
    const size_t before = all.size();
    for (const auto& pin : record.given.pins) {
      if (pin.grant.name != one.name || pin.skipped) continue;
      all.push_back(one);
      all.back().pin = policy::literal_pattern(pin.grant.source);
    }
    if (all.size() == before && !wherever)
      return std::unexpected(Error(ErrorCode::kUsage, "revoke " + quoted(one.name))
                                 .reason("nothing in the view is called so")
                                 .hint("name it by its source, as pinscope inspect shows it"));
  }
  return all;
}

}  // namespace

std::vector<Exception> in_force(const std::vector<Exception>& exceptions, uint64_t now_ns) {
  std::vector<Exception> some;
  std::ranges::copy_if(exceptions, std::back_inserter(some),
                       [&](const Exception& one) { return is_in_force(one, now_ns); });
  return some;
}

bool covers(const Exception& revocation, const PinnedObject& pin) {
  if (revocation.object.id != 0)
    return revocation.object.kind == pin.object.kind && revocation.object.id == pin.object.id;
  const auto& source = pin.grant.source;
  return policy::is_glob(revocation.pin) ? policy::glob_matches(revocation.pin, source)
                                         : is_at_or_below(source, revocation.pin);
}

const GrantedPin* find_grant(const Decision& decision, const std::string& source,
                             const std::string& name) {
  const auto found = std::ranges::find_if(decision.grants, [&](const GrantedPin& grant) {
    return grant.source == source && grant.name == name;
  });
  return found == decision.grants.end() ? nullptr : &*found;
}

PinnedObject taken_pin(const RefusedPin& refusal) {
  PinnedObject pin;
  pin.grant.source = refusal.source;
  pin.grant.name = refusal.name;
  if (!refusal.grant || !refusal.grant->object) return pin;
  pin.object.kind = refusal.grant->object->kind;
  pin.object.id = refusal.grant->object->id;
  return pin;
}

bool PlannedExceptions::takes_away() const {
  return std::ranges::any_of(changes, [](const ExceptionChange& change) {
    return (change.what == What::kMade) == (change.exception.kind == Kind::kRevoke);
  });
}

bool PlannedExceptions::asks_to_give() const {
  return std::ranges::any_of(changes, [](const ExceptionChange& change) {
    return change.what != What::kRanOut &&
           (change.what == What::kMade) == (change.exception.kind == Kind::kGrant);
  });
}

Result<PlannedExceptions> plan_exceptions(const Record& record, const ExceptionOrder& order,
                                          uint64_t now_ns) {
  PINSCOPE_TRY(auto wanted, resolved(order.made, record, order.wherever));
  PlannedExceptions planned;
  uint32_t last = 0;
  // What is remembered of one that is over is not to be of the next.
  for (const auto& pin : record.given.pins) last = std::max(last, number_of(pin.grant.rule));
  for (const auto& refusal : record.given.refusals)
    last = std::max(last, number_of(refusal.denied_by));
  for (const auto& one : record.exceptions) {
    last = std::max(last, one.number);
    if (!is_in_force(one, now_ns))
      planned.changes.push_back({What::kRanOut, one});
    else if (order.undone && is_undone(one, *order.undone))
      planned.changes.push_back({What::kUndone, one});
    else
      planned.all.push_back(one);
  }
  const auto is_of_undo = [](const ExceptionChange& one) { return one.what == What::kUndone; };
  if (order.undone && !order.wherever && std::ranges::none_of(planned.changes, is_of_undo))
    return std::unexpected(Error(ErrorCode::kUsage, "undo it")
                               .reason("there is no such exception in force")
                               .hint("pinscope exceptions lists them"));
  for (auto& made : wanted) {
    const auto same = std::ranges::find_if(
        planned.all, [&](const Exception& one) { return is_same_matter(one, made); });
    made.number = same != planned.all.end() ? same->number : ++last;
    if (same != planned.all.end())
      *same = made;
    else
      planned.all.push_back(made);
    planned.changes.push_back({What::kMade, std::move(made)});
  }
  if (planned.all.size() > kMaxExceptions)
    return std::unexpected(Error(ErrorCode::kUsage, "make another exception")
                               .reason("the container has " + std::to_string(kMaxExceptions))
                               .hint("undo some; or change the policies, and apply them"));
  return planned;
}

bool is_over(const Rule& rule, const std::vector<Exception>& in_force) {
  return is_exception(rule) && exception_behind(rule, in_force) == nullptr;
}

void take_view_of(const Record& record, Decision& decision) {
  decision.selected_by = record.given.selected_by;
  decision.at = record.at;
  decision.layout = record.layout;
  decision.host_bpffs = record.host_bpffs;
  decision.delegation = record.given.delegation;
  if (record.given.values_at) decision.values_at = *record.given.values_at;
}

std::vector<Policy> with_exceptions(const std::vector<Policy>& policies,
                                    const std::vector<Exception>& exceptions) {
  std::vector<Policy> all = policies;
  for (const auto& exception : exceptions) all.push_back(policy_of(exception));
  return all;
}

void take_objects_away(Restart& restart, const std::vector<Exception>& exceptions) {
  auto& decision = *restart.decision;
  for (const auto& exception : exceptions) {
    if (exception.kind != Kind::kRevoke || exception.object.id == 0) continue;
    for (size_t i = decision.grants.size(); i-- > 0;) {
      const auto& object = restart.objects[i];
      auto& grant = decision.grants[i];
      if (!object) continue;
      // And is so when it is opened.
      grant.object = ObjectIdentity{object->kind, object->id};
      if (*grant.object != exception.object) continue;
      decision.refusals.push_back(
          {grant.source, grant.name, grant.rule, rule_of(exception), "", grant});
      const auto at = static_cast<ptrdiff_t>(i);
      decision.grants.erase(decision.grants.begin() + at);
      restart.left_out.erase(restart.left_out.begin() + at);
      restart.objects.erase(restart.objects.begin() + at);
    }
  }
}

Status check_effect(PlannedExceptions& planned, const ExceptionOrder& order, const Record& record,
                    const Restart& restart) {
  std::vector<ExceptionChange> kept;
  for (const auto& change : planned.changes) {
    const auto& [what, exception] = change;
    const auto effect = what != What::kMade ? Status()
                        : exception.kind == Kind::kGrant
                            ? check_grant(exception, restart)
                            : check_revocation(exception, record, restart);
    if (effect)
      kept.push_back(change);
    else if (order.wherever)
      std::erase(planned.all, exception);
    else
      return effect;
  }
  planned.changes = std::move(kept);
  return {};
}

Status check_given(const PlannedExceptions& planned, const Decision& decision) {
  for (const auto& [what, exception] : planned.changes) {
    if (what != What::kMade || exception.kind != Kind::kGrant) continue;
    const auto* grant = find_grant(decision, exception.pin, exception.name);
    const bool is_given =
        grant != nullptr && grant->pin &&
        (grant->access == exception.access || grant->access == Access::kReadWrite);
    if (!is_given)
      return std::unexpected(
          cannot(exception, ErrorCode::kPolicyConflict)
              .reason("what the container has, by policies that are others by now, is in its way")
              .hint("bring its view to what they say: pinscope apply"));
  }
  return {};
}

void note_rules(const Decision& decision, Given& given) {
  given.refusals = decision.refusals;
  for (auto& pin : given.pins)
    if (const auto* same = find_grant(decision, pin.grant.source, pin.grant.name))
      pin.grant.rule = same->rule;
}

std::optional<uint64_t> next_end(const std::vector<Exception>& exceptions, uint64_t now_ns) {
  std::optional<uint64_t> next;
  for (const auto& one : exceptions)
    if (one.until_ns != 0 && is_in_force(one, now_ns))
      next = std::min(next.value_or(one.until_ns), one.until_ns);
  return next;
}

Result<Expiry> expire_exceptions(const std::vector<Policy>& policies, const Features& features,
                                 const std::vector<std::string>& files, const SwapOrder& order) {
  PINSCOPE_TRY(const auto store, record::Store::open(order.options.state_directory, false));
  Expiry expiry;
  for (const auto& file : files) {
    const auto found = store.read(file);
    if (!found) {
      if (found.error().errnum() != ENOENT) expiry.unreadable.push_back(found.error());
      continue;
    }
    const Record& record = found->record;
    if (record.exceptions.empty() || has_ended(record)) continue;
    const uint64_t now = wall_clock_ns();
    if (const auto next = next_end(record.exceptions, now))
      expiry.next_ns = std::min(expiry.next_ns.value_or(*next), *next);
    if (in_force(record.exceptions, now).size() == record.exceptions.size()) continue;
    auto swapped = swap_view(policies, features, file, order);
    if (!swapped && swapped.error().errnum() != ENOENT)
      expiry.unreadable.push_back(std::move(swapped).error());
    else if (swapped && swapped->outcome != Swapped::Outcome::kEnded)
      expiry.containers.push_back(*std::move(swapped));
  }
  return expiry;
}

}  // namespace pinscope
