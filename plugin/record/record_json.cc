// to_json and from_json of a record. A view may have a thousand pins and its record is written
// while the container waits: pins are rows below one list of column names, and rules stand once in
// a table that rows point into. Readers find a column by its name, so a newer version may add some.
#include <algorithm>
#include <array>
#include <limits>
#include <span>

#include "plugin/base/text.h"
#include "plugin/json/json.h"
#include "plugin/record/delegation_json.h"
#include "plugin/record/identity_json.h"
#include "plugin/record/store.h"
#include "plugin/record/words.h"

namespace pinscope::record {
namespace {

using model::PinnedObject;
using model::Record;
using model::RefusedPin;
using model::Rule;
using model::ViewInstance;

// Rises when a field that is there gets another meaning; a new field does not need it.
constexpr uint64_t kFormat = 1;

// What one pin and the rest take in the common case: saves growing the text.
constexpr size_t kBytesPerPin = 96;
constexpr size_t kBytesOfTheRest = 4096;

// The order of the values in a row; read_pin finds them by these names.
constexpr auto kPinColumns = std::to_array<std::string_view>(
    {"name", "source", "access", "kind", "type", "id", "uid", "gid", "mode", "skipped", "rule"});
constexpr auto kRefusalColumns =
    std::to_array<std::string_view>({"source", "name", "granted_by", "denied_by", "denied_as"});
constexpr auto kInstanceColumns =
    std::to_array<std::string_view>({"type", "device_major", "device_minor", "sealed", "mounts"});
// Columns that older versions did not write: nothing is there.
constexpr auto kNewColumns = std::to_array<std::string_view>({"denied_as"});

// Gives each rule its place in the table that is written last. Pins of one grant follow each other,
// so the last rule is the one to compare with; one that comes again later appears twice.
class RuleTable {
 public:
  uint64_t index_of(const Rule& rule) {
    if (rules_.empty() || *rules_.back() != rule) rules_.push_back(&rule);
    return rules_.size() - 1;
  }
  void write(JsonWriter& json) const {
    json.array();
    for (const Rule* rule : rules_)
      json.array()
          .value(rule->policy)
          .value(rule->place.file)
          .value(rule->place.line)
          .value(rule->place.column)
          .end();
    json.end();
  }

 private:
  std::vector<const Rule*> rules_;  // of the record, which outlives the table
};

void write_columns(JsonWriter& json, std::span<const std::string_view> columns) {
  json.object().key("columns").array();
  for (const auto column : columns) json.value(column);
  json.end().key("rows").array();
}

void write_pin(JsonWriter& json, RuleTable& rules, const PinnedObject& pin) {
  json.array()
      .value(pin.grant.name)
      .value(pin.grant.source)
      .value(model::name_of(pin.grant.access))
      .value(model::name_of(pin.object.kind))
      .value(pin.object.type)
      .value(pin.object.id)
      .value(pin.grant.uid)
      .value(pin.grant.gid)
      .value(pin.grant.mode)
      .value(pin.skipped)
      .value(rules.index_of(pin.grant.rule))
      .end();
}

void write_instances(JsonWriter& json, const std::vector<ViewInstance>& instances) {
  json.key("instances");
  write_columns(json, kInstanceColumns);
  for (const auto& instance : instances) {
    json.array()
        .value(name_of(instance.type))
        .value(instance.device_major)
        .value(instance.device_minor)
        .value(instance.sealed)
        .array();
    for (const uint64_t mount : instance.mounts) json.value(mount);
    json.end().end();
  }
  json.end().end();
}

// Reading. Each reader names the place of what it could not use.

Result<JsonView> required(const JsonView& object, std::string_view key) {
  PINSCOPE_TRY(const auto found, object.find(key));
  if (!found) return std::unexpected(object.make_error("the field " + quoted(key) + " is missing"));
  return *found;
}

Result<std::string> to_string(const JsonView& value) {
  PINSCOPE_TRY(const auto text, value.as_string());
  return std::string(text);
}

template <typename Number>
Result<Number> to_number(const JsonView& value) {
  constexpr auto kLargest = static_cast<uint64_t>(std::numeric_limits<Number>::max());
  PINSCOPE_TRY(const uint64_t number, value.as_unsigned());
  if (number > kLargest)
    return std::unexpected(value.make_error("larger than " + std::to_string(kLargest)));
  return static_cast<Number>(number);
}

// A word of an enumeration: `find` gives its value or nothing.
template <typename Enum>
Result<Enum> to_word(const JsonView& value, std::optional<Enum> (*find)(std::string_view)) {
  PINSCOPE_TRY(const auto word, value.as_string());
  const auto known = find(word);
  if (!known) return std::unexpected(value.make_error("not a word that is known here"));
  return *known;
}

Result<std::string> read_string(const JsonView& object, std::string_view key) {
  PINSCOPE_TRY(const auto found, required(object, key));
  return to_string(found);
}

template <typename Number>
Result<Number> read_number(const JsonView& object, std::string_view key) {
  PINSCOPE_TRY(const auto found, required(object, key));
  return to_number<Number>(found);
}

template <typename Enum>
Result<Enum> read_word(const JsonView& object, std::string_view key,
                       std::optional<Enum> (*find)(std::string_view)) {
  PINSCOPE_TRY(const auto found, required(object, key));
  return to_word(found, find);
}

Result<Rule> read_rule(const JsonView& value) {
  constexpr size_t kFields = 4;
  PINSCOPE_TRY(const auto fields, value.elements());
  if (fields.size() < kFields)
    return std::unexpected(value.make_error("expected policy, file, line and column"));
  Rule rule;
  PINSCOPE_TRY(rule.policy, to_string(fields[0]));
  PINSCOPE_TRY(rule.place.file, to_string(fields[1]));
  PINSCOPE_TRY(rule.place.line, to_number<uint32_t>(fields[2]));
  PINSCOPE_TRY(rule.place.column, to_number<uint32_t>(fields[3]));
  return rule;
}

Result<Rule> to_rule(const JsonView& value, const std::vector<Rule>& rules) {
  PINSCOPE_TRY(const uint64_t index, value.as_unsigned());
  if (index >= rules.size()) return std::unexpected(value.make_error("there is no such rule"));
  return rules[index];
}

Result<std::vector<JsonView>> read_list(const JsonView& object, std::string_view key) {
  PINSCOPE_TRY(const auto list, required(object, key));
  return list.elements();
}

// Rows of `Columns` named values each, wherever these stand in the file's rows.
template <size_t Columns>
Status read_table(const JsonView& object, std::string_view key,
                  const std::array<std::string_view, Columns>& wanted, auto read_row) {
  PINSCOPE_TRY(const auto table, required(object, key));
  PINSCOPE_TRY(const auto columns, read_list(table, "columns"));
  std::array<size_t, Columns> position{};
  for (size_t i = 0; i < Columns; ++i) {
    while (position[i] < columns.size()) {
      PINSCOPE_TRY(const auto name, columns[position[i]].as_string());
      if (name == wanted[i]) break;
      ++position[i];
    }
    if (position[i] == columns.size() &&
        std::ranges::find(kNewColumns, wanted[i]) == kNewColumns.end())
      return std::unexpected(table.make_error("the column " + quoted(wanted[i]) + " is missing"));
  }
  PINSCOPE_TRY(const auto rows, read_list(table, "rows"));
  for (const auto& row : rows) {
    PINSCOPE_TRY(const auto values, row.elements());
    if (values.size() < columns.size())
      return std::unexpected(row.make_error("the row is shorter than the columns"));
    PINSCOPE_CHECK(read_row([&](size_t column) -> std::optional<JsonView> {
      if (position[column] == columns.size()) return std::nullopt;
      return values[position[column]];
    }));
  }
  return {};
}

Result<PinnedObject> read_pin(const auto& column, const std::vector<Rule>& rules) {
  PinnedObject pin;
  PINSCOPE_TRY(pin.grant.name, to_string(*column(0)));
  PINSCOPE_TRY(pin.grant.source, to_string(*column(1)));
  PINSCOPE_TRY(pin.grant.access, to_word(*column(2), access_from_name));
  PINSCOPE_TRY(pin.object.kind, to_word(*column(3), kind_from_name));
  PINSCOPE_TRY(pin.object.type, to_number<uint32_t>(*column(4)));
  PINSCOPE_TRY(pin.object.id, to_number<uint32_t>(*column(5)));
  PINSCOPE_TRY(pin.grant.uid, to_number<uint32_t>(*column(6)));
  PINSCOPE_TRY(pin.grant.gid, to_number<uint32_t>(*column(7)));
  PINSCOPE_TRY(pin.grant.mode, to_number<uint32_t>(*column(8)));
  PINSCOPE_TRY(pin.skipped, column(9)->as_bool());
  PINSCOPE_TRY(pin.grant.rule, to_rule(*column(10), rules));
  return pin;
}

Result<RefusedPin> read_refusal(const auto& column, const std::vector<Rule>& rules) {
  RefusedPin refusal;
  PINSCOPE_TRY(refusal.source, to_string(*column(0)));
  PINSCOPE_TRY(refusal.name, to_string(*column(1)));
  PINSCOPE_TRY(refusal.granted_by, to_rule(*column(2), rules));
  PINSCOPE_TRY(refusal.denied_by, to_rule(*column(3), rules));
  if (const auto denied_as = column(4)) {
    PINSCOPE_TRY(refusal.denied_as, to_string(*denied_as));
  }
  return refusal;
}

Result<ViewInstance> read_instance(const auto& column) {
  ViewInstance instance;
  PINSCOPE_TRY(instance.type, to_word(*column(0), instance_type_from_name));
  PINSCOPE_TRY(instance.device_major, to_number<uint32_t>(*column(1)));
  PINSCOPE_TRY(instance.device_minor, to_number<uint32_t>(*column(2)));
  PINSCOPE_TRY(instance.sealed, column(3)->as_bool());
  PINSCOPE_TRY(const auto mounts, column(4)->elements());
  for (const auto& mount : mounts) {
    PINSCOPE_TRY(const uint64_t id, mount.as_unsigned());
    instance.mounts.push_back(id);
  }
  return instance;
}

Status read_rules_and_tables(const JsonView& root, Record& record) {
  std::vector<Rule> rules;
  PINSCOPE_TRY(const auto entries, read_list(root, "rules"));
  for (const auto& entry : entries) {
    PINSCOPE_TRY(auto rule, read_rule(entry));
    rules.push_back(std::move(rule));
  }
  PINSCOPE_TRY(const auto selected_by, read_list(root, "selected_by"));
  for (const auto& entry : selected_by) {
    PINSCOPE_TRY(auto rule, to_rule(entry, rules));
    record.given.selected_by.push_back(std::move(rule));
  }
  if (record.given.delegation) {
    PINSCOPE_TRY(const auto delegated_by, read_list(root, "delegated_by"));
    for (const auto& entry : delegated_by) {
      PINSCOPE_TRY(auto rule, to_rule(entry, rules));
      record.given.delegation->rules.push_back(std::move(rule));
    }
  }
  PINSCOPE_CHECK(read_table(root, "pins", kPinColumns, [&](const auto& column) -> Status {
    PINSCOPE_TRY(auto pin, read_pin(column, rules));
    record.given.pins.push_back(std::move(pin));
    return {};
  }));
  PINSCOPE_TRY(const auto instances, root.find("instances"));
  if (instances)
    PINSCOPE_CHECK(
        read_table(root, "instances", kInstanceColumns, [&](const auto& column) -> Status {
          PINSCOPE_TRY(auto instance, read_instance(column));
          record.instances.push_back(std::move(instance));
          return {};
        }));
  return read_table(root, "refusals", kRefusalColumns, [&](const auto& column) -> Status {
    PINSCOPE_TRY(auto refusal, read_refusal(column, rules));
    record.given.refusals.push_back(std::move(refusal));
    return {};
  });
}

Status check_format(const JsonView& root) {
  PINSCOPE_TRY(const auto format, read_number<uint64_t>(root, "format"));
  if (format == kFormat) return {};
  return std::unexpected(
      root.make_error("record format " + std::to_string(format) + " is not known here")
          .hint("a newer pinscope wrote it"));
}

}  // namespace

std::string to_json(const Record& record) {
  JsonWriter json;
  json.reserve(kBytesOfTheRest +
               kBytesPerPin * (record.given.pins.size() + record.given.refusals.size()));
  json.object()
      .field("format", kFormat)
      .field("state", name_of(record.state))
      .field("id", record.given.id)
      .field("bundle", record.given.bundle)
      .field("rootfs", record.rootfs)
      .field("pid", record.given.pid)
      .field("process_start", record.process_start)
      .field("mount_namespace", record.mount_namespace)
      .field("engine", model::engine_name(record.given.engine));
  if (record.given.uid) json.field("uid", *record.given.uid);
  json.key("identity");
  write_identity(json, record.given.identity);
  json.field("created_ns", record.created_ns)
      .field("version", record.version)
      .field("at", record.at)
      .field("layout", model::name_of(record.layout))
      .field("host_bpffs", model::name_of(record.host_bpffs));
  if (record.given.delegation) {
    json.key("delegation");
    write_delegation(json, *record.given.delegation);
  }
  RuleTable rules;
  json.key("selected_by").array();
  for (const auto& rule : record.given.selected_by) json.value(rules.index_of(rule));
  json.end();
  if (record.given.delegation) {
    json.key("delegated_by").array();
    for (const auto& rule : record.given.delegation->rules) json.value(rules.index_of(rule));
    json.end();
  }
  json.key("pins");
  write_columns(json, kPinColumns);
  for (const auto& pin : record.given.pins) write_pin(json, rules, pin);
  json.end().end().key("refusals");
  write_columns(json, kRefusalColumns);
  for (const auto& refusal : record.given.refusals)
    json.array()
        .value(refusal.source)
        .value(refusal.name)
        .value(rules.index_of(refusal.granted_by))
        .value(rules.index_of(refusal.denied_by))
        .value(refusal.denied_as)
        .end();
  json.end().end();
  if (!record.instances.empty()) write_instances(json, record.instances);
  json.key("rules");
  rules.write(json);
  json.end();
  return json.take() + '\n';
}

Result<Record> from_json(std::string json, const std::string& name) {
  PINSCOPE_TRY(const auto document, JsonDocument::parse(std::move(json), name, ErrorCode::kRecord));
  const JsonView root = document.root();
  PINSCOPE_CHECK(check_format(root));
  Record record;
  PINSCOPE_TRY(record.state, read_word(root, "state", state_from_name));
  PINSCOPE_TRY(record.given.id, read_string(root, "id"));
  PINSCOPE_TRY(record.given.bundle, read_string(root, "bundle"));
  PINSCOPE_TRY(record.rootfs, read_string(root, "rootfs"));
  PINSCOPE_TRY(record.given.pid, read_number<pid_t>(root, "pid"));
  PINSCOPE_TRY(record.process_start, read_number<uint64_t>(root, "process_start"));
  PINSCOPE_TRY(record.mount_namespace, read_number<uint64_t>(root, "mount_namespace"));
  PINSCOPE_TRY(record.given.engine, read_word(root, "engine", engine_from_word));
  PINSCOPE_TRY(const auto uid, root.find("uid"));
  if (uid) {
    PINSCOPE_TRY(record.given.uid, read_number<uint32_t>(root, "uid"));
  }
  PINSCOPE_TRY(const auto identity, required(root, "identity"));
  PINSCOPE_TRY(record.given.identity, read_identity(identity));
  PINSCOPE_TRY(record.created_ns, read_number<uint64_t>(root, "created_ns"));
  PINSCOPE_TRY(record.version, read_string(root, "version"));
  PINSCOPE_TRY(record.at, read_string(root, "at"));
  PINSCOPE_TRY(record.layout, read_word(root, "layout", layout_from_name));
  PINSCOPE_TRY(record.host_bpffs, read_word(root, "host_bpffs", host_bpffs_from_name));
  PINSCOPE_TRY(const auto delegation, root.find("delegation"));
  if (delegation) {
    PINSCOPE_TRY(record.given.delegation, read_delegation(*delegation));
  }
  PINSCOPE_CHECK(read_rules_and_tables(root, record));
  return record;
}

}  // namespace pinscope::record
