#include "plugin/values/types/shape.h"

#include <algorithm>
#include <array>
#include <expected>
#include <functional>

#include "plugin/base/text.h"
#include "plugin/json/json.h"
#include "plugin/model/bpf_names.h"
#include "plugin/values/types/btf_source.h"
#include "plugin/values/types/builtin.h"
#include "plugin/values/types/classify.h"
#include "plugin/values/types/compile.h"
#include "plugin/values/types/leaves.h"
#include "plugin/values/types/parse_key.h"
#include "plugin/values/types/print.h"
#include "plugin/values/types/schema.h"

namespace pinscope::values {
namespace {

constexpr uint32_t kLpmTrie = 11;
constexpr uint32_t kMaxSize = 1U << 30U;
constexpr size_t kStyles = 3;
constexpr const char* kNoTypes = "there are no types for it";
constexpr std::array kAllStyles = {Style::kJson, Style::kText, Style::kCsv};

// The programs of a key or a value, in each style.
struct Side {
  std::array<Program, kStyles> programs;
  std::vector<std::string> columns;
  std::string name;  // of the type in C; empty: none
  std::string why;   // it is shown in hexadecimal
  uint32_t bytes = 0;

  [[nodiscard]] const Program& in(Style style) const {
    return programs[static_cast<size_t>(style)];
  }
};

using Compilation = std::expected<Compiled, std::string>;

// Why not; empty if it was done.
std::string fill(Side& side, const std::function<Compilation(Style style)>& compile_in) {
  for (const Style style : kAllStyles) {
    Compilation made = compile_in(style);
    if (!made) return std::move(made).error();
    side.programs[static_cast<size_t>(style)] = std::move(made->program);
    if (style == Style::kCsv) side.columns = std::move(made->columns);
  }
  return {};
}

Compilation builtin(std::optional<Compiled> made) {
  if (made) return *std::move(made);
  return std::unexpected(kNoTypes);
}

void fill_with_hex(Side& side, const std::string& column) {
  fill(side, [&](Style style) { return Compilation(hex_program(side.bytes, style, column)); });
}

Style style_of(model::ValueForm form) {
  return form == model::ValueForm::kJson ? Style::kJson : Style::kText;
}

std::string_view characters(Bytes bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

void print_side(Sink& out, const Side& side, Style style, Bytes bytes, Cpus cpus = {}) {
  const Program& program = side.in(style);
  const size_t needed = program.bytes + (cpus.count - 1) * cpus.stride;
  if (bytes.size() >= needed) return print(out, program, bytes, cpus);
  if (style == Style::kJson) out.append('"');
  print_hex(out, bytes);
  if (style == Style::kJson) out.append('"');
}

}  // namespace

struct Shape::State {
  MapFacts facts;
  bool per_cpu = false;
  Side key;
  Side value;
  KeyLeaves leaves;
  std::string definitions;
  std::string why;

  // What a btf can say of both.
  struct Types {
    const btf* types = nullptr;
    uint32_t key = 0;
    uint32_t value = 0;
    bool checked = true;  // by the kernel
  };

  explicit State(const MapFacts& of) : facts(of), per_cpu(is_per_cpu(of.type)) {
    key.bytes = of.key_size;
    value.bytes = of.value_size;
  }

  void compile_key(const Types& types);
  void compile_value(const Types& types);
  void define(const Types& types);
  void explain(const std::string& no_types);
  static std::shared_ptr<const State> made(const MapFacts& facts, const Types& types,
                                           const std::string& no_types);

  void print_value(Sink& out, Style style, Bytes bytes) const;
};

void Shape::State::compile_key(const Types& types) {
  key.why = kNoTypes;
  if (types.types != nullptr && types.key != 0 && key.bytes > 0) {
    CompileRequest request{types.types, types.key, key.bytes, true, false, Style::kJson, "key"};
    request.prefix = facts.type == kLpmTrie && is_prefix(types.types, types.key, key.bytes);
    key.why = fill(key, [&](Style style) {
      request.style = style;
      return compile(request);
    });
    if (key.why.empty()) {
      if (types.checked) key.name = c_name(types.types, types.key);
      leaves = leaves_of(types.types, types.key, key.bytes, request.prefix);
      return;
    }
  }
  if (fill(key, [&](Style style) { return builtin(builtin_key(facts, style)); }).empty()) {
    key.why.clear();
    leaves = builtin_leaves(facts);
    return;
  }
  fill_with_hex(key, "key");
}

void Shape::State::compile_value(const Types& types) {
  if (fill(value, [&](Style style) { return builtin(builtin_value(facts, style)); }).empty())
    return;
  value.why = kNoTypes;
  if (types.types != nullptr && types.value != 0) {
    CompileRequest request{types.types, types.value,  value.bytes, false,
                           false,       Style::kJson, "value"};
    value.why = fill(value, [&](Style style) {
      request.style = style;
      return compile(request);
    });
    if (value.why.empty()) {
      if (types.checked) value.name = c_name(types.types, types.value);
      return;
    }
  }
  fill_with_hex(value, "value");
}

void Shape::State::define(const Types& types) {
  if (types.types == nullptr || !types.checked) return;
  std::vector<uint32_t> ids = {types.key};
  const Peeled peeled = peel(types.types, types.value);
  if (peeled.type != nullptr && btf_is_datasec(peeled.type)) {
    const btf_var_secinfo* variable = btf_var_secinfos(peeled.type);
    for (uint32_t i = 0; i < btf_vlen(peeled.type); ++i) ids.push_back(variable[i].type);
  } else {
    ids.push_back(types.value);
  }
  definitions = c_definitions(types.types, ids);
}

void Shape::State::explain(const std::string& no_types) {
  const bool both = !key.why.empty() && !value.why.empty();
  if (!no_types.empty() && (!key.why.empty() || !value.why.empty())) {
    why = "shown in hexadecimal: " + no_types;
  } else if (both && key.why == value.why) {
    why = "key and value are shown in hexadecimal: " + key.why;
  } else {
    if (!key.why.empty()) why = "the key is shown in hexadecimal: " + key.why;
    if (!value.why.empty())
      why +=
          std::string(why.empty() ? "" : "; ") + "the value is shown in hexadecimal: " + value.why;
  }
}

std::shared_ptr<const Shape::State> Shape::State::made(const MapFacts& facts, const Types& types,
                                                       const std::string& no_types) {
  auto state = std::make_shared<State>(facts);
  state->compile_key(types);
  state->compile_value(types);
  if (facts.key_size == 0) {
    state->key.why.clear();
    state->key.columns.clear();
  }
  if (facts.value_size == 0) state->value.why.clear();
  state->define(types);
  state->explain(no_types);
  return state;
}

void Shape::State::print_value(Sink& out, Style style, Bytes bytes) const {
  if (!per_cpu) return print_side(out, value, style, bytes);
  const size_t stride = value_stride(facts);
  const auto cpus =
      static_cast<uint32_t>(std::max<size_t>(1, stride == 0 ? 1 : bytes.size() / stride));
  const bool json = style == Style::kJson;
  out.append(json ? R"({"cpus":[)" : "{cpus=[");
  for (uint32_t cpu = 0; cpu < cpus; ++cpu) {
    if (cpu > 0) out.append(json ? ',' : ' ');
    print_side(out, value, style, bytes.subspan(std::min(bytes.size(), cpu * stride)));
  }
  out.append(json ? R"(],"sum":)" : "] sum=");
  print_side(out, value, style, bytes, {cpus, stride});
  out.append('}');
}

Result<Shape> Shape::of_btf(const MapFacts& facts, Bytes btf, bool checked_by_kernel) {
  if (facts.key_size > kMaxSize || facts.value_size > kMaxSize)
    return std::unexpected(Error(ErrorCode::kInternal, "show the entries of a map")
                               .reason("its keys or values have over a gigabyte"));
  auto types = parse_btf(btf);
  if (!types) return Shape(State::made(facts, {}, types.error().sentence()));
  return Shape(State::made(
      facts, {types->get(), facts.btf_key_type_id, facts.btf_value_type_id, checked_by_kernel},
      ""));
}

Result<Shape> Shape::of_map(const MapFacts& facts, int btf_fd) {
  if (facts.btf_vmlinux_value_type_id != 0) {
    const auto types = kernel_btf();
    if (!types) return Shape(State::made(facts, {}, types.error().sentence()));
    return Shape(State::made(facts, {types->get(), 0, facts.btf_vmlinux_value_type_id}, ""));
  }
  if (btf_fd < 0) return hexadecimal(facts);
  const auto bytes = btf_bytes(btf_fd);
  if (!bytes) return Shape(State::made(facts, {}, bytes.error().sentence()));
  return of_btf(facts, *bytes);
}

Shape Shape::hexadecimal(const MapFacts& facts) {
  return Shape(State::made(facts, {}, "the map was made without types (BTF)"));
}

void Shape::append_key(std::string& out, model::ValueForm form, Bytes key) const {
  if (form == model::ValueForm::kRaw) {
    out += characters(key);
    return;
  }
  Sink sink(out);
  print_side(sink, state_->key, style_of(form), key);
}

void Shape::append_value(std::string& out, model::ValueForm form, Bytes value) const {
  if (form == model::ValueForm::kRaw) {
    out += characters(value);
    return;
  }
  Sink sink(out);
  state_->print_value(sink, style_of(form), value);
}

void Shape::append_entry(std::string& out, model::ValueForm form, Bytes key, Bytes value) const {
  if (form == model::ValueForm::kRaw) {
    out += characters(key);
    out += characters(value);
    return;
  }
  const bool json = form == model::ValueForm::kJson;
  const Style style = style_of(form);
  Sink sink(out);
  if (key.empty()) {
    if (json) sink.append(R"({"value":)");
  } else {
    if (json) sink.append(R"({"key":)");
    print_side(sink, state_->key, style, key);
    sink.append(json ? R"(,"value":)" : "  ");
  }
  state_->print_value(sink, style, value);
  sink.append(json ? "}\n" : "\n");
}

std::string Shape::csv_header() const {
  std::vector<std::string> columns = state_->key.columns;
  if (state_->per_cpu) columns.emplace_back("cpu");
  columns.insert(columns.end(), state_->value.columns.begin(), state_->value.columns.end());
  return joined(columns, ",") + "\n";
}

void Shape::append_csv(std::string& out, Bytes key, Bytes value) const {
  Sink sink(out);
  const size_t stride = value_stride(state_->facts);
  const auto cpus =
      static_cast<uint32_t>(state_->per_cpu && stride > 0 ? value.size() / stride : 0);
  for (uint32_t row = 0; row <= cpus; ++row) {
    if (!key.empty()) {
      print_side(sink, state_->key, Style::kCsv, key);
      if (!state_->key.columns.empty()) sink.append(',');
    }
    const bool sum = row == cpus;
    if (state_->per_cpu) {
      if (sum)
        sink.append("sum");
      else
        sink.append_number(row);
      sink.append(',');
    }
    if (sum && state_->per_cpu)
      print_side(sink, state_->value, Style::kCsv, value, {std::max(1U, cpus), stride});
    else
      print_side(sink, state_->value, Style::kCsv,
                 value.subspan(row * stride * (cpus > 0 ? 1 : 0)));
    sink.append('\n');
  }
}

Result<std::vector<std::byte>> Shape::parse_key(std::string_view text) const {
  const State& state = *state_;
  if (text.empty() && state.facts.key_size > 0)
    return std::unexpected(Error(ErrorCode::kUsage, "read the key").reason("the key is empty"));
  Result<std::vector<std::byte>> key =
      text.starts_with("hex:") || state.leaves.empty()
          ? parse_hex_key(text, state.facts.key_size)
          : parse_leaves(text, state.leaves, state.facts.key_size, state.key.in(Style::kJson));
  if (key) return key;
  std::string example;
  append_key(example, model::ValueForm::kText, std::vector<std::byte>(state.facts.key_size));
  return std::unexpected(
      std::move(key).error().hint("a key looks like " + example + ", or hex: and its bytes"));
}

std::string Shape::schema(bool json) const {
  const State& state = *state_;
  const MapFacts& facts = state.facts;
  if (json) {
    JsonWriter out;
    out.object().field("name", facts.name).field("type", model::map_type_name(facts.type));
    out.field("maxEntries", facts.max_entries);
    for (const auto& [word, side] :
         {std::pair{"key", &state.key}, std::pair{"value", &state.value}}) {
      out.key(word).object().field("bytes", side->bytes);
      if (!side->name.empty()) out.field("type", side->name);
      if (!side->why.empty()) out.field("hexadecimal", side->why);
      out.end();
    }
    if (!state.definitions.empty()) out.field("definitions", state.definitions);
    return out.end().take() + "\n";
  }
  std::string out = "// map " + quoted(facts.name) + ": " + model::map_type_name(facts.type) +
                    ", " + count_of(facts.max_entries, "entry", "entries") + " at most\n";
  for (const auto& [word, side] :
       {std::pair{"key", &state.key}, std::pair{"value", &state.value}}) {
    out += std::string("// ") + word + ": " + count_of(side->bytes, "byte", "bytes");
    if (state.per_cpu && side == &state.value) out += " for each CPU";
    if (!side->name.empty()) out += ", " + one_line(side->name);
    out += "\n";
  }
  if (!state.why.empty()) out += "// " + one_line(state.why) + "\n";
  if (!state.definitions.empty()) out += "\n" + for_terminal(state.definitions);
  return out;
}

const std::string& Shape::why() const {
  return state_->why;
}
const KeyLeaves& Shape::key_leaves() const {
  return state_->leaves;
}
const MapFacts& Shape::facts() const {
  return state_->facts;
}

}  // namespace pinscope::values
