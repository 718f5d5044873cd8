#include "plugin/pipeline/follows_only.h"

#include <algorithm>
#include <optional>
#include <tuple>
#include <utility>

#include "plugin/pipeline/changes.h"
#include "plugin/policy/decide/compare.h"
#include "plugin/policy/glob.h"

namespace pinscope {
namespace {

using namespace model;

// What a grant gives, wherever its rule stands by now.
bool gives_the_same(const GrantedPin& left, const GrantedPin& right) {
  const auto given = [](const GrantedPin& grant) {
    return std::tie(grant.name, grant.source, grant.access, grant.uid, grant.gid, grant.mode,
                    grant.follow, grant.pin, grant.values);
  };
  return given(left) == given(right);
}

bool has_pattern_of(const std::vector<FollowedPattern>& followed, const GrantedPin& grant) {
  return std::ranges::any_of(followed, [&](const FollowedPattern& pattern) {
    return pattern.pin == grant.source ||
           (policy::is_glob(pattern.pin) && policy::glob_matches(pattern.pin, grant.source));
  });
}

// What was to be had and was there, now and then.
std::optional<ObjectIdentity> object_of(const PinnedObject& pin) {
  if (pin.skipped) return std::nullopt;
  return ObjectIdentity{pin.object.kind, pin.object.id};
}

std::optional<ObjectIdentity> object_of(const Restart& restart, size_t i) {
  if (restart.left_out[i] != LeftOut::kNot || !restart.objects[i]) return std::nullopt;
  return ObjectIdentity{restart.objects[i]->kind, restart.objects[i]->id};
}

const GrantedPin* given_still(const Decision& now, const GrantedPin& has) {
  const auto found = std::ranges::find_if(now.grants, [&](const GrantedPin& grant) {
    return grant.name == has.name && grant.source == has.source &&
           !policy::widens(bare(grant), bare(has));
  });
  return found == now.grants.end() ? nullptr : &*found;
}

}  // namespace

bool follows_only(const Record& record, const Restart& restart) {
  const Decision& now = *restart.decision;
  const auto& pins = record.given.pins;
  if (record.layout != now.layout || record.given.refusals.size() != now.refusals.size() ||
      (now.selected() && record.host_bpffs != now.host_bpffs))
    return false;
  for (size_t i = 0; i < now.grants.size(); ++i) {
    const auto& grant = now.grants[i];
    const auto before = std::ranges::find_if(
        pins, [&](const PinnedObject& pin) { return gives_the_same(pin.grant, grant); });
    const bool is_followed =
        grant.follow && (before == pins.end() ? has_pattern_of(record.followed, grant)
                                              : object_of(*before) != object_of(restart, i));
    const bool is_same = before != pins.end() && object_of(*before) == object_of(restart, i);
    if (!is_same && !is_followed) return false;
  }
  return std::ranges::all_of(pins, [&](const PinnedObject& pin) {
    const bool is_there = std::ranges::any_of(
        now.grants, [&](const GrantedPin& grant) { return gives_the_same(pin.grant, grant); });
    return is_there || (pin.grant.follow && has_pattern_of(now.followed, pin.grant));
  });
}

std::optional<Restart> what_is_followed(const Record& record, const Restart& now) {
  const auto& given = record.given;
  Restart kept;
  auto& decision = kept.decision.emplace(*now.decision);
  decision.selected_by = given.selected_by;
  decision.at = record.at;
  if (given.values_at) decision.values_at = *given.values_at;
  decision.layout = record.layout;
  decision.host_bpffs = record.host_bpffs;
  decision.on_change = record.on_change;
  decision.delegation = given.delegation;
  decision.refusals = given.refusals;
  decision.followed = record.followed;
  decision.grants.clear();
  bool follows = false;
  for (const auto& pin : given.pins) {
    auto& grant = decision.grants.emplace_back(pin.grant);
    const auto* given_now = pin.grant.follow ? given_still(*now.decision, pin.grant) : nullptr;
    if (given_now != nullptr) {
      grant.expect = given_now->expect;
      grant.missing = given_now->missing;
      follows = true;
    } else if (pin.skipped) {
      decision.grants.pop_back();
    } else {
      grant.object = ObjectIdentity{pin.object.kind, pin.object.id};
    }
  }
  return follows ? std::optional(std::move(kept)) : std::nullopt;
}

}  // namespace pinscope
