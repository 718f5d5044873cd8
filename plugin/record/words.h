// The words that records and audit lines use for enumerations, and back. Internal to record/; the
// words that policies use as well come from the model.
#pragma once

#include <string_view>

#include "plugin/model/record.h"

namespace pinscope::record {

// "intended", "applied".
const char* name_of(model::Record::State state);
// "granted", "refused", "removed", "policy-rejected", "policy-accepted", "collected".
const char* name_of(model::AuditEvent::Outcome outcome);

// And back: false where `name` is no such word.
bool from_name(std::string_view name, model::Record::State& state);
bool from_name(std::string_view name, model::Access& access);
bool from_name(std::string_view name, model::ObjectKind& kind);
bool from_name(std::string_view name, model::Layout& layout);
bool from_name(std::string_view name, model::HostBpffs& host_bpffs);
bool from_name(std::string_view name, model::InstanceType& type);
bool from_name(std::string_view name, model::Engine& engine);  // "" is kUnknown

}  // namespace pinscope::record
