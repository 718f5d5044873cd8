#include "plugin/record/words.h"

#include <initializer_list>

namespace pinscope::record {
namespace {

// The value among `all` that is called `name`, by the same name_of that wrote it.
template <typename Enum>
std::optional<Enum> find_by_name(std::string_view name, std::initializer_list<Enum> all) {
  for (const Enum value : all)
    if (name == name_of(value)) return value;
  return std::nullopt;
}

}  // namespace

const char* name_of(model::Record::State state) {
  switch (state) {
    case model::Record::State::kIntended:
      return "intended";
    case model::Record::State::kApplied:
      return "applied";
  }
  return "";
}

const char* name_of(model::AuditEvent::Outcome outcome) {
  switch (outcome) {
    case model::AuditEvent::Outcome::kGranted:
      return "granted";
    case model::AuditEvent::Outcome::kRefused:
      return "refused";
    case model::AuditEvent::Outcome::kRemoved:
      return "removed";
    case model::AuditEvent::Outcome::kPolicyRejected:
      return "policy-rejected";
    case model::AuditEvent::Outcome::kPolicyAccepted:
      return "policy-accepted";
    case model::AuditEvent::Outcome::kCollected:
      return "collected";
  }
  return "";
}

std::optional<model::Record::State> state_from_name(std::string_view name) {
  using enum model::Record::State;
  return find_by_name(name, {kIntended, kApplied});
}

std::optional<model::Access> access_from_name(std::string_view name) {
  return find_by_name(name, {model::Access::kRead, model::Access::kReadWrite, model::Access::kUse});
}

std::optional<model::ObjectKind> kind_from_name(std::string_view name) {
  using enum model::ObjectKind;
  return find_by_name(name, {kMap, kProgram, kLink});
}

std::optional<model::Layout> layout_from_name(std::string_view name) {
  using enum model::Layout;
  return find_by_name(name, {kShared, kPerMap, kBind});
}

std::optional<model::HostBpffs> host_bpffs_from_name(std::string_view name) {
  using enum model::HostBpffs;
  return find_by_name(name, {kMask, kReject, kAllow});
}

std::optional<model::InstanceType> instance_type_from_name(std::string_view name) {
  using enum model::InstanceType;
  return find_by_name(name, {kBpf, kTmpfs});
}

std::optional<model::Engine> engine_from_word(std::string_view name) {
  if (name.empty()) return model::Engine::kUnknown;
  return model::engine_from_name(std::string(name));
}

}  // namespace pinscope::record
