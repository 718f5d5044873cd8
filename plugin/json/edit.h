// JSON edited as text: what an edit does not touch stays byte for byte, so that fields nobody here
// knows, long numbers, the order of keys, white space and escapes survive. For files that belong to
// others: config.json, daemon.json. docs/adr/0007-json-edited-as-text.md says why.
//
//   PINSCOPE_TRY(auto config, JsonText::parse(std::move(text), path, ErrorCode::kConfigInvalid));
//   PINSCOPE_CHECK(config.append({"hooks", "poststop"}, hook));
#pragma once

#include <concepts>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "plugin/base/result.h"
#include "plugin/json/outline.h"

namespace pinscope {

// The key of a member, or the position of an element.
class JsonStep {
 public:
  JsonStep(std::string key) : key_(std::move(key)) {}  // NOLINT(google-explicit-constructor)
  JsonStep(const char* key) : key_(key) {}             // NOLINT(google-explicit-constructor)
  template <std::unsigned_integral T>
  JsonStep(T index) : index_(index) {}  // NOLINT(google-explicit-constructor)

  [[nodiscard]] const std::optional<std::string>& key() const { return key_; }
  [[nodiscard]] size_t index() const { return index_; }

 private:
  std::optional<std::string> key_;
  size_t index_ = 0;
};

using JsonPath = std::vector<JsonStep>;

// Each function leaves the text as it was if it gives an error. Errors name the document and the
// place: `cannot edit "config.json": /hooks: expected an object`. Along a path, null counts as
// absent, and two things are errors because readers disagree about them: a duplicate key, and a key
// that differs from the path's only in the case of letters, which Go's encoding/json takes for the
// same.
//
// New text is JSON, laid out like the text beside it: on lines of their own with the same
// indentation, or in one line. What is there already with the same value is left alone.
class JsonText {
 public:
  // Parses as strictly as JsonDocument::parse; the caller bounds the size of `text`.
  static Result<JsonText> parse(std::string text, std::string name, ErrorCode code);

  [[nodiscard]] const std::string& text() const { return text_; }
  [[nodiscard]] std::string take() && { return std::move(text_); }

  // The text of the value; nothing if it is absent or null. Valid until the next edit.
  [[nodiscard]] Result<std::optional<std::string_view>> find(const JsonPath& path) const;

  // Replaces the value, or adds it as the last member of its object; objects that are missing on
  // the way are made. A position must be there already.
  Status set(const JsonPath& path, std::string_view value);

  // Adds elements at the end of the array, which is made if it is missing, like set().
  Status append(const JsonPath& path, std::string_view value);
  Status append_all(const JsonPath& path, const std::vector<std::string>& values);

  // Removes the member or element, with its separator. False if it is not there.
  Result<bool> remove(const JsonPath& path);

 private:
  struct Found {
    size_t node = 0;   // the last node of the path that exists
    size_t steps = 0;  // how many steps lead to it
  };

  JsonText(std::string text, std::string name, ErrorCode code, JsonOutline outline)
      : text_(std::move(text)), name_(std::move(name)), code_(code), outline_(std::move(outline)) {}

  [[nodiscard]] Result<Found> walk(const JsonPath& path) const;
  [[nodiscard]] Result<std::optional<size_t>> member(size_t object, const std::string& key,
                                                     const JsonPath& path, size_t steps) const;
  Status replace(size_t node, std::string_view value);
  // Inserts elements into an array, or, with a key, one member into an object.
  Status insert(size_t container, const std::optional<std::string>& key,
                const std::vector<std::string>& values);
  Status splice(size_t begin, size_t end, std::string_view with);
  [[nodiscard]] Error make_error(const JsonPath& path, size_t steps, std::string reason) const;

  std::string text_;
  std::string name_;
  ErrorCode code_;
  JsonOutline outline_;
};

}  // namespace pinscope
