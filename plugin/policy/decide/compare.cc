#include "plugin/policy/decide/compare.h"

#include <algorithm>
#include <string_view>
#include <tuple>

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
    return std::tie(grant.name, grant.uid, grant.gid, grant.mode, grant.expect, grant.missing);
  };
  return rest(before) == rest(after) ? GrantChange::kSame : GrantChange::kChanged;
}

std::string_view name_in(const ComparedGrant& compared) {
  return compared.after ? compared.after->name : compared.before->name;
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
    std::ranges::stable_sort(found_, {}, [](const ComparedGrant& compared) {
      return std::pair(compared.change, name_in(compared));
    });
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
  return widens_access(before.access, after.access) || widens_mode(before, after);
}

std::vector<ComparedGrant> compare_grants(const std::vector<GrantedPin>& before,
                                          const std::vector<GrantedPin>& after) {
  Pairing pairing(before, after);
  pairing.pair_by([](const GrantedPin& grant) { return std::tie(grant.source, grant.name); });
  pairing.pair_by([](const GrantedPin& grant) { return std::tie(grant.source); });
  return std::move(pairing).finish();
}

}  // namespace pinscope::policy
