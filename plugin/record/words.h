// The words that records and audit lines use for enumerations, and back. Internal to record/; the
// words that policies use as well come from the model.
#pragma once

#include <optional>
#include <string_view>

#include "plugin/model/record.h"

namespace pinscope::record {

// "intended", "applied".
const char* name_of(model::Record::State state);
// "granted", "refused", "removed", "policy-rejected", "policy-accepted", "collected".
const char* name_of(model::AuditEvent::Outcome outcome);

std::optional<model::Record::State> state_from_name(std::string_view name);
std::optional<model::Access> access_from_name(std::string_view name);
std::optional<model::ObjectKind> kind_from_name(std::string_view name);
std::optional<model::Layout> layout_from_name(std::string_view name);
std::optional<model::HostBpffs> host_bpffs_from_name(std::string_view name);
std::optional<model::InstanceType> instance_type_from_name(std::string_view name);
// "" is kUnknown.
std::optional<model::Engine> engine_from_word(std::string_view name);

}  // namespace pinscope::record
