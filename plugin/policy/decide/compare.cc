#include "plugin/policy/decide/compare.h"

#include <algorithm>
#include <string_view>
#include <tuple>

#include "plugin/base/text.h"

namespace pinscope::policy {
namespace {

using model::Access;
using model::GrantedPin;

// Programs have no access mode, so between `use` and an access of maps nothing is narrower.
bool widens_access(Access before, Access after) {
  return before != after && after != Access::kRead;
}

struct Permissions {
  explicit Permissions(uint32_t mode)
      : owner(mode >> 6U & 7U), group(mode >> 3U & 7U), others(mode & 7U) {}
  uint32_t owner;
  uint32_t group;
  uint32_t others;
};

bool widens_mode(const GrantedPin& before, const GrantedPin& after) {
  const Permissions was(before.mode);
  const Permissions is(after.mode);
  const uint32_t owner_had = before.uid == after.uid ? was.owner : was.others;
  const uint32_t group_had = before.gid == after.gid ? was.group : was.others;
  return (is.owner & ~owner_had) != 0 || (is.group & ~group_had) != 0 ||
         (is.others & ~was.others) != 0;
}

GrantChange change_of(const GrantedPin& before, const GrantedPin& after) {
  if (widens(before, after)) return GrantChange::kWidened;
  if (widens(after, before)) return GrantChange::kNarrowed;
  const auto rest = [](const GrantedPin& grant) {
    return std::tie(grant.name, grant.uid, grant.gid, grant.mode, grant.expect, grant.missing,
                    grant.follow, grant.pin, grant.values);
  };
  return rest(before) == rest(after) ? GrantChange::kSame : GrantChange::kChanged;
}

std::string_view name_in(const ComparedGrant& compared) {
  return compared.after ? compared.after->name : compared.before->name;
}

// "none" for a container that has no view.
constexpr const char* kNone = "none";

std::string selected_by(const model::Decision& decision) {
  std::vector<std::string> names;
  names.reserve(decision.selected_by.size());
  for (const auto& rule : decision.selected_by) names.push_back(rule.policy);
  std::ranges::sort(names);
  return names.empty() ? kNone : joined(names, ", ");
}

std::string host_bpffs(const model::Decision& decision) {
  return name_of(decision.selected() ? decision.host_bpffs : model::HostBpffs::kAllow);
}

// The higher, the less does a container keep of what it mounts, or is it started at all.
int strictness(const model::Decision& decision) {
  if (!decision.selected()) return 0;
  switch (decision.host_bpffs) {
    case model::HostBpffs::kAllow:
      return 0;
    case model::HostBpffs::kMask:
      return 1;
    case model::HostBpffs::kReject:
      return 2;
  }
  return 2;
}

std::string delegated(const model::Decision& decision) {
  if (!decision.delegation) return kNone;
  std::string text;
  for (const auto right : model::kTokenRights) {
    const auto names = names_in(decision.delegation->rights, right);
    if (names.empty()) continue;
    text += (text.empty() ? "" : "; ") + std::string(key_of(right)) + " " + joined(names, ", ");
  }
  if (decision.delegation->pinning) text += "; pinning";
  return text + "; reach " + name_of(decision.delegation->reach);
}

bool widens_delegation(const model::Decision& before, const model::Decision& after) {
  if (!after.delegation) return false;
  if (!before.delegation) return true;
  const bool more_rights = std::ranges::any_of(model::kTokenRights, [&](model::TokenRight right) {
    return (after.delegation->rights[right] & ~before.delegation->rights[right]) != 0;
  });
  return more_rights || (after.delegation->pinning && !before.delegation->pinning) ||
         after.delegation->reach > before.delegation->reach;
}

// Some of it was there already, or stays, without a grant.
GrantChange change_with(const ComparedGrant& compared) {
  const bool had = compared.past_view_before;
  const bool has = compared.past_view_after;
  if (!had && !has) return compared.change;
  if (!had) return compared.before ? GrantChange::kWidened : GrantChange::kGained;
  if (!has) return compared.after ? GrantChange::kNarrowed : GrantChange::kLost;
  return compared.change == GrantChange::kSame ? GrantChange::kSame : GrantChange::kChanged;
}

void sort(std::vector<ComparedGrant>& compared) {
  std::ranges::stable_sort(
      compared, {}, [](const ComparedGrant& one) { return std::pair(one.change, name_in(one)); });
}

// Pairs what the key makes equal, and leaves the rest to the next key.
class Pairing {
 public:
  Pairing(const std::vector<GrantedPin>& before, const std::vector<GrantedPin>& after) {
    before_.reserve(before.size());
    for (const auto& grant : before) before_.push_back(&grant);
    after_.reserve(after.size());
    for (const auto& grant : after) after_.push_back(&grant);
  }

  void pair_by(auto key) {
    const auto by_key = [&](const GrantedPin* one, const GrantedPin* other) {
      return key(*one) < key(*other);
    };
    std::ranges::stable_sort(before_, by_key);
    std::ranges::stable_sort(after_, by_key);
    std::vector<const GrantedPin*> lost;
    std::vector<const GrantedPin*> gained;
    auto old = before_.begin();
    auto now = after_.begin();
    while (old != before_.end() && now != after_.end()) {
      if (by_key(*old, *now)) {
        lost.push_back(*old++);
      } else if (by_key(*now, *old)) {
        gained.push_back(*now++);
      } else {
        found_.push_back({change_of(**old, **now), **old, **now});
        ++old, ++now;
      }
    }
    lost.insert(lost.end(), old, before_.end());
    gained.insert(gained.end(), now, after_.end());
    before_ = std::move(lost);
    after_ = std::move(gained);
  }

  std::vector<ComparedGrant> finish() && {
    found_.reserve(found_.size() + before_.size() + after_.size());
    for (const GrantedPin* grant : before_)
      found_.push_back({GrantChange::kLost, *grant, std::nullopt});
    for (const GrantedPin* grant : after_)
      found_.push_back({GrantChange::kGained, std::nullopt, *grant});
    sort(found_);
    return std::move(found_);
  }

 private:
  std::vector<const GrantedPin*> before_;
  std::vector<const GrantedPin*> after_;
  std::vector<ComparedGrant> found_;
};

}  // namespace

const char* name_of(GrantChange change) {
  switch (change) {
    case GrantChange::kWidened:
      return "widened";
    case GrantChange::kGained:
      return "gained";
    case GrantChange::kNarrowed:
      return "narrowed";
    case GrantChange::kLost:
      return "lost";
    case GrantChange::kChanged:
      return "changed";
    case GrantChange::kSame:
      return "same";
  }
  return "";
}

bool widens(const GrantedPin& before, const GrantedPin& after) {
  // A pin is for those who have bpf(2), values are for everybody else.
  if ((after.pin && !before.pin) || (after.values && !before.values)) return true;
  const bool has_access = before.pin && after.pin;
  return (has_access && widens_access(before.access, after.access)) || widens_mode(before, after);
}

std::vector<ComparedGrant> compare_grants(const std::vector<GrantedPin>& before,
                                          const std::vector<GrantedPin>& after) {
  Pairing pairing(before, after);
  pairing.pair_by([](const GrantedPin& grant) { return std::tie(grant.source, grant.name); });
  pairing.pair_by([](const GrantedPin& grant) { return std::tie(grant.source); });
  return std::move(pairing).finish();
}

std::vector<ComparedGrant> compare_grants(const Side& before, const Side& after) {
  auto all = compare_grants(before.decision.grants, after.decision.grants);
  for (auto& one : all) {
    const std::string& source = (one.after ? one.after : one.before)->source;
    one.past_view_before = has_past_view(before.past, before.decision, source);
    one.past_view_after = has_past_view(after.past, after.decision, source);
    one.change = change_with(one);
  }
  sort(all);
  return all;
}

std::vector<ViewChange> compare_views(const Side& one, const Side& other) {
  const model::Decision& before = one.decision;
  const model::Decision& after = other.decision;
  const bool had_everything = !one.past.everything.empty();
  std::vector<ViewChange> changes;
  const auto add = [&](const char* what, std::string old, std::string now, bool widens = false,
                       bool narrows = false) {
    if (old != now) changes.push_back({what, std::move(old), std::move(now), widens, narrows});
  };
  const auto void_view = [](const model::Decision& decision) {
    return name_of(decision.void_rejected_by ? model::VoidView::kReject : model::VoidView::kAllow);
  };
  const auto in_view = [](const model::Decision& decision, std::string text) {
    return decision.selected() ? std::move(text) : kNone;
  };
  add("selected by", selected_by(before), selected_by(after));
  add("view.at", in_view(before, before.at), in_view(after, after.at));
  add("view.layout", in_view(before, name_of(before.layout)),
      in_view(after, name_of(after.layout)));
  const auto values_at = [](const model::Decision& decision) {
    return decision.shows_values() ? decision.values_at : kNone;
  };
  add("view.values.at", values_at(before), values_at(after));
  if (one.past.mounts_bpffs.value_or(true) || other.past.mounts_bpffs.value_or(true))
    add("view.hostBpffs", host_bpffs(before), host_bpffs(after),
        strictness(after) < strictness(before) && !had_everything,
        strictness(after) > strictness(before));
  add("onChange", name_of(before.on_change), name_of(after.on_change));
  add("view.void", void_view(before), void_view(after), before.void_rejected_by.has_value(),
      after.void_rejected_by.has_value());
  const bool more = widens_delegation(before, after);
  add("delegate", delegated(before), delegated(after), more && !had_everything,
      !more && widens_delegation(after, before));
  std::ranges::stable_partition(changes, &ViewChange::widens);
  return changes;
}

}  // namespace pinscope::policy
