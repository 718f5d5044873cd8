#include "plugin/model/follow_status.h"

#include <utility>

#include "plugin/json/json.h"

namespace pinscope::model {
namespace {

constexpr uint64_t kFormat = 1;

constexpr std::pair<const char*, uint64_t FollowStatus::*> kNumbers[] = {
    {"containers", &FollowStatus::containers},
    {"unreadable", &FollowStatus::unreadable},
    {"sources", &FollowStatus::sources},
    {"watches", &FollowStatus::watches},
    {"without_watch", &FollowStatus::without_watch},
    {"paused", &FollowStatus::paused},
    {"waiting", &FollowStatus::waiting},
    {"slowed", &FollowStatus::slowed},
    {"retrying", &FollowStatus::retrying},
    {"namespaces", &FollowStatus::namespaces},
    {"overflows", &FollowStatus::overflows},
    {"source_changes", &FollowStatus::source_changes},
    {"policy_changes", &FollowStatus::policy_changes},
    {"mount_changes", &FollowStatus::mount_changes},
    {"changed", &FollowStatus::changed},
    {"refused", &FollowStatus::refused},
    {"failed", &FollowStatus::failed},
};

}  // namespace

std::string to_json(const FollowStatus& status) {
  JsonWriter json;
  json.object().field("format", kFormat);
  for (const auto& [name, member] : kNumbers) json.field(name, status.*member);
  json.end();
  return json.take();
}

Result<FollowStatus> follow_status_from_json(std::string json) {
  PINSCOPE_TRY(const auto document,
               JsonDocument::parse(std::move(json), "the status of follow", ErrorCode::kProtocol));
  const JsonView root = document.root();
  PINSCOPE_TRY(const uint64_t format, root.unsigned_or("format", 0));
  if (format != kFormat)
    return std::unexpected(
        root.make_error("format " + std::to_string(format) + " is not known here"));
  FollowStatus status;
  for (const auto& [name, member] : kNumbers) {
    PINSCOPE_TRY(status.*member, root.unsigned_or(name, 0));
  }
  return status;
}

}  // namespace pinscope::model
