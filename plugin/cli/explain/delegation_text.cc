#include "plugin/cli/explain/delegation_text.h"

#include "plugin/record/delegation_json.h"

namespace pinscope::cli {

using model::kTokenRights;
using model::TokenRight;

Table delegation_table(const model::Delegation& delegation) {
  Table table({"DELEGATED", "WHAT"});
  for (const TokenRight right : kTokenRights) {
    std::string names;
    for (const auto& name : model::names_in(delegation.rights, right))
      names += (names.empty() ? "" : ", ") + name;
    if (right == TokenRight::kAttach && delegation.added_attach_type_none)
      names +=
          " (cgroup_inet_ingress was added: it is number 0, which programs without an attach "
          "type are loaded with)";
    table.add({model::key_of(right), names.empty() ? "none" : names});
  }
  table.add({"pinning", delegation.pinning ? "yes" : "no"});
  table.add({"programs reach", model::name_of(delegation.reach)});
  for (const auto& rule : delegation.rules) table.add({"rule", model::to_string(rule)});
  return table;
}

void write_delegation_names(JsonWriter& json, const model::Delegation& delegation) {
  json.object();
  record::add_members(json, delegation);
  json.key("rules").array();
  for (const auto& rule : delegation.rules) json.value(model::to_string(rule));
  json.end().end();
}

}  // namespace pinscope::cli
