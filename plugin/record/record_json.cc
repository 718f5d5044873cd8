// One description of each struct, which the writer and the reader walk. A view may have a thousand
// pins and its record is written while the container waits: pins are rows below one list of column
// names, and rules stand once in a table that rows point into. Readers find a column by its name,
// so a newer version may add some.
#include "plugin/record/record_json.h"

#include <algorithm>
#include <concepts>
#include <limits>
#include <type_traits>

#include "plugin/base/text.h"
#include "plugin/json/json.h"
#include "plugin/model/words.h"
#include "plugin/record/delegation_json.h"
#include "plugin/record/identity_json.h"
#include "plugin/record/record_rows.h"
#include "plugin/record/words.h"

namespace pinscope::record {
namespace {

using model::Exception;
using model::PinnedObject;
using model::Record;
using model::RefusedPin;
using model::Rule;

// Rises when a field that is there gets another meaning; a new field does not need it.
constexpr uint64_t kFormat = 1;

// What one pin and the rest take in the common case: saves growing the text.
constexpr size_t kBytesPerPin = 96;
constexpr size_t kBytesOfTheRest = 4096;

// The column that older versions did not write: nothing is there.
constexpr std::string_view kNewColumn = "denied_as";

template <typename T>
concept Row = requires(T& row) {
  columns([](std::string_view, auto&) {}, row);
};

// Calls `visit` with the name and the member of every field, in the order of the text.
void fields(auto& visit, Of<Record> auto& record) {
  auto& given = record.given;
  visit("state", record.state);
  visit("id", given.id);
  visit("bundle", given.bundle);
  visit("rootfs", record.rootfs);
  visit("pid", given.pid);
  visit("process_start", record.process_start);
  visit("mount_namespace", record.mount_namespace);
  visit("engine", given.engine);
  visit("uid", given.uid);
  visit("identity", given.identity);
  visit("created_ns", record.created_ns);
  visit("version", record.version);
  visit("at", record.at);
  visit("layout", record.layout);
  visit("host_bpffs", record.host_bpffs);
  visit("delegation", given.delegation);
  visit("selected_by", given.selected_by);
  if (given.delegation) visit("delegated_by", given.delegation->rules);
  visit("pins", given.pins);
  visit("refusals", given.refusals);
  visit.revoked(given.refusals);
  visit("values_at", given.values_at);
  if (given.values_at) visit.shown("values", given.pins);
  visit.followed("followed_pins", given.pins);
  visit.optional("followed", record.followed);
  visit.unless("on_change", record.on_change, model::OnChange::kReport);
  visit.optional("instances", record.instances);
  visit.optional("beneath", record.beneath);
  visit.optional("unfinished", record.unfinished);
  visit("changed_ns", record.changed_ns);
  visit("changed_by", record.changed_by);
  visit.optional("exceptions", record.exceptions);
  visit.optional("hidden", given.hidden);
  visit.optional("void", given.bypasses);
}

class Writer {
 public:
  explicit Writer(JsonWriter& json) : json_(json) {}

  void operator()(std::string_view key, const auto& member) {
    json_.key(key);
    write(member);
  }
  template <typename T>
  void operator()(std::string_view key, const std::optional<T>& member) {
    if (member) (*this)(key, *member);
  }
  // Left out where it is empty.
  void optional(std::string_view key, const auto& list) {
    if (!list.empty()) (*this)(key, list);
  }

  // Left out where it is the usual one.
  void unless(std::string_view key, const auto& word, const auto& usual) {
    if (word != usual) (*this)(key, word);
  }

  void shown(std::string_view key, const std::vector<PinnedObject>& pins) {
    std::vector<ShownValues> rows;
    for (uint32_t i = 0; i < pins.size(); ++i)
      if (pins[i].grant.values) rows.push_back({i, pins[i].grant.pin, *pins[i].grant.values});
    (*this)(key, rows);
  }

  // Left out where none is.
  void followed(std::string_view key, const std::vector<PinnedObject>& pins) {
    std::vector<FollowedPin> rows;
    for (uint32_t i = 0; i < pins.size(); ++i)
      if (pins[i].grant.follow) rows.push_back({i, pins[i].grant.missing});
    optional(key, rows);
  }

  // What exceptions took away, as pins. Left out where none did.
  void revoked(const std::vector<RefusedPin>& refusals) {
    for (const auto& refusal : refusals)
      if (const auto& grant = refusal.grant) {
        auto& pin = revoked_.emplace_back(PinnedObject{*grant, {}, false});
        if (grant->object) pin.object.kind = grant->object->kind;
        if (grant->object) pin.object.id = grant->object->id;
      }
    if (revoked_.empty()) return;
    (*this)("revoked", revoked_);
    shown("revoked_values", revoked_);
    followed("revoked_followed", revoked_);
  }

  // What the fields have pointed into; the last of all.
  void write_rules() {
    json_.key("rules").array();
    for (const Rule* rule : rules_)
      json_.array()
          .value(rule->policy)
          .value(rule->place.file)
          .value(rule->place.line)
          .value(rule->place.column)
          .end();
    json_.end();
  }

 private:
  void write(const auto& scalar) { json_.value(scalar); }
  template <typename Enum>
  requires std::is_enum_v<Enum>
  void write(const Enum& word) { json_.value(name_of(word)); }
  void write(const model::Engine& engine) { json_.value(model::engine_name(engine)); }
  void write(const model::Identity& identity) { write_identity(json_, identity); }
  void write(const model::Delegation& delegation) { write_delegation(json_, delegation); }

  // The user, and whom they logged in as, if that is known.
  void write(const model::Caller& caller) {
    json_.array().value(caller.uid);
    if (caller.login_uid) json_.value(*caller.login_uid);
    json_.end();
  }

  // Pins of one grant follow each other, so the last rule is the one to compare with; one that
  // comes again later appears twice.
  void write(const Rule& rule) {
    if (rules_.empty() || *rules_.back() != rule) rules_.push_back(&rule);
    json_.value(uint64_t{rules_.size() - 1});
  }

  template <typename T>
  void write(const std::vector<T>& list) {
    json_.array();
    for (const T& entry : list) write(entry);
    json_.end();
  }

  template <Row T>
  void write(const std::vector<T>& rows) {
    json_.object().key("columns").array();
    const T any;
    columns([&](std::string_view name, const auto&) { json_.value(name); }, any);
    json_.end().key("rows").array();
    for (const T& row : rows) {
      json_.array();
      columns([&](std::string_view, const auto& member) { write(member); }, row);
      json_.end();
    }
    json_.end().end();
  }

  JsonWriter& json_;
  std::vector<PinnedObject> revoked_;
  std::vector<const Rule*> rules_;  // of the record, which outlives the writer, and of revoked_
};

// Keeps the first error, which names the place of what it could not use; from there on it reads
// nothing.
class Reader {
 public:
  explicit Reader(const JsonView& object) : object_(object) {}

  template <typename T>
  void operator()(std::string_view key, T& member) {
    if (const auto found = required(object_, key)) read(*found, member);
  }
  template <typename T>
  void operator()(std::string_view key, std::optional<T>& member) {
    if (const auto found = find(object_, key)) read(*found, member.emplace());
  }
  void optional(std::string_view key, auto& list) {
    if (const auto found = find(object_, key)) read(*found, list);
  }
  void unless(std::string_view key, auto& word, const auto& /*usual*/) { optional(key, word); }

  void shown(std::string_view key, std::vector<PinnedObject>& pins) {
    of_pins<ShownValues>(required(object_, key), pins,
                         [](model::GrantedPin& grant, const ShownValues& row) {
                           grant.pin = row.pinned;
                           grant.values = row.values;
                         });
  }
  void followed(std::string_view key, std::vector<PinnedObject>& pins) {
    of_pins<FollowedPin>(find(object_, key), pins,
                         [](model::GrantedPin& grant, const FollowedPin& row) {
                           grant.follow = true;
                           grant.missing = row.missing;
                         });
  }

  void revoked(std::vector<RefusedPin>& refusals) {
    const auto table = find(object_, "revoked");
    if (!table) return;
    std::vector<PinnedObject> pins;
    read(*table, pins);
    shown("revoked_values", pins);
    followed("revoked_followed", pins);
    for (auto& pin : pins) {
      const auto refusal = std::ranges::find_if(refusals, [&](const RefusedPin& one) {
        return one.source == pin.grant.source && one.name == pin.grant.name;
      });
      if (refusal == refusals.end()) return fail(*table, "there is no such refusal");
      refusal->grant = std::move(pin.grant);
      if (pin.object.id != 0) refusal->grant->object = pin.object.identity();
    }
  }

  // What the fields point into; the first of all.
  void read_rules() {
    const auto table = required(object_, "rules");
    if (!table) return;
    for (const auto& entry : elements(*table)) {
      const auto values = elements(entry);
      if (values.size() < 4) return fail(entry, "expected policy, file, line and column");
      Rule& rule = rules_.emplace_back();
      read(values[0], rule.policy);
      read(values[1], rule.place.file);
      read(values[2], rule.place.line);
      read(values[3], rule.place.column);
    }
  }

  [[nodiscard]] const Status& status() const { return status_; }

 private:
  void fail(const JsonView& place, std::string reason) {
    if (status_) status_ = std::unexpected(place.make_error(std::move(reason)));
  }

  // The value, or its default where there is an error.
  template <typename T>
  T take(Result<T> result) {
    if (result) return *std::move(result);
    if (status_) status_ = std::unexpected(std::move(result).error());
    return {};
  }

  std::optional<JsonView> find(const JsonView& object, std::string_view key) {
    return status_ ? take(object.find(key)) : std::nullopt;
  }
  std::optional<JsonView> required(const JsonView& object, std::string_view key) {
    auto found = find(object, key);
    if (!found) fail(object, "the field " + quoted(key) + " is missing");
    return found;
  }
  std::vector<JsonView> elements(const JsonView& list) { return take(list.elements()); }
  std::vector<JsonView> list_in(const JsonView& object, std::string_view key) {
    const auto list = required(object, key);
    return list ? elements(*list) : std::vector<JsonView>();
  }

  // Rows that say something of the pins at their places.
  template <typename T>
  void of_pins(const std::optional<JsonView>& table, std::vector<PinnedObject>& pins,
               const auto& take_over) {
    if (!table) return;
    std::vector<T> rows;
    read(*table, rows);
    for (const T& row : rows) {
      if (row.pin >= pins.size()) return fail(*table, "there is no such pin");
      take_over(pins[row.pin].grant, row);
    }
  }

  uint64_t number_up_to(uint64_t largest, const JsonView& value) {
    const uint64_t number = take(value.as_unsigned());
    if (number <= largest) return number;
    fail(value, "larger than " + std::to_string(largest));
    return 0;
  }

  void read(const JsonView& value, std::string& text) { text = take(value.as_string()); }
  void read(const JsonView& value, bool& flag) { flag = take(value.as_bool()); }
  template <std::integral Number>
  void read(const JsonView& value, Number& number) {
    constexpr auto kLargest = static_cast<uint64_t>(std::numeric_limits<Number>::max());
    number = static_cast<Number>(number_up_to(kLargest, value));
  }
  template <typename Enum>
  requires std::is_enum_v<Enum>
  void read(const JsonView& value, Enum& word) {
    const auto found =
        model::value_named<Enum>(take(value.as_string()), [](Enum one) { return name_of(one); });
    if (!found) return fail(value, "not a word that is known here");
    word = *found;
  }
  void read(const JsonView& value, model::Engine& engine) {
    const std::string name(take(value.as_string()));
    const auto known = model::engine_from_name(name);
    if (!known && !name.empty()) return fail(value, "not a word that is known here");
    engine = known.value_or(model::Engine::kUnknown);
  }
  void read(const JsonView& value, model::Identity& identity) {
    identity = take(read_identity(value));
  }
  void read(const JsonView& value, model::Delegation& delegation) {
    delegation = take(read_delegation(value));
  }
  void read(const JsonView& value, model::Caller& caller) {
    const auto users = elements(value);
    if (users.empty()) return fail(value, "expected a user");
    read(users[0], caller.uid);
    if (users.size() > 1) read(users[1], caller.login_uid.emplace());
  }
  void read(const JsonView& value, Rule& rule) {
    const uint64_t index = take(value.as_unsigned());
    if (index >= rules_.size()) return fail(value, "there is no such rule");
    rule = rules_[index];
  }

  template <typename T>
  void read(const JsonView& value, std::vector<T>& list) {
    for (const auto& entry : elements(value)) read(entry, list.emplace_back());
  }

  // Of the columns that are wanted, in their order: where they stand in `names`, or the number of
  // names for one that need not be there.
  template <Row T>
  std::vector<size_t> positions(const JsonView& table, const std::vector<JsonView>& names) {
    std::vector<size_t> found;
    const T any;
    columns([&](std::string_view wanted,
                const auto&) { found.push_back(position(table, names, wanted)); },
            any);
    return found;
  }
  size_t position(const JsonView& table, const std::vector<JsonView>& names,
                  std::string_view wanted) {
    size_t at = 0;
    while (at < names.size() && take(names[at].as_string()) != wanted) ++at;
    if (at == names.size() && wanted != kNewColumn)
      fail(table, "the column " + quoted(wanted) + " is missing");
    return at;
  }

  template <Row T>
  void read(const JsonView& table, std::vector<T>& rows) {
    const auto names = list_in(table, "columns");
    const auto at = positions<T>(table, names);
    for (const auto& entry : list_in(table, "rows")) {
      const auto values = elements(entry);
      if (values.size() < names.size()) fail(entry, "the row is shorter than the columns");
      if (!status_) return;
      auto next = at.begin();
      columns(
          [&](std::string_view, auto& member) {
            if (const size_t column = *next++; column < names.size()) read(values[column], member);
          },
          rows.emplace_back());
    }
  }

  JsonView object_;
  std::vector<Rule> rules_;
  Status status_;
};

Status check_format(const JsonView& root) {
  PINSCOPE_TRY(const auto format, root.find("format"));
  if (!format) return std::unexpected(root.make_error("the field \"format\" is missing"));
  PINSCOPE_TRY(const uint64_t number, format->as_unsigned());
  if (number == kFormat) return {};
  return std::unexpected(
      root.make_error("record format " + std::to_string(number) + " is not known here")
          .hint("a newer pinscope wrote it"));
}

}  // namespace

std::string to_json(const Record& record) {
  JsonWriter json;
  json.reserve(kBytesOfTheRest +
               kBytesPerPin * (record.given.pins.size() + record.given.refusals.size()));
  json.object().field("format", kFormat);
  Writer writer(json);
  fields(writer, record);
  writer.write_rules();
  json.end();
  return json.take() + '\n';
}

// A start reads a record only where an earlier one of its container is left.
[[gnu::cold]] Result<Record> from_json(std::string json, const std::string& name) {
  PINSCOPE_TRY(const auto document, JsonDocument::parse(std::move(json), name, ErrorCode::kRecord));
  PINSCOPE_CHECK(check_format(document.root()));
  Record record;
  Reader reader(document.root());
  reader.read_rules();
  fields(reader, record);
  PINSCOPE_CHECK(reader.status());
  return record;
}

}  // namespace pinscope::record
