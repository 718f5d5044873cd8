#include "plugin/cli/records.h"

namespace pinscope::cli {

Colour colour_of_state(const std::string& summary) {
  if (summary == "running") return Colour::kGreen;
  if (summary == "gone") return Colour::kDim;
  return Colour::kRed;
}

void write_live(JsonWriter& json, const inventory::Entry& entry) {
  json.field("state", inventory::summary(entry.record, entry.live))
      .field("process", inventory::name_of(entry.live.process))
      .field("view", inventory::name_of(entry.live.view))
      .field("stale", uint64_t{entry.live.stale_count()});
  json.key("missing_names").array();
  for (const auto& name : entry.live.missing_names) json.value(name);
  json.end().key("grants").array();
  for (size_t i = 0; i < entry.record.given.pins.size(); ++i) {
    const auto& pin = entry.record.given.pins[i];
    const auto& state = entry.live.pins[i];
    json.object()
        .field("name", pin.grant.name)
        .field("source", pin.grant.source)
        .field("access", model::name_of(pin.grant.access))
        .field("kind", model::name_of(pin.object.kind))
        .field("object_id", pin.object.id)
        .field("source_state", inventory::name_of(state.source))
        .field("source_object_id", state.source_object_id)
        .field("policy", pin.grant.rule.policy)
        .field("place", model::to_string(pin.grant.rule.place));
    if (!state.problem.empty()) json.field("problem", state.problem);
    json.end();
  }
  json.end();
}

}  // namespace pinscope::cli
