// The audit line. Its fields are a contract with whoever reads the file: none changes its meaning,
// new ones may come.
#include <chrono>
#include <cstdio>

#include "plugin/base/json.h"
#include "plugin/model/bpf_types.h"
#include "plugin/record/audit.h"
#include "plugin/record/delegation_json.h"
#include "plugin/record/identity_json.h"
#include "plugin/record/words.h"

namespace pinscope::record {
namespace {

using model::AuditEvent;
using model::ObjectKind;
using model::PinnedObject;

constexpr size_t kBytesPerPin = 256;
constexpr size_t kBytesOfTheRest = 4096;
constexpr uint64_t kNanosecondsPerMicrosecond = 1000;

// RFC 3339 in UTC with microseconds. gmtime_r would read TZ and /etc/localtime, which at this point
// may be somebody else's.
std::string timestamp(uint64_t time_ns) {
  using namespace std::chrono;
  const auto since_epoch = microseconds(static_cast<int64_t>(time_ns / kNanosecondsPerMicrosecond));
  const auto day = floor<days>(sys_time<microseconds>(since_epoch));
  const year_month_day date(day);
  const hh_mm_ss time(sys_time<microseconds>(since_epoch) - day);
  char text[64];
  std::snprintf(text, sizeof text, "%04d-%02u-%02uT%02d:%02d:%02d.%06dZ",
                static_cast<int>(date.year()), static_cast<unsigned>(date.month()),
                static_cast<unsigned>(date.day()), static_cast<int>(time.hours().count()),
                static_cast<int>(time.minutes().count()), static_cast<int>(time.seconds().count()),
                static_cast<int>(time.subseconds().count()));
  return text;
}

std::string type_name(const PinnedObject& pin) {
  switch (pin.kind) {
    case ObjectKind::kMap:
      return model::map_type_name(pin.type);
    case ObjectKind::kProgram:
      return model::program_type_name(pin.type);
    case ObjectKind::kLink:
      return model::link_type_name(pin.type);
  }
  return {};
}

void write_pin(JsonWriter& json, const PinnedObject& pin, const std::string& rule) {
  json.object()
      .field("name", pin.name)
      .field("source", pin.source)
      .field("access", model::name_of(pin.access));
  if (pin.skipped) {
    json.field("skipped", true);
  } else {
    json.field("kind", model::name_of(pin.kind))
        .field("type", type_name(pin))
        .field("id", pin.object_id);
  }
  json.field("rule", rule).end();
}

void write_container(JsonWriter& json, const AuditEvent& event) {
  json.object()
      .field("id", event.container_id)
      .field("bundle", event.bundle)
      .field("pid", event.pid)
      .field("engine", model::engine_name(event.engine))
      .end();
}

}  // namespace

void describe(const model::Record& record, AuditEvent& event) {
  event.container_id = record.id;
  event.bundle = record.bundle;
  event.pid = record.pid;
  event.engine = record.engine;
  event.identity = record.identity;
  event.selected_by = record.selected_by;
  event.pins = record.pins;
  event.refusals = record.refusals;
}

std::string to_json_line(const AuditEvent& event) {
  JsonWriter json;
  json.reserve(kBytesOfTheRest + kBytesPerPin * (event.pins.size() + event.refusals.size()));
  json.object()
      .field("time", timestamp(event.time_ns))
      .field("outcome", name_of(event.outcome))
      .field("code", event.error_code)
      .field("error", event.error)
      .field("stage", event.stage)
      .key("container");
  write_container(json, event);
  json.key("identity");
  write_identity(json, event.identity, event.engine);
  json.key("policies").array();
  for (const auto& rule : event.selected_by)
    json.object().field("name", rule.policy).field("place", model::to_string(rule.place)).end();
  json.end().key("pins").array();
  // Pins of one grant follow each other and have one rule: its text is made once.
  const model::Rule* last_rule = nullptr;
  std::string rule;
  for (const auto& pin : event.pins) {
    if (last_rule == nullptr || *last_rule != pin.rule) rule = model::to_string(pin.rule);
    last_rule = &pin.rule;
    write_pin(json, pin, rule);
  }
  json.end().key("refusals").array();
  for (const auto& refusal : event.refusals)
    json.object()
        .field("name", refusal.name)
        .field("source", refusal.source)
        .field("granted_by", model::to_string(refusal.granted_by))
        .field("denied_by", model::to_string(refusal.denied_by))
        .end();
  json.end();
  if (!event.notes.empty()) {
    json.key("notes").array();
    for (const auto& note : event.notes) json.value(note);
    json.end();
  }
  if (event.delegation) {
    json.key("delegation");
    write_delegation(json, *event.delegation);
  }
  json.field("duration_us", event.duration_ns / kNanosecondsPerMicrosecond).end();
  return json.take();
}

}  // namespace pinscope::record
