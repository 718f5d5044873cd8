#include "plugin/base/json.h"

#define RAPIDJSON_HAS_STDSTRING 0
#include <rapidjson/document.h>
#include <rapidjson/error/en.h>
#include <rapidjson/prettywriter.h>
#include <rapidjson/stringbuffer.h>
#include <rapidjson/writer.h>

#include <algorithm>
#include <variant>

#include "plugin/base/text.h"

namespace pinscope {
namespace {

using Value = rapidjson::Value;

const Value& as_value(const void* value) {
  return *static_cast<const Value*>(value);
}

std::string_view text_of(const Value& value) {
  return {value.GetString(), value.GetStringLength()};
}

// Line and column (from 1) of a byte offset, for a syntax error.
std::string place_of(std::string_view text, size_t offset) {
  const auto before = text.substr(0, std::min(offset, text.size()));
  const auto line = std::count(before.begin(), before.end(), '\n') + 1;
  const size_t newline = before.rfind('\n');
  const size_t column = before.size() - (newline == std::string_view::npos ? 0 : newline + 1) + 1;
  return std::to_string(line) + ":" + std::to_string(column);
}

}  // namespace

struct JsonDocument::State {
  std::string name;
  ErrorCode code;
  std::string text;  // parsed in place: the values point into it
  rapidjson::Document document;
};

JsonDocument::JsonDocument(std::unique_ptr<State> state) : state_(std::move(state)) {
}
JsonDocument::JsonDocument(JsonDocument&&) noexcept = default;
JsonDocument& JsonDocument::operator=(JsonDocument&&) noexcept = default;
JsonDocument::~JsonDocument() = default;

Result<JsonDocument> JsonDocument::parse(std::string text, std::string name, ErrorCode code) {
  constexpr unsigned kFlags = rapidjson::kParseInsituFlag | rapidjson::kParseIterativeFlag |
                              rapidjson::kParseValidateEncodingFlag |
                              rapidjson::kParseFullPrecisionFlag;
  auto state = std::make_unique<State>();
  state->name = std::move(name);
  state->code = code;
  state->text = std::move(text);
  const bool has_nul = state->text.find('\0') != std::string::npos;
  if (!has_nul) state->document.ParseInsitu<kFlags>(state->text.data());
  if (has_nul || state->document.HasParseError()) {
    // In-place parsing has changed the text before the offset, but not its newlines outside
    // strings.
    const size_t offset = has_nul ? state->text.find('\0') : state->document.GetErrorOffset();
    const char* reason = has_nul ? "it contains a NUL byte"
                                 : rapidjson::GetParseError_En(state->document.GetParseError());
    std::string sentence(reason);
    if (sentence.ends_with('.')) sentence.pop_back();
    return std::unexpected(Error(code, "read " + quoted(state->name))
                               .reason(place_of(state->text, offset) + ": " + sentence));
  }
  return JsonDocument(std::move(state));
}

JsonView JsonDocument::root() const {
  return {this, &state_->document, ""};
}
const std::string& JsonDocument::name() const {
  return state_->name;
}
ErrorCode JsonDocument::code() const {
  return state_->code;
}

bool JsonView::is_object() const {
  return as_value(value_).IsObject();
}
bool JsonView::is_array() const {
  return as_value(value_).IsArray();
}
bool JsonView::is_string() const {
  return as_value(value_).IsString();
}
bool JsonView::is_null() const {
  return as_value(value_).IsNull();
}

Error JsonView::complaint(std::string reason) const {
  return Error(document_->code(), "read " + quoted(document_->name()))
      .reason((path_.empty() ? "/" : path_) + ": " + std::move(reason));
}

Result<std::optional<JsonView>> JsonView::find(std::string_view key) const {
  if (!is_object()) return std::unexpected(complaint("expected an object"));
  const Value* found = nullptr;
  for (const auto& member : as_value(value_).GetObject()) {
    if (text_of(member.name) != key) continue;
    if (found != nullptr)
      return std::unexpected(complaint("the key " + quoted(key) + " stands twice"));
    found = &member.value;
  }
  if (found == nullptr || found->IsNull()) return std::nullopt;
  return JsonView(document_, found, path_ + "/" + std::string(key));
}

Result<std::vector<std::pair<std::string_view, JsonView>>> JsonView::members() const {
  if (!is_object()) return std::unexpected(complaint("expected an object"));
  std::vector<std::pair<std::string_view, JsonView>> all;
  std::vector<std::string_view> names;
  for (const auto& member : as_value(value_).GetObject()) {
    const auto name = text_of(member.name);
    if (name.find('\0') != std::string_view::npos)
      return std::unexpected(complaint("a key contains a NUL"));
    names.push_back(name);
    all.emplace_back(name, JsonView(document_, &member.value, path_ + "/" + std::string(name)));
  }
  std::sort(names.begin(), names.end());
  if (const auto twice = std::adjacent_find(names.begin(), names.end()); twice != names.end())
    return std::unexpected(complaint("the key " + quoted(*twice) + " stands twice"));
  return all;
}

Result<std::vector<JsonView>> JsonView::elements() const {
  if (!is_array()) return std::unexpected(complaint("expected an array"));
  std::vector<JsonView> all;
  for (const auto& element : as_value(value_).GetArray())
    all.push_back(JsonView(document_, &element, path_ + "/" + std::to_string(all.size())));
  return all;
}

Result<std::string_view> JsonView::as_string() const {
  if (!is_string()) return std::unexpected(complaint("expected a string"));
  const auto text = text_of(as_value(value_));
  if (text.find('\0') != std::string_view::npos)
    return std::unexpected(complaint("the string contains a NUL"));
  return text;
}

Result<uint64_t> JsonView::as_unsigned() const {
  if (!as_value(value_).IsUint64())
    return std::unexpected(complaint("expected a whole number that is not negative"));
  return as_value(value_).GetUint64();
}

Result<int64_t> JsonView::as_signed() const {
  if (!as_value(value_).IsInt64()) return std::unexpected(complaint("expected a whole number"));
  return as_value(value_).GetInt64();
}

Result<bool> JsonView::as_bool() const {
  if (!as_value(value_).IsBool()) return std::unexpected(complaint("expected true or false"));
  return as_value(value_).GetBool();
}

Result<std::string> JsonView::string_or(std::string_view key, std::string_view missing) const {
  PINSCOPE_TRY(const auto found, find(key));
  if (!found) return std::string(missing);
  PINSCOPE_TRY(const auto text, found->as_string());
  return std::string(text);
}

Result<uint64_t> JsonView::unsigned_or(std::string_view key, uint64_t missing) const {
  PINSCOPE_TRY(const auto found, find(key));
  if (!found) return missing;
  return found->as_unsigned();
}

Result<bool> JsonView::bool_or(std::string_view key, bool missing) const {
  PINSCOPE_TRY(const auto found, find(key));
  if (!found) return missing;
  return found->as_bool();
}

namespace {

using Compact = rapidjson::Writer<rapidjson::StringBuffer>;
using Pretty = rapidjson::PrettyWriter<rapidjson::StringBuffer>;

// Length of the UTF-8 sequence at the start of `text`, or 0 if it is not one.
size_t utf8_length(std::string_view text) {
  const auto byte = [&](size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned char lead = byte(0);
  if (lead < 0x80) return 1;
  const size_t length = lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : 2;
  if (lead < 0xc2 || lead > 0xf4 || text.size() < length) return 0;
  for (size_t i = 1; i < length; ++i)
    if ((byte(i) & 0xc0) != 0x80) return 0;
  if (lead == 0xe0 && byte(1) < 0xa0) return 0;  // overlong
  if (lead == 0xed && byte(1) > 0x9f) return 0;  // surrogate
  if (lead == 0xf0 && byte(1) < 0x90) return 0;  // overlong
  if (lead == 0xf4 && byte(1) > 0x8f) return 0;  // beyond U+10FFFF
  return length;
}

bool is_plain_ascii(std::string_view text) {
  return std::all_of(text.begin(), text.end(),
                     [](char byte) { return static_cast<unsigned char>(byte) < 0x80; });
}

std::string as_utf8(std::string_view text) {
  std::string valid;
  while (!text.empty()) {
    const size_t length = utf8_length(text);
    if (length == 0) {
      valid += "\xef\xbf\xbd";
      text.remove_prefix(1);
    } else {
      valid += text.substr(0, length);
      text.remove_prefix(length);
    }
  }
  return valid;
}

}  // namespace

struct JsonWriter::State {
  rapidjson::StringBuffer buffer;
  std::variant<std::monostate, Compact, Pretty> writer;
  std::vector<bool> open;  // true for an object, false for an array

  template <typename Action>
  void write(Action action) {
    if (auto* compact = std::get_if<Compact>(&writer)) action(*compact);
    if (auto* pretty = std::get_if<Pretty>(&writer)) action(*pretty);
  }
};

JsonWriter::JsonWriter(Style style) : state_(std::make_unique<State>()) {
  if (style == Style::kCompact) {
    state_->writer.emplace<Compact>(state_->buffer);
  } else {
    state_->writer.emplace<Pretty>(state_->buffer).SetIndent(' ', 2);
  }
}
JsonWriter::JsonWriter(JsonWriter&&) noexcept = default;
JsonWriter& JsonWriter::operator=(JsonWriter&&) noexcept = default;
JsonWriter::~JsonWriter() = default;

JsonWriter& JsonWriter::object() {
  state_->write([](auto& writer) { writer.StartObject(); });
  state_->open.push_back(true);
  return *this;
}

JsonWriter& JsonWriter::array() {
  state_->write([](auto& writer) { writer.StartArray(); });
  state_->open.push_back(false);
  return *this;
}

JsonWriter& JsonWriter::end() {
  const bool is_object = state_->open.back();
  state_->open.pop_back();
  state_->write([&](auto& writer) { is_object ? writer.EndObject() : writer.EndArray(); });
  return *this;
}

JsonWriter& JsonWriter::key(std::string_view name) {
  return value(name);
}

JsonWriter& JsonWriter::value(std::string_view text) {
  if (is_plain_ascii(text)) {
    state_->write([&](auto& writer) {
      writer.String(text.data(), static_cast<rapidjson::SizeType>(text.size()));
    });
  } else {
    const std::string valid = as_utf8(text);
    state_->write([&](auto& writer) {
      writer.String(valid.data(), static_cast<rapidjson::SizeType>(valid.size()));
    });
  }
  return *this;
}

JsonWriter& JsonWriter::value(bool flag) {
  state_->write([&](auto& writer) { writer.Bool(flag); });
  return *this;
}

JsonWriter& JsonWriter::value(uint64_t number) {
  state_->write([&](auto& writer) { writer.Uint64(number); });
  return *this;
}

JsonWriter& JsonWriter::value(int64_t number) {
  state_->write([&](auto& writer) { writer.Int64(number); });
  return *this;
}

JsonWriter& JsonWriter::null() {
  state_->write([](auto& writer) { writer.Null(); });
  return *this;
}

std::string_view JsonWriter::text() const {
  return {state_->buffer.GetString(), state_->buffer.GetSize()};
}

}  // namespace pinscope
