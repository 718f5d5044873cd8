#include "plugin/pipeline/change/plan_exceptions.h"

#include <algorithm>
#include <utility>

#include "plugin/base/text.h"
#include "plugin/kernel/bpf/same_objects.h"
#include "plugin/pipeline/change/exceptions.h"
#include "plugin/policy/glob.h"

namespace pinscope {
namespace {

using namespace model;
using Kind = Exception::Kind;
using What = ExceptionChange::What;

std::string word_of(const ObjectIdentity& object) {
  return std::string(name_of(object.kind)) + ":" + std::to_string(object.id);
}

bool is_undone(const Exception& exception, const ExceptionOrder::Undo& undo) {
  if (exception.kind != undo.kind || (!undo.name.empty() && undo.name != exception.name) ||
      (undo.made_ns != 0 && undo.made_ns != exception.made_ns))
    return false;
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

bool has_covered(const Record& record, const PlannedExceptions& planned,
                 const Exception& revocation) {
  return std::ranges::any_of(record.given.pins, [&](const PinnedObject& pin) {
    return !pin.skipped && planned.covers(revocation, pin);
  });
}

Status check_revocation(const Exception& made, const PlannedExceptions& planned,
                        const Record& record, const Restart& restart) {
  const Rule rule = rule_of(made);
  const auto is_same = [&](const Exception& one) {
    return is_same_matter(one, made) && is_in_force(one, made.made_ns);
  };
  if (std::ranges::any_of(record.exceptions, is_same)) return {};
  const auto is_its = [&](const RefusedPin& refusal) { return refusal.denied_by == rule; };
  const auto had = [&](const RefusedPin& refusal) {
    return is_exception(refusal.denied_by) && planned.covers(made, taken_pin(refusal));
  };
  if ((restart.decision && std::ranges::any_of(restart.decision->refusals, is_its)) ||
      has_covered(record, planned, made) || std::ranges::any_of(record.given.refusals, had))
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

// Grants leave room for revocations, and everything can be revoked in any case.
Status check_number(const PlannedExceptions& planned) {
  for (const auto& [what, made] : planned.changes) {
    if (what != What::kMade || made.pin == kEveryPin) continue;
    const auto count = std::ranges::count(planned.all, made.kind, &Exception::kind);
    if (static_cast<size_t>(count) > kMaxExceptions)
      return std::unexpected(Error(ErrorCode::kUsage, std::string("make another exception (") +
                                                          name_of(made.kind) + ")")
                                 .reason("the container has " + std::to_string(kMaxExceptions))
                                 .hint("undo some; or change the policies, and apply them"));
  }
  return {};
}

std::vector<ObjectIdentity> objects_in(const Record& record) {
  std::vector<ObjectIdentity> objects;
  const auto add = [&](const PinnedObject& pin) {
    if (pin.object.id != 0) objects.push_back(pin.object.identity());
  };
  for (const auto& pin : record.given.pins)
    if (!pin.skipped) add(pin);
  for (const auto& refusal : record.given.refusals) add(taken_pin(refusal));
  return objects;
}

bool has_grant(const Record& record, const Exception& grant) {
  return std::ranges::any_of(record.given.pins, [&](const PinnedObject& pin) {
    return pin.grant.source == grant.pin && pin.grant.name == grant.name;
  });
}

}  // namespace

bool PlannedExceptions::covers(const Exception& revocation, const PinnedObject& pin) const {
  return pinscope::covers(revocation, pin) || std::ranges::any_of(found, [&](const Found& one) {
           return one.number == revocation.number && one.object == pin.object.identity();
         });
}

std::vector<std::string> look_at_paths(const Record& record, PlannedExceptions& planned) {
  std::vector<std::string> remarks;
  const auto objects = objects_in(record);
  for (const auto& one : planned.all) {
    if (one.kind != Kind::kRevoke || one.pin.empty() || one.pin == kEveryPin) continue;
    const auto compared = kernel::find_objects(
        objects, {{policy::literal_prefix(one.pin)},
                  [&](const std::string& path) { return covers_path(one, path); }});
    if (!compared) {
      remarks.push_back("other names of " + quoted(one.pin) +
                        " could not be looked for: " + compared.error().sentence());
      continue;
    }
    for (const auto& [object, path] : compared->sources)
      if (!path.empty()) planned.found.push_back({one.number, object});
    remarks.insert(remarks.end(), compared->notes.begin(), compared->notes.end());
  }
  planned.cut_short =
      !record.unfinished.empty() && std::ranges::any_of(planned.all, [&](const auto& one) {
        return one.kind == Kind::kGrant ? !has_grant(record, one)
                                        : has_covered(record, planned, one);
      });
  return remarks;
}

bool PlannedExceptions::takes_away() const {
  const auto revokes = [](const Exception& one) { return one.kind == Kind::kRevoke; };
  if (cut_short && std::ranges::any_of(all, revokes)) return true;
  return std::ranges::any_of(changes, [&](const ExceptionChange& change) {
    return (change.what == What::kMade) == revokes(change.exception);
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
  PINSCOPE_CHECK(check_number(planned));
  planned.remembers = remembers(record.given, planned.all);
  return planned;
}

Status check_effect(PlannedExceptions& planned, const ExceptionOrder& order, const Record& record,
                    const Restart& restart) {
  std::vector<ExceptionChange> kept;
  for (const auto& change : planned.changes) {
    const auto& [what, exception] = change;
    const auto effect = what != What::kMade ? Status()
                        : exception.kind == Kind::kGrant
                            ? check_grant(exception, restart)
                            : check_revocation(exception, planned, record, restart);
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
    const auto* grant = decision.find_grant(exception.pin, exception.name);
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

}  // namespace pinscope
