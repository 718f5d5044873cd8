#include "plugin/record/identity_json.h"

#include <array>

namespace pinscope::record {
namespace {

using model::Fact;
using model::Identity;

struct NamedFact {
  std::string_view name;
  std::optional<Fact> Identity::*fact;
};

constexpr std::array<NamedFact, 5> kFacts = {{
    {"kubernetes_namespace", &Identity::kubernetes_namespace},
    {"kubernetes_pod", &Identity::kubernetes_pod},
    {"kubernetes_container", &Identity::kubernetes_container},
    {"kubernetes_uid", &Identity::kubernetes_uid},
    {"image", &Identity::image},
}};

}  // namespace

void write_identity(JsonWriter& json, const Identity& identity) {
  json.object();
  for (const auto& [name, member] : kFacts) {
    const auto& fact = identity.*member;
    if (!fact) continue;
    json.key(name)
        .object()
        .field("value", fact->value)
        .field("established_by", fact->established_by)
        .end();
  }
  if (identity.is_sandbox) json.field("sandbox", true);
  json.end();
}

Result<Identity> read_identity(const JsonView& value) {
  Identity identity;
  for (const auto& [name, member] : kFacts) {
    PINSCOPE_TRY(const auto found, value.find(name));
    if (!found) continue;
    Fact fact;
    PINSCOPE_TRY(fact.value, found->string_or("value", ""));
    PINSCOPE_TRY(fact.established_by, found->string_or("established_by", ""));
    identity.*member = std::move(fact);
  }
  PINSCOPE_TRY(identity.is_sandbox, value.bool_or("sandbox", false));
  return identity;
}

}  // namespace pinscope::record
