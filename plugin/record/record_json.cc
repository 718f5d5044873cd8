// to_json and from_json of a record. Rules are arrays (policy, file, line, column) and what is at
// its default is left out of a pin, because a view may have a thousand of them.
#include <limits>

#include "plugin/base/json.h"
#include "plugin/record/identity_json.h"
#include "plugin/record/store.h"
#include "plugin/record/words.h"

namespace pinscope::record {
namespace {

using model::PinnedObject;
using model::Record;
using model::RefusedPin;
using model::Rule;

// Rises when a field that is there gets another meaning; a new field does not need it.
constexpr uint64_t kFormat = 1;

// What serialising one pin and the rest take at most in the common case: saves growing the text.
constexpr size_t kBytesPerPin = 320;
constexpr size_t kBytesOfTheRest = 4096;

void write_rule(JsonWriter& json, const Rule& rule) {
  json.array()
      .value(rule.policy)
      .value(rule.place.file)
      .value(rule.place.line)
      .value(rule.place.column)
      .end();
}

void write_pin(JsonWriter& json, const PinnedObject& pin) {
  json.object()
      .field("name", pin.name)
      .field("source", pin.source)
      .field("access", model::name_of(pin.access))
      .field("kind", model::name_of(pin.kind))
      .field("type", pin.type)
      .field("object_id", pin.object_id)
      .field("uid", pin.uid)
      .field("gid", pin.gid)
      .field("mode", pin.mode);
  if (pin.skipped) json.field("skipped", true);
  json.key("rule");
  write_rule(json, pin.rule);
  json.end();
}

void write_refusal(JsonWriter& json, const RefusedPin& refusal) {
  json.object().field("source", refusal.source).field("name", refusal.name).key("granted_by");
  write_rule(json, refusal.granted_by);
  json.key("denied_by");
  write_rule(json, refusal.denied_by);
  json.end();
}

// Reading. Each reader names the place of what it could not use.

Result<JsonView> required(const JsonView& object, std::string_view key) {
  PINSCOPE_TRY(const auto found, object.find(key));
  if (!found)
    return std::unexpected(object.complaint("the field \"" + std::string(key) + "\" is missing"));
  return *found;
}

Result<std::string> read_string(const JsonView& object, std::string_view key) {
  PINSCOPE_TRY(const auto found, required(object, key));
  PINSCOPE_TRY(const auto text, found.as_string());
  return std::string(text);
}

Result<uint64_t> read_number(const JsonView& value, uint64_t largest) {
  PINSCOPE_TRY(const uint64_t number, value.as_unsigned());
  if (number > largest)
    return std::unexpected(value.complaint("larger than " + std::to_string(largest)));
  return number;
}

template <typename Number>
Result<Number> read_number(const JsonView& object, std::string_view key) {
  PINSCOPE_TRY(const auto found, required(object, key));
  PINSCOPE_TRY(const uint64_t number,
               read_number(found, static_cast<uint64_t>(std::numeric_limits<Number>::max())));
  return static_cast<Number>(number);
}

// A word of an enumeration: `find` gives its value or nothing.
template <typename Find>
auto read_word(const JsonView& object, std::string_view key, Find find)
    -> Result<typename decltype(find(std::string_view()))::value_type> {
  PINSCOPE_TRY(const auto found, required(object, key));
  PINSCOPE_TRY(const auto word, found.as_string());
  const auto value = find(word);
  if (!value) return std::unexpected(found.complaint("not a word that is known here"));
  return *value;
}

Result<Rule> read_rule(const JsonView& value) {
  constexpr size_t kFields = 4;
  PINSCOPE_TRY(const auto fields, value.elements());
  if (fields.size() < kFields)
    return std::unexpected(value.complaint("expected policy, file, line and column"));
  constexpr uint64_t kLargest = std::numeric_limits<uint32_t>::max();
  PINSCOPE_TRY(const auto policy, fields[0].as_string());
  PINSCOPE_TRY(const auto file, fields[1].as_string());
  PINSCOPE_TRY(const auto line, read_number(fields[2], kLargest));
  PINSCOPE_TRY(const auto column, read_number(fields[3], kLargest));
  return Rule{.policy = std::string(policy),
              .place = {.file = std::string(file),
                        .line = static_cast<uint32_t>(line),
                        .column = static_cast<uint32_t>(column)}};
}

Result<Rule> read_rule(const JsonView& object, std::string_view key) {
  PINSCOPE_TRY(const auto found, required(object, key));
  return read_rule(found);
}

Result<PinnedObject> read_pin(const JsonView& value) {
  PinnedObject pin;
  PINSCOPE_TRY(pin.name, read_string(value, "name"));
  PINSCOPE_TRY(pin.source, read_string(value, "source"));
  PINSCOPE_TRY(pin.access, read_word(value, "access", access_from_name));
  PINSCOPE_TRY(pin.kind, read_word(value, "kind", kind_from_name));
  PINSCOPE_TRY(pin.type, read_number<uint32_t>(value, "type"));
  PINSCOPE_TRY(pin.object_id, read_number<uint32_t>(value, "object_id"));
  PINSCOPE_TRY(pin.uid, read_number<uint32_t>(value, "uid"));
  PINSCOPE_TRY(pin.gid, read_number<uint32_t>(value, "gid"));
  PINSCOPE_TRY(pin.mode, read_number<uint32_t>(value, "mode"));
  PINSCOPE_TRY(pin.skipped, value.bool_or("skipped", false));
  PINSCOPE_TRY(pin.rule, read_rule(value, "rule"));
  return pin;
}

Result<RefusedPin> read_refusal(const JsonView& value) {
  RefusedPin refusal;
  PINSCOPE_TRY(refusal.source, read_string(value, "source"));
  PINSCOPE_TRY(refusal.name, read_string(value, "name"));
  PINSCOPE_TRY(refusal.granted_by, read_rule(value, "granted_by"));
  PINSCOPE_TRY(refusal.denied_by, read_rule(value, "denied_by"));
  return refusal;
}

template <typename T, typename Read>
Status read_all_into(std::vector<T>& target, const JsonView& object, std::string_view key,
                     Read read) {
  PINSCOPE_TRY(const auto list, required(object, key));
  PINSCOPE_TRY(const auto elements, list.elements());
  target.reserve(elements.size());
  for (const auto& element : elements) {
    PINSCOPE_TRY(auto item, read(element));
    target.push_back(std::move(item));
  }
  return {};
}

Status check_format(const JsonView& root) {
  PINSCOPE_TRY(const auto format, read_number<uint64_t>(root, "format"));
  if (format == kFormat) return {};
  return std::unexpected(
      root.complaint("record format " + std::to_string(format) + " is not known here")
          .hint("a newer pinscope wrote it"));
}

}  // namespace

std::string to_json(const Record& record) {
  JsonWriter json;
  json.reserve(kBytesOfTheRest + kBytesPerPin * (record.pins.size() + record.refusals.size()));
  json.object()
      .field("format", kFormat)
      .field("state", name_of(record.state))
      .field("id", record.id)
      .field("bundle", record.bundle)
      .field("rootfs", record.rootfs)
      .field("pid", record.pid)
      .field("process_start", record.process_start)
      .field("mount_namespace", record.mount_namespace)
      .field("engine", model::engine_name(record.engine))
      .key("identity");
  write_identity(json, record.identity);
  json.field("created_ns", record.created_ns)
      .field("version", record.version)
      .field("at", record.at)
      .field("layout", model::name_of(record.layout))
      .field("host_bpffs", model::name_of(record.host_bpffs));
  json.key("selected_by").array();
  for (const auto& rule : record.selected_by) write_rule(json, rule);
  json.end().key("pins").array();
  for (const auto& pin : record.pins) write_pin(json, pin);
  json.end().key("refusals").array();
  for (const auto& refusal : record.refusals) write_refusal(json, refusal);
  json.end().end();
  return json.take() + '\n';
}

Result<Record> from_json(std::string json, const std::string& name) {
  PINSCOPE_TRY(const auto document, JsonDocument::parse(std::move(json), name, ErrorCode::kRecord));
  const JsonView root = document.root();
  PINSCOPE_CHECK(check_format(root));
  Record record;
  PINSCOPE_TRY(record.state, read_word(root, "state", state_from_name));
  PINSCOPE_TRY(record.id, read_string(root, "id"));
  PINSCOPE_TRY(record.bundle, read_string(root, "bundle"));
  PINSCOPE_TRY(record.rootfs, read_string(root, "rootfs"));
  PINSCOPE_TRY(record.pid, read_number<pid_t>(root, "pid"));
  PINSCOPE_TRY(record.process_start, read_number<uint64_t>(root, "process_start"));
  PINSCOPE_TRY(record.mount_namespace, read_number<uint64_t>(root, "mount_namespace"));
  PINSCOPE_TRY(record.engine, read_word(root, "engine", engine_from_word));
  PINSCOPE_TRY(const auto identity, required(root, "identity"));
  PINSCOPE_TRY(record.identity, read_identity(identity));
  PINSCOPE_TRY(record.created_ns, read_number<uint64_t>(root, "created_ns"));
  PINSCOPE_TRY(record.version, read_string(root, "version"));
  PINSCOPE_TRY(record.at, read_string(root, "at"));
  PINSCOPE_TRY(record.layout, read_word(root, "layout", layout_from_name));
  PINSCOPE_TRY(record.host_bpffs, read_word(root, "host_bpffs", host_bpffs_from_name));
  PINSCOPE_CHECK(read_all_into(record.selected_by, root, "selected_by",
                               [](const JsonView& value) { return read_rule(value); }));
  PINSCOPE_CHECK(read_all_into(record.pins, root, "pins", read_pin));
  PINSCOPE_CHECK(read_all_into(record.refusals, root, "refusals", read_refusal));
  return record;
}

}  // namespace pinscope::record
