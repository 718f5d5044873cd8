#include "plugin/record/words.h"

#include <initializer_list>

namespace pinscope::record {
namespace {

// The value among `all` that is called `name`, by the same name_of that wrote it.
template <typename Enum>
bool find(std::string_view name, std::initializer_list<Enum> all, Enum& found) {
  for (const Enum value : all)
    if (name == name_of(value)) {
      found = value;
      return true;
    }
  return false;
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

bool from_name(std::string_view name, model::Record::State& state) {
  using enum model::Record::State;
  return find(name, {kIntended, kApplied}, state);
}

bool from_name(std::string_view name, model::Access& access) {
  using enum model::Access;
  return find(name, {kRead, kReadWrite, kUse}, access);
}

bool from_name(std::string_view name, model::ObjectKind& kind) {
  using enum model::ObjectKind;
  return find(name, {kMap, kProgram, kLink}, kind);
}

bool from_name(std::string_view name, model::Layout& layout) {
  using enum model::Layout;
  return find(name, {kShared, kPerMap, kBind}, layout);
}

bool from_name(std::string_view name, model::HostBpffs& host_bpffs) {
  using enum model::HostBpffs;
  return find(name, {kMask, kReject, kAllow}, host_bpffs);
}

bool from_name(std::string_view name, model::InstanceType& type) {
  using enum model::InstanceType;
  return find(name, {kBpf, kTmpfs}, type);
}

bool from_name(std::string_view name, model::Engine& engine) {
  const auto known =
      name.empty() ? model::Engine::kUnknown : model::engine_from_name(std::string(name));
  if (known) engine = *known;
  return known.has_value();
}

}  // namespace pinscope::record
