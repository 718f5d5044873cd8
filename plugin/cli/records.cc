#include "plugin/cli/records.h"

#include "plugin/base/clock.h"
#include "plugin/cli/explain/given_json.h"
#include "plugin/model/shapes.h"
#include "plugin/record/identity_json.h"

namespace pinscope::cli {
namespace {

void write_grant(JsonWriter& json, const model::PinnedObject& pin,
                 const inventory::PinState& state) {
  json.object()
      .field("name", pin.grant.name)
      .field("source", pin.grant.source)
      .field("access", model::name_of(pin.grant.access))
      .field("uid", pin.grant.uid)
      .field("gid", pin.grant.gid)
      .field("mode", model::mode_text(pin.grant.mode))
      .field("follow", pin.grant.follow)
      .field("skipped", pin.skipped)
      .field("waits", pin.waits());
  write_values(json, pin.grant);
  if (!pin.skipped)
    json.field("kind", model::name_of(pin.object.kind))
        .field("type", model::type_name(pin.object))
        .field("object_id", pin.object.id);
  json.field("source_state", inventory::name_of(state.source))
      .field("source_object_id", state.source_object_id)
      .key("rule");
  model::write_rule(json, pin.grant.rule);
  if (!state.problem.empty()) json.field("problem", state.problem);
  json.end();
}

void write_instances(JsonWriter& json, const std::vector<model::ViewInstance>& instances) {
  json.array();
  for (const auto& instance : instances) {
    json.object()
        .field("type", model::name_of(instance.type))
        .field("device_major", instance.device_major)
        .field("device_minor", instance.device_minor)
        .field("sealed", instance.sealed)
        .key("mounts")
        .array();
    for (const uint64_t mount : instance.mounts) json.value(mount);
    json.end().end();
  }
  json.end();
}

}  // namespace

std::string state_text(const inventory::Entry& entry) {
  return inventory::summary(entry.record, entry.live) +
         (entry.record.given.bypasses.empty() ? "" : ", void");
}

Colour colour_of_state(const std::string& summary) {
  if (summary == "running") return Colour::kGreen;
  if (summary == "gone") return Colour::kDim;
  return Colour::kRed;
}

void write_entry(JsonWriter& json, const inventory::Entry& entry, const std::string& name) {
  const model::Record& record = entry.record;
  const model::Given& given = record.given;
  json.object().field("id", given.id);
  const auto& in_pod = given.identity.kubernetes_container;
  if (!name.empty() || in_pod) json.field("name", name.empty() ? in_pod->value : name);
  json.field("engine", model::engine_name(given.engine))
      .field("pid", int64_t{given.pid})
      .field("bundle", given.bundle)
      .field("rootfs", record.rootfs);
  if (given.uid) json.field("uid", *given.uid);
  json.key("identity");
  record::write_identity(json, given.identity, given.engine);
  json.field("process_start", record.process_start)
      .field("mount_namespace", record.mount_namespace)
      .field("created", exact_utc_time(record.created_ns))
      .field("hook_version", record.version)
      .field("at", record.at)
      .field("layout", model::name_of(record.layout))
      .field("host_bpffs", model::name_of(record.host_bpffs))
      .field("on_change", model::name_of(record.on_change))
      .key("hidden");
  model::write_texts(json, given.hidden);
  if (given.delegation) {
    json.key("delegation");
    write_delegation(json, *given.delegation);
  }
  if (given.values_at) json.field("values_at", *given.values_at);
  if (entry.live.serving) json.field("values", inventory::name_of(*entry.live.serving));
  json.key("instances");
  write_instances(json, record.instances);
  json.field("state", inventory::summary(record, entry.live))
      .field("process", inventory::name_of(entry.live.process))
      .field("view", inventory::name_of(entry.live.view))
      .field("stale", uint64_t{entry.live.stale_count()})
      .field("waiting", uint64_t{entry.live.waiting_count()});
  if (!given.bypasses.empty()) {
    json.key("void");
    model::write_texts(json, model::names_of(given.bypasses));
  }
  json.field("seal_broken", entry.live.seal_is_broken()).key("missing_names");
  model::write_texts(json, entry.live.missing_names);
  json.key("policies");
  model::write_rules(json, given.selected_by);
  json.key("grants").array();
  for (size_t i = 0; i < given.pins.size(); ++i)
    write_grant(json, given.pins[i], entry.live.pins[i]);
  json.end().key("followed");
  write_followed(json, record.followed);
  json.key("refusals");
  write_refusals(json, given.refusals);
  if (!record.exceptions.empty()) {
    json.key("exceptions").array();
    for (const auto& one : record.exceptions)
      model::write_exception(json, one, model::state_of(one, wall_clock_ns()));
    json.end();
  }
  json.end();
}

}  // namespace pinscope::cli
