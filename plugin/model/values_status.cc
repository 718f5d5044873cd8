#include "plugin/model/values_status.h"

#include <utility>

#include "plugin/base/text.h"
#include "plugin/json/json.h"
#include "plugin/model/words.h"

namespace pinscope::model {
namespace {

constexpr uint64_t kFormat = 1;
constexpr size_t kBytesPerLease = 256;

// The numbers of a lease, by their names.
constexpr std::pair<const char*, uint64_t ServedValues::*> kNumbers[] = {
    {"number", &ServedValues::number},     {"maps", &ServedValues::maps},
    {"requests", &ServedValues::requests}, {"errors", &ServedValues::errors},
    {"missing", &ServedValues::missing},   {"bytes", &ServedValues::bytes},
    {"time_ns", &ServedValues::time_ns},   {"handles", &ServedValues::handles},
    {"refused", &ServedValues::refused},
};

Result<ServedValues> read_lease(const JsonView& object) {
  ServedValues lease;
  PINSCOPE_TRY(lease.container, object.string_or("container", ""));
  PINSCOPE_TRY(lease.ready, object.bool_or("ready", false));
  PINSCOPE_TRY(lease.set_aside, object.bool_or("set_aside", false));
  for (const auto& [name, member] : kNumbers) {
    PINSCOPE_TRY(lease.*member, object.unsigned_or(name, 0));
  }
  return lease;
}

}  // namespace

const char* name_of(ValuesState state) {
  switch (state) {
    case ValuesState::kServing:
      return "serving";
    case ValuesState::kWaiting:
      return "waiting";
    case ValuesState::kStarting:
      return "starting";
  }
  return "";
}

std::string to_json(const ValuesStatus& status) {
  JsonWriter json;
  json.reserve(kBytesPerLease * (status.leases.size() + 1));
  json.object()
      .field("format", kFormat)
      .field("state", name_of(status.state))
      .field("unusable", status.unusable)
      .key("leases")
      .array();
  for (const auto& lease : status.leases) {
    json.object()
        .field("container", lease.container)
        .field("ready", lease.ready)
        .field("set_aside", lease.set_aside);
    for (const auto& [name, member] : kNumbers) json.field(name, lease.*member);
    json.end();
  }
  json.end().end();
  return json.take();
}

Result<ValuesStatus> values_status_from_json(std::string json) {
  PINSCOPE_TRY(const auto document, JsonDocument::parse(std::move(json), "the status of the values",
                                                        ErrorCode::kProtocol));
  const JsonView root = document.root();
  PINSCOPE_TRY(const uint64_t format, root.unsigned_or("format", 0));
  if (format != kFormat)
    return std::unexpected(
        root.make_error("format " + std::to_string(format) + " is not known here"));
  ValuesStatus status;
  PINSCOPE_TRY(const auto state, root.string_or("state", ""));
  const auto known = value_named<ValuesState>(state, name_of);
  if (!known) return std::unexpected(root.make_error("the state is not known here"));
  status.state = *known;
  PINSCOPE_TRY(status.unusable, root.unsigned_or("unusable", 0));
  PINSCOPE_TRY(const auto leases, root.find("leases"));
  if (!leases) return status;
  PINSCOPE_TRY(const auto entries, leases->elements());
  for (const auto& entry : entries) {
    PINSCOPE_TRY(auto lease, read_lease(entry));
    status.leases.push_back(std::move(lease));
  }
  return status;
}

}  // namespace pinscope::model
