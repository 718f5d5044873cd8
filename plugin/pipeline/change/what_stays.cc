#include "plugin/pipeline/change/what_stays.h"

#include <algorithm>
#include <utility>

#include "plugin/pipeline/change/changes.h"
#include "plugin/pipeline/change/exceptions.h"
#include "plugin/policy/decide/compare.h"

namespace pinscope {
namespace {

using namespace model;
using Kind = Exception::Kind;

bool is_same_object(const PinnedObject& pin, const PinnedObject& other) {
  return pin.object.id != 0 && pin.object.identity() == other.object.identity();
}

class Staying {
 public:
  Staying(const Record& record, const Restart& now, const PlannedExceptions& exceptions,
          Giving giving)
      : record_(record),
        now_(now.decision ? *now.decision : nothing_),
        exceptions_(exceptions),
        in_force_(exceptions.all),
        gives_(giving == Giving::kByPolicy),
        has_changes_(exceptions.has_work()),
        is_open_(has_changes_) {
    auto& decision = kept_.restart.decision.emplace(now_);
    take_view_of(record, decision);
    decision.on_change = record.on_change;
    decision.followed = record.followed;
    decision.refusals.clear();
    decision.grants.clear();
  }

  std::optional<Kept> take() {
    for (const auto& pin : record_.given.pins) stay(pin);
    for (const auto& refusal : record_.given.refusals) stay(refusal);
    for (const auto& exception : in_force_)
      if (gives_ && exception.kind == Kind::kGrant) give(rule_of(exception));
    return is_open_ ? std::optional(std::move(kept_)) : std::nullopt;
  }

 private:
  void stay(const PinnedObject& pin) {
    if (const auto rule = taken_by(pin)) return refuse(pin, *rule);
    if (is_over(pin.grant.rule, in_force_)) return narrow(pin);
    GrantedPin grant = pin.grant;
    Kept::Grant what;
    if (!pin.skipped) what.had = pin.object;
    const auto* now = gives_ ? given_still(grant) : nullptr;
    if (now != nullptr) what.given_now = *now;
    if (grant.follow && now != nullptr) {
      take_judgement(*now, grant);
      is_open_ = true;
    } else if (!pin.skipped) {
      grant.object = pin.object.identity();
    } else {
      what.stays_out = true;
      if (!pin.waits()) grant.missing = Missing::kSkip;  // which a record does not hold
    }
    add(std::move(grant), std::move(what));
  }

  // The rule of the revocation, which takes an object away under each of its names.
  [[nodiscard]] std::optional<Rule> taken_by(const PinnedObject& pin) const {
    for (const auto& one : in_force_) {
      if (one.kind != Kind::kRevoke) continue;
      const auto covers_same = [&](const PinnedObject& other) {
        return is_same_object(pin, other) && exceptions_.covers(one, other);
      };
      if (exceptions_.covers(one, pin) || std::ranges::any_of(record_.given.pins, covers_same))
        return rule_of(one);
    }
    const auto* denied = denied_now(pin.grant.source, pin.grant.name);
    return denied != nullptr && is_exception(denied->denied_by) ? std::optional(denied->denied_by)
                                                                : std::nullopt;
  }

  void refuse(const PinnedObject& pin, const Rule& rule) {
    GrantedPin taken = pin.grant;
    if (!pin.skipped) taken.object = pin.object.identity();
    kept_.restart.decision->refusals.push_back(
        {pin.grant.source, pin.grant.name, pin.grant.rule, rule, "", std::move(taken)});
  }

  // An exception gave it, or widened it.
  void narrow(const PinnedObject& pin) {
    const auto* own = own_of(pin.grant);
    if (pin.skipped || own == nullptr) return;
    GrantedPin grant = *own;
    grant.object = pin.object.identity();
    add(std::move(grant), {.had = pin.object, .given_now = *own});
  }

  void stay(const RefusedPin& refusal) {
    auto& refusals = kept_.restart.decision->refusals;
    // What is remembered comes with the next exception, and not with what is followed.
    if (!is_over(refusal.denied_by, in_force_) || !has_changes_) return refusals.push_back(refusal);
    if (const auto rule = taken_by(taken_pin(refusal))) {
      refusals.push_back(refusal);
      refusals.back().denied_by = *rule;
      return;
    }
    const auto* back = refusal.grant && gives_ ? given_still(*refusal.grant) : nullptr;
    const bool is_whole = back != nullptr;
    // What was taken is what another exception gave, of which the policy's own is left.
    if (!is_whole && refusal.grant && gives_ && is_over(refusal.granted_by, in_force_))
      back = own_of(*refusal.grant);
    if (back != nullptr && denied_now(refusal.source, refusal.name) == nullptr) {
      GrantedPin grant = is_whole ? *refusal.grant : *back;
      grant.rule = back->rule;
      take_judgement(*back, grant);
      add(std::move(grant), {.given_now = *back});
    } else if (!gives_) {
      refusals.push_back(refusal);  // for a time when there is a start again
    }
  }

  void give(const Rule& rule) {
    const auto given = std::ranges::find(now_.grants, rule, &GrantedPin::rule);
    if (given == now_.grants.end()) return;
    auto& grants = kept_.restart.decision->grants;
    const auto has = std::ranges::find(grants, given->name, &GrantedPin::name);
    if (has == grants.end()) {
      if (can_be(*given)) add(*given, {.given_now = *given});
      return;
    }
    if (has->source != given->source ||
        (has->rule != rule && !policy::widens(bare(*has), bare(*given))))
      return;
    const auto at = has - grants.begin();
    if (!can_be(*given)) {
      if (has->rule != rule) return;
      grants.erase(has);
      kept_.grants.erase(kept_.grants.begin() + at);
      return;
    }
    const auto object = has->object;
    *has = *given;
    has->object = object;
    kept_.grants[static_cast<size_t>(at)].given_now = *given;
  }

  // What the policies give of it by themselves, with no more rights.
  [[nodiscard]] const GrantedPin* own_of(const GrantedPin& grant) const {
    const auto* own = now_.find_grant(grant.source, grant.name);
    const bool is_less = own != nullptr && !policy::widens(bare(grant), bare(*own));
    return is_less && can_be(*own) ? own : nullptr;
  }

  [[nodiscard]] const GrantedPin* given_still(const GrantedPin& has) const {
    const auto* now = now_.find_grant(has.source, has.name);
    return now == nullptr || policy::widens(bare(*now), bare(has)) ? nullptr : now;
  }
  [[nodiscard]] const RefusedPin* denied_now(const std::string& source,
                                             const std::string& name) const {
    const auto found = std::ranges::find_if(now_.refusals, [&](const RefusedPin& refusal) {
      return refusal.source == source && refusal.name == name;
    });
    return found == now_.refusals.end() ? nullptr : &*found;
  }
  [[nodiscard]] bool can_be(const GrantedPin& grant) const {
    return can_enforce(record_.layout, grant);
  }

  static void take_judgement(const GrantedPin& from, GrantedPin& grant) {
    grant.expect = from.expect;
    grant.missing = from.missing;
    grant.object = from.object;
  }

  void add(GrantedPin grant, Kept::Grant what) {
    auto& grants = kept_.restart.decision->grants;
    const auto place = std::ranges::upper_bound(grants, grant.name, {}, &GrantedPin::name);
    kept_.grants.insert(kept_.grants.begin() + (place - grants.begin()), std::move(what));
    grants.insert(place, std::move(grant));
  }

  static inline const Decision nothing_;

  const Record& record_;
  const Decision& now_;
  const PlannedExceptions& exceptions_;
  const std::vector<Exception>& in_force_;
  const bool gives_;
  const bool has_changes_;
  bool is_open_;
  Kept kept_;
};

}  // namespace

std::optional<Kept> what_stays(const Record& record, const Restart& now,
                               const PlannedExceptions& exceptions, Giving giving) {
  return Staying(record, now, exceptions, giving).take();
}

}  // namespace pinscope
