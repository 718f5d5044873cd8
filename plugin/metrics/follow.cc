#include "plugin/metrics/follow.h"

#include <cstdint>

#include "plugin/model/follow_status.h"

namespace pinscope::metrics {
namespace {

using model::FollowStatus;

struct Number {
  const char* name;
  Type type;
  const char* help;
  uint64_t FollowStatus::*member;
};

constexpr Number kNumbers[] = {
    {"pinscope_follow_containers", Type::kGauge,
     "Containers and sessions with a record, as the service that follows knows them.",
     &FollowStatus::containers},
    {"pinscope_follow_sources", Type::kGauge, "Sources and globs that their views follow.",
     &FollowStatus::sources},
    {"pinscope_follow_watches", Type::kGauge, "Directories of sources that are watched.",
     &FollowStatus::watches},
    {"pinscope_follow_without_watch", Type::kGauge,
     "Directories of sources that cannot be watched, and are looked at from time to time.",
     &FollowStatus::without_watch},
    {"pinscope_follow_paused", Type::kGauge,
     "Directories of sources that change too often to be listened to.", &FollowStatus::paused},
    {"pinscope_follow_waiting", Type::kGauge, "Containers that wait for their turn.",
     &FollowStatus::waiting},
    {"pinscope_follow_slowed", Type::kGauge,
     "Containers whose waits grow, because their sources change without end.",
     &FollowStatus::slowed},
    {"pinscope_follow_retrying", Type::kGauge,
     "Containers that could not be changed the last time, and wait to be tried again.",
     &FollowStatus::retrying},
    {"pinscope_follow_namespaces", Type::kGauge,
     "Mount namespaces of containers whose mounts are watched.", &FollowStatus::namespaces},
    {"pinscope_follow_source_changes", Type::kCounter, "Changes of sources that were noticed.",
     &FollowStatus::source_changes},
    {"pinscope_follow_policy_changes", Type::kCounter, "Changes of policies that were noticed.",
     &FollowStatus::policy_changes},
    {"pinscope_follow_mount_changes", Type::kCounter,
     "Changes of mounts in containers that were not what their records say.",
     &FollowStatus::mount_changes},
    {"pinscope_follow_changed", Type::kCounter, "Views that were changed.", &FollowStatus::changed},
    {"pinscope_follow_refused", Type::kCounter,
     "Views that were not changed, because their containers would not start now.",
     &FollowStatus::refused},
    {"pinscope_follow_failed", Type::kCounter, "Tries to change views that failed.",
     &FollowStatus::failed},
    {"pinscope_follow_overflows", Type::kCounter,
     "Times that events were lost, and everything was looked at.", &FollowStatus::overflows},
};

std::vector<Sample> one(uint64_t value) {
  return {{{}, static_cast<double>(value)}};
}

}  // namespace

void add_follow(const Facts& facts, std::vector<Family>& families) {
  const inventory::FollowService none;
  const auto& found = facts.follow ? *facts.follow : none;
  families.push_back({"pinscope_follow_up", Type::kGauge,
                      "1 if the service that follows sources and policies answers.",
                      found.is_set_up ? one(found.status ? 1 : 0) : std::vector<Sample>()});
  for (const auto& number : kNumbers)
    families.push_back(
        {number.name, number.type, number.help,
         found.status ? one((*found.status).*number.member) : std::vector<Sample>()});
}

}  // namespace pinscope::metrics
