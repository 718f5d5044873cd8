#include "plugin/pipeline/change/follows_only.h"

#include <algorithm>
#include <optional>
#include <tuple>

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

// What is there already has other rights now, or another name: a glob that gives them is another.
bool is_new(const std::vector<PinnedObject>& pins, const GrantedPin& grant) {
  return std::ranges::none_of(pins, [&](const PinnedObject& pin) {
    return pin.grant.source == grant.source || pin.grant.name == grant.name;
  });
}

// What was to be had and was there, now and then.
std::optional<ObjectIdentity> object_of(const PinnedObject& pin) {
  if (pin.skipped) return std::nullopt;
  return pin.object.identity();
}

std::optional<ObjectIdentity> object_of(const Restart& restart, size_t i) {
  if (restart.left_out[i] != LeftOut::kNot || !restart.objects[i]) return std::nullopt;
  return restart.objects[i]->identity();
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
        grant.follow &&
        (before == pins.end() ? has_pattern_of(record.followed, grant) && is_new(pins, grant)
                              : object_of(*before) != object_of(restart, i) &&
                                    restart.left_out[i] != LeftOut::kUngrantable);
    const bool is_same = before != pins.end() && object_of(*before) == object_of(restart, i);
    if (!is_same && !is_followed) return false;
  }
  return std::ranges::all_of(pins, [&](const PinnedObject& pin) {
    const bool is_there = std::ranges::any_of(
        now.grants, [&](const GrantedPin& grant) { return gives_the_same(pin.grant, grant); });
    return is_there || (pin.grant.follow && has_pattern_of(now.followed, pin.grant));
  });
}

}  // namespace pinscope
