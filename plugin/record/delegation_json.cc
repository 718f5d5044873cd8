#include "plugin/record/delegation_json.h"

#include "plugin/base/text.h"

namespace pinscope::record {
namespace {

using model::Delegation;
using model::kTokenRights;
using model::ProgramReach;
using model::TokenRight;

constexpr uint32_t kMaxNumbers = 64;

Result<JsonView> required(const JsonView& object, std::string_view key) {
  PINSCOPE_TRY(const auto found, object.find(key));
  if (!found) return std::unexpected(object.make_error("the field " + quoted(key) + " is missing"));
  return *found;
}

}  // namespace

void add_members(JsonWriter& json, const Delegation& delegation) {
  for (const TokenRight right : kTokenRights) {
    json.key(model::key_of(right)).array();
    for (const auto& name : model::names_in(delegation.rights, right)) json.value(name);
    json.end();
  }
  json.field("added_no_attach_type", delegation.added_attach_type_none)
      .field("pinning", delegation.pinning)
      .field("programs_reach", model::name_of(delegation.reach))
      .field("grants_at", delegation.grants_at);
}

void write_delegation(JsonWriter& json, const Delegation& delegation) {
  json.object();
  add_members(json, delegation);
  json.end();
}

Result<Delegation> read_delegation(const JsonView& value) {
  Delegation delegation;
  for (const TokenRight right : kTokenRights) {
    PINSCOPE_TRY(const auto list, required(value, model::key_of(right)));
    PINSCOPE_TRY(const auto names, list.elements());
    for (const auto& entry : names) {
      PINSCOPE_TRY(const auto name, entry.as_string());
      const auto number = model::token_right_from_name(right, name);
      if (!number || *number >= kMaxNumbers)
        return std::unexpected(entry.make_error("not a name that is known here"));
      delegation.rights.add(right, *number);
    }
  }
  // Older hooks did not write it.
  PINSCOPE_TRY(delegation.added_attach_type_none, value.bool_or("added_no_attach_type", false));
  PINSCOPE_TRY(const auto pinning, required(value, "pinning"));
  PINSCOPE_TRY(delegation.pinning, pinning.as_bool());
  // Records of an older version have none.
  PINSCOPE_TRY(const auto reach, value.string_or("programs_reach", ""));
  if (reach == model::name_of(ProgramReach::kWholeMachine))
    delegation.reach = ProgramReach::kWholeMachine;
  PINSCOPE_TRY(const auto grants_at, required(value, "grants_at"));
  PINSCOPE_TRY(const auto path, grants_at.as_string());
  delegation.grants_at = std::string(path);
  return delegation;
}

}  // namespace pinscope::record
