// JSON, read (json.cc, the only file that knows the JSON library; docs/adr/0001-json-reader.md says
// why it is RapidJSON) and written (writer.cc). Reading is strict: no comments, no trailing commas,
// UTF-8 checked, a NUL inside a string refused, and a duplicate key is an error when its object is
// read, because the runtimes that read the same file might take the other value.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "plugin/base/result.h"

namespace pinscope {

class JsonDocument;

// One value inside a JsonDocument, which must outlive it. Two pointers, cheap to copy. Errors name
// the document and the place: `cannot read "config.json": /linux/namespaces/0/type: expected a
// string`.
class JsonView {
 public:
  [[nodiscard]] bool is_object() const;
  [[nodiscard]] bool is_array() const;
  [[nodiscard]] bool is_string() const;

  // The member called `key`; nothing if there is none or it is null. An error if this is not an
  // object, or has the key twice.
  [[nodiscard]] Result<std::optional<JsonView>> find(std::string_view key) const;
  // All members of an object, in the order of the text; duplicate keys are an error.
  [[nodiscard]] Result<std::vector<std::pair<std::string_view, JsonView>>> members() const;
  [[nodiscard]] Result<std::vector<JsonView>> elements() const;
  [[nodiscard]] Result<std::string_view> as_string() const;
  [[nodiscard]] Result<uint64_t> as_unsigned() const;
  [[nodiscard]] Result<int64_t> as_signed() const;
  [[nodiscard]] Result<bool> as_bool() const;

  // find() and the conversion in one; `missing` when the member is absent or null.
  [[nodiscard]] Result<std::string> string_or(std::string_view key, std::string_view missing) const;
  [[nodiscard]] Result<uint64_t> unsigned_or(std::string_view key, uint64_t missing) const;
  [[nodiscard]] Result<bool> bool_or(std::string_view key, bool missing) const;

  // An error about this value, in the same form as those of the functions above.
  [[nodiscard]] Error make_error(std::string reason) const;

 private:
  friend class JsonDocument;
  JsonView(const JsonDocument* document, const void* value) : document_(document), value_(value) {}

  // A view has no path: the place for an error is looked up when there is one.
  const JsonDocument* document_;
  const void* value_;
};

// Owns the text and what was read from it.
class JsonDocument {
 public:
  // `name` and `code` are for errors. Nesting is bounded by memory, not by the stack.
  static Result<JsonDocument> parse(std::string text, std::string name, ErrorCode code);

  JsonDocument(JsonDocument&&) noexcept;
  JsonDocument& operator=(JsonDocument&&) noexcept;
  ~JsonDocument();

  // Valid until the document is moved or destroyed.
  [[nodiscard]] JsonView root() const;
  [[nodiscard]] const std::string& name() const;
  [[nodiscard]] ErrorCode code() const;

 private:
  struct State;
  explicit JsonDocument(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

// Writes JSON text. Bytes that are not UTF-8 (file names may hold any) are written as U+FFFD, and
// whatever disturbs a terminal (see text.h) is escaped, so that a line of it is safe there.
//   JsonWriter json;
//   json.object().field("id", id).key("grants").array();
//   ... json.end().end();
class JsonWriter {
 public:
  enum class Style { kCompact, kPretty };
  explicit JsonWriter(Style style = Style::kCompact) : style_(style) {}

  JsonWriter& object() { return open('{'); }
  JsonWriter& array() { return open('['); }
  JsonWriter& end();  // closes the innermost object or array
  JsonWriter& key(std::string_view name);
  JsonWriter& value(std::string_view text);
  JsonWriter& value(const char* text) { return value(std::string_view(text)); }
  JsonWriter& value(const std::string& text) { return value(std::string_view(text)); }
  JsonWriter& value(bool flag);
  JsonWriter& value(uint64_t number);
  JsonWriter& value(int64_t number);
  JsonWriter& value(uint32_t number) { return value(uint64_t{number}); }
  JsonWriter& value(int32_t number) { return value(int64_t{number}); }
  JsonWriter& null();
  template <typename T>
  JsonWriter& field(std::string_view name, const T& content) {
    return key(name).value(content);
  }

  // Allocates room for a text of about this many bytes, if the caller knows.
  JsonWriter& reserve(size_t bytes);

  // The text so far, which is complete once everything that was opened is closed.
  [[nodiscard]] std::string_view text() const { return {text_.data(), length_}; }
  // Moves the text out; the writer is empty afterwards.
  [[nodiscard]] std::string take();

 private:
  JsonWriter& open(char bracket);
  void separate();
  void indent();
  void quote(std::string_view text);
  template <typename Number>
  JsonWriter& append_number(Number number);
  void append(char character) {
    *room_for(1) = character;
    ++length_;
  }
  void append(std::string_view text);

  // Where the text goes on, with room for `bytes`.
  char* room_for(size_t bytes) {
    if (text_.size() - length_ < bytes) grow(bytes);
    return text_.data() + length_;
  }
  void grow(size_t bytes);

  Style style_;
  std::string text_;   // the text so far, and room behind it
  size_t length_ = 0;  // of the text
  std::string open_;   // what closes each open object or array, the innermost last
  bool first_ = true;  // nothing is in the innermost yet
  bool after_key_ = false;
};

}  // namespace pinscope
