#include "plugin/pipeline/change/exceptions.h"

#include <algorithm>
#include <cerrno>
#include <iterator>
#include <utility>

#include "plugin/base/clock.h"
#include "plugin/base/path.h"
#include "plugin/base/text.h"
#include "plugin/pipeline/change/changes.h"
#include "plugin/pipeline/ledger.h"
#include "plugin/policy/decide/compare.h"
#include "plugin/policy/glob.h"
#include "plugin/record/store.h"

namespace pinscope {
namespace {

using namespace model;
using Kind = Exception::Kind;

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

}  // namespace

std::vector<Exception> in_force(const std::vector<Exception>& exceptions, uint64_t now_ns) {
  std::vector<Exception> some;
  std::ranges::copy_if(exceptions, std::back_inserter(some),
                       [&](const Exception& one) { return is_in_force(one, now_ns); });
  return some;
}

bool covers_path(const Exception& revocation, std::string_view path) {
  if (!policy::is_glob(revocation.pin)) return is_at_or_below(path, revocation.pin);
  for (;; path = parent_of(path)) {
    if (policy::glob_matches(revocation.pin, path)) return true;
    if (path == "/" || path == ".") return false;
  }
}

bool covers(const Exception& revocation, const PinnedObject& pin) {
  if (revocation.object.id != 0)
    return revocation.object.kind == pin.object.kind && revocation.object.id == pin.object.id;
  return covers_path(revocation, pin.grant.source);
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

bool remembers(const Given& given, const std::vector<Exception>& in_force) {
  return std::ranges::any_of(given.refusals, [&](const RefusedPin& refusal) {
    return refusal.grant && is_over(refusal.denied_by, in_force);
  });
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

void take_refusals(const Decision& decision, Given& given) {
  const auto before = std::exchange(given.refusals, decision.refusals);
  const auto is_same = [](const RefusedPin& refusal) {
    return [&](const auto& other) {
      return other.source == refusal.source && other.name == refusal.name;
    };
  };
  for (auto& refusal : given.refusals) {
    if (!refusal.grant || refusal.grant->object) continue;
    const auto was = std::ranges::find_if(before, is_same(refusal));
    const auto had = std::ranges::find_if(given.pins, [&](const PinnedObject& pin) {
      return !pin.skipped && is_same(refusal)(pin.grant);
    });
    if (was != before.end() && was->grant)
      refusal.grant->object = was->grant->object;
    else if (had != given.pins.end())
      refusal.grant->object = had->object.identity();
  }
}

void note_reasons(const Restart& restart, Given& given) {
  const auto& decision = *restart.decision;
  take_refusals(decision, given);
  std::erase_if(given.pins, [](const PinnedObject& pin) { return pin.skipped; });
  for (auto& pin : given.pins)
    if (const auto* same = decision.find_grant(pin.grant.source, pin.grant.name))
      pin.grant.rule = same->rule;
  add_left_out(restart, given.pins);
}

void add_left_out(const Restart& restart, std::vector<PinnedObject>& pins) {
  for (size_t i = 0; i < restart.left_out.size(); ++i)
    if (restart.left_out[i] == LeftOut::kMissing)
      pins.push_back({restart.decision->grants[i], {}, true});
}

}  // namespace pinscope
