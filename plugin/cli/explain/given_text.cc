#include "plugin/cli/explain/given_text.h"

#include <algorithm>

#include "plugin/base/text.h"
#include "plugin/model/shapes.h"

namespace pinscope::cli {

using model::kTokenRights;
using model::TokenRight;

std::string fact_title(std::string_view name) {
  std::string title(name);
  std::ranges::replace(title, '_', ' ');
  return title;
}

std::string owner_and_mode(const model::GrantedPin& grant) {
  return std::to_string(grant.uid) + ":" + std::to_string(grant.gid) + " " +
         model::mode_text(grant.mode);
}

std::string object_text(const model::ObjectInfo& object) {
  return std::string(model::name_of(object.kind)) + " " + std::to_string(object.id) + " (" +
         model::type_name(object) + ")";
}

Table refusals_table(const std::vector<model::RefusedPin>& refusals) {
  Table table({"REFUSED", "SOURCE", "GRANTED BY", "DENIED BY"});
  for (const auto& refusal : refusals)
    table.add({refusal.name, refusal.source, model::to_string(refusal.granted_by),
               model::to_string(refusal.denied_by) +
                   (refusal.denied_as.empty() ? "" : ", as " + quoted(refusal.denied_as))});
  return table;
}

Table followed_table(const std::vector<model::FollowedPattern>& followed) {
  Table table({"FOLLOWED", "RULE"});
  for (const auto& one : followed) table.add({one.pin, model::to_string(one.rule)});
  return table;
}

Table delegation_table(const model::Delegation& delegation) {
  Table table({"DELEGATED", "WHAT"});
  for (const TokenRight right : kTokenRights) {
    std::string names = joined(model::names_in(delegation.rights, right), ", ");
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

}  // namespace pinscope::cli
