#include "plugin/json/json.h"

#define RAPIDJSON_HAS_STDSTRING 0
#include <rapidjson/document.h>
#include <rapidjson/error/en.h>

#include <algorithm>

#include "plugin/base/text.h"
#include "plugin/json/syntax.h"

namespace pinscope {
namespace {

using Value = rapidjson::Value;

const Value& as_value(const void* value) {
  return *static_cast<const Value*>(value);
}

std::string_view text_of(const Value& value) {
  return {value.GetString(), value.GetStringLength()};
}

// "/linux/namespaces/0/type": where `wanted` is below `root`, "/" for `root` itself. Walks the tree
// without recursion, because its depth is up to whoever wrote the text; a place that is deeper than
// a person would read ends with an ellipsis.
std::string path_to(const Value& root, const Value& wanted) {
  constexpr size_t kLongestPath = 500;
  struct Level {
    const Value* value;
    rapidjson::SizeType next = 0;
  };
  std::vector<Level> levels;
  levels.push_back({&root});
  while (!levels.empty() && levels.back().value != &wanted) {
    auto& [value, next] = levels.back();
    if (value->IsArray() && next < value->Size()) {
      levels.push_back({&(*value)[next++]});
    } else if (value->IsObject() && next < value->MemberCount()) {
      levels.push_back({&(value->MemberBegin() + next++)->value});
    } else {
      levels.pop_back();
    }
  }
  std::string path;
  for (const auto& [value, next] : levels) {
    if (next == 0) break;  // `wanted` itself, whose children were not looked at
    path += '/';
    path += value->IsArray() ? std::to_string(next - 1)
                             : std::string(text_of((value->MemberBegin() + (next - 1))->name));
    if (path.size() > kLongestPath) return path.substr(0, kLongestPath) + "...";
  }
  return path.empty() ? "/" : path;
}

// The values of a text, which take about twice its size, and no more memory than they need: what is
// touched has to be mapped first, in front of a container's start.
size_t chunk_size(const std::string& text) {
  constexpr size_t kSmallest = 1024;
  constexpr size_t kLargest = 65536;
  return std::clamp(2 * text.size(), kSmallest, kLargest);
}

}  // namespace

struct JsonDocument::State {
  explicit State(std::string of_text)
      : text(std::move(of_text)), pool(chunk_size(text)), document(&pool) {}

  std::string name;
  ErrorCode code = ErrorCode::kInternal;
  std::string text;  // parsed in place: the values point into it
  rapidjson::MemoryPoolAllocator<> pool;
  rapidjson::Document document;
};

JsonDocument::JsonDocument(std::unique_ptr<State> state) : state_(std::move(state)) {
}
JsonDocument::JsonDocument(JsonDocument&&) noexcept = default;
JsonDocument& JsonDocument::operator=(JsonDocument&&) noexcept = default;
JsonDocument::~JsonDocument() = default;

Result<JsonDocument> JsonDocument::parse(std::string text, std::string name, ErrorCode code) {
  constexpr unsigned kFlags = rapidjson::kParseInsituFlag | rapidjson::kParseIterativeFlag;
  PINSCOPE_CHECK(check_json_bytes(text, name, code));

  // Parsing in place changes where lines end only if it decodes an escape: then the text as it was
  // is needed for the place of an error.
  const bool has_escapes = text.find('\\') != std::string::npos;
  const std::string original = has_escapes ? text : std::string();
  auto state = std::make_unique<State>(std::move(text));
  state->document.ParseInsitu<kFlags>(state->text.data());
  if (state->document.HasParseError())
    return std::unexpected(json_syntax_error(
        has_escapes ? original : state->text, state->document.GetErrorOffset(),
        rapidjson::GetParseError_En(state->document.GetParseError()), name, code));
  state->name = std::move(name);
  state->code = code;
  return JsonDocument(std::move(state));
}

JsonView JsonDocument::root() const {
  return {this, &state_->document};
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

Error JsonView::make_error(std::string reason) const {
  return Error(document_->code(), "read " + quoted(document_->name()))
      .reason(path_to(as_value(document_->root().value_), as_value(value_)) + ": " +
              std::move(reason));
}

Result<std::optional<JsonView>> JsonView::find(std::string_view key) const {
  if (!is_object()) return std::unexpected(make_error("expected an object"));
  const Value* found = nullptr;
  for (const auto& member : as_value(value_).GetObject()) {
    if (text_of(member.name) != key) continue;
    if (found != nullptr)
      return std::unexpected(make_error("the key " + quoted(key) + " appears twice"));
    found = &member.value;
  }
  if (found == nullptr || found->IsNull()) return std::nullopt;
  return JsonView(document_, found);
}

Result<std::vector<std::pair<std::string_view, JsonView>>> JsonView::members() const {
  if (!is_object()) return std::unexpected(make_error("expected an object"));
  const auto& object = as_value(value_);
  std::vector<std::pair<std::string_view, JsonView>> all;
  std::vector<std::string_view> names;
  all.reserve(object.MemberCount());
  names.reserve(object.MemberCount());
  for (const auto& member : object.GetObject()) {
    const auto name = text_of(member.name);
    if (name.find('\0') != std::string_view::npos)
      return std::unexpected(make_error("a key contains a NUL"));
    names.push_back(name);
    all.emplace_back(name, JsonView(document_, &member.value));
  }
  std::sort(names.begin(), names.end());
  if (const auto twice = std::adjacent_find(names.begin(), names.end()); twice != names.end())
    return std::unexpected(make_error("the key " + quoted(*twice) + " appears twice"));
  return all;
}

Result<std::vector<JsonView>> JsonView::elements() const {
  if (!is_array()) return std::unexpected(make_error("expected an array"));
  const auto& array = as_value(value_);
  std::vector<JsonView> all;
  all.reserve(array.Size());
  for (const auto& element : array.GetArray()) all.push_back(JsonView(document_, &element));
  return all;
}

Result<std::string_view> JsonView::as_string() const {
  if (!is_string()) return std::unexpected(make_error("expected a string"));
  const auto text = text_of(as_value(value_));
  if (text.find('\0') != std::string_view::npos)
    return std::unexpected(make_error("the string contains a NUL"));
  return text;
}

Result<uint64_t> JsonView::as_unsigned() const {
  if (!as_value(value_).IsUint64())
    return std::unexpected(make_error("expected a whole number that is not negative"));
  return as_value(value_).GetUint64();
}

Result<int64_t> JsonView::as_signed() const {
  if (!as_value(value_).IsInt64()) return std::unexpected(make_error("expected a whole number"));
  return as_value(value_).GetInt64();
}

Result<bool> JsonView::as_bool() const {
  if (!as_value(value_).IsBool()) return std::unexpected(make_error("expected true or false"));
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

}  // namespace pinscope
