#include "plugin/cli/explain/given_json.h"

#include "plugin/model/shapes.h"
#include "plugin/record/delegation_json.h"

namespace pinscope::cli {

void write_refusals(JsonWriter& json, const std::vector<model::RefusedPin>& refusals) {
  json.array();
  for (const auto& refusal : refusals) {
    json.object().field("name", refusal.name).field("source", refusal.source).key("granted_by");
    model::write_rule(json, refusal.granted_by);
    json.key("denied_by");
    model::write_rule(json, refusal.denied_by);
    if (!refusal.denied_as.empty()) json.field("denied_as", refusal.denied_as);
    json.end();
  }
  json.end();
}

void write_followed(JsonWriter& json, const std::vector<model::FollowedPattern>& followed) {
  json.array();
  for (const auto& one : followed) {
    json.object().field("pin", one.pin).key("rule");
    model::write_rule(json, one.rule);
    json.end();
  }
  json.end();
}

void write_values(JsonWriter& json, const model::GrantedPin& grant) {
  if (!grant.values) return;
  json.key("values")
      .object()
      .field("mode", model::name_of(model::mode_of(grant)))
      .field("form", model::name_of(grant.values->form))
      .field("list", grant.values->list)
      .field("max_age_ms", grant.values->max_age_ms)
      .end();
}

void write_delegation(JsonWriter& json, const model::Delegation& delegation) {
  json.object();
  record::add_members(json, delegation);
  json.key("rules");
  model::write_rules(json, delegation.rules);
  json.end();
}

}  // namespace pinscope::cli
