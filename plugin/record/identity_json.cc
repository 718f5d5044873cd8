#include "plugin/record/identity_json.h"

#include "plugin/model/facts.h"
#include "plugin/record/bounds.h"

namespace pinscope::record {
namespace {

using model::Fact;
using model::Identity;

bool write_fact(JsonWriter& json, std::string_view name, const Fact& fact) {
  std::string room;
  json.key(bounded(name, kLongestName, room)).object();
  json.field("value", bounded(fact.value, kLongestName, room));
  json.field("established_by", bounded(fact.established_by, kLongestName, room)).end();
  return !room.empty();
}

Result<Fact> read_fact(const JsonView& value) {
  Fact fact;
  PINSCOPE_TRY(fact.value, value.string_or("value", ""));
  PINSCOPE_TRY(fact.established_by, value.string_or("established_by", ""));
  return fact;
}

}  // namespace

bool write_identity(JsonWriter& json, const Identity& identity, model::Engine engine,
                    size_t labels_up_to) {
  bool cut = false;
  json.object();
  if (engine != model::Engine::kUnknown)
    write_fact(json, "engine", {model::engine_name(engine), model::engine_established_by(engine)});
  for (const auto& [name, member] : model::kFacts) {
    const auto& fact = identity.*member;
    if (fact) cut = write_fact(json, name, *fact) || cut;
  }
  if (!identity.kubernetes_labels.empty()) {
    json.key("kubernetes_labels").object();
    for (const auto& [key, fact] : identity.kubernetes_labels) {
      const bool full = json.text().size() >= labels_up_to;
      cut = full || write_fact(json, key, fact) || cut;
      if (full) break;
    }
    json.end();
  }
  if (identity.is_sandbox) json.field("sandbox", true);
  json.end();
  return cut;
}

Result<Identity> read_identity(const JsonView& value) {
  Identity identity;
  for (const auto& [name, member] : model::kFacts) {
    PINSCOPE_TRY(const auto found, value.find(name));
    if (!found) continue;
    PINSCOPE_TRY(identity.*member, read_fact(*found));
  }
  PINSCOPE_TRY(const auto labels, value.find("kubernetes_labels"));
  if (labels) {
    PINSCOPE_TRY(const auto members, labels->members());
    for (const auto& [key, label] : members) {
      PINSCOPE_TRY(auto fact, read_fact(label));
      identity.kubernetes_labels.emplace_back(key, std::move(fact));
    }
  }
  PINSCOPE_TRY(identity.is_sandbox, value.bool_or("sandbox", false));
  return identity;
}

}  // namespace pinscope::record
