// Reads one value of a YAML tree as the schema wants it: text, a number, one of a few words, a
// list. Each function reports what is wrong and then gives nothing, so that reading goes on and all
// errors of a file are found at once.
#pragma once

#include <functional>
#include <initializer_list>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "plugin/model/words.h"
#include "plugin/policy/language/reporter.h"
#include "plugin/policy/language/tree.h"

namespace pinscope::policy {

// A value and its name for people: "owner.uid".
struct Field {
  std::string name;
  Position key_at;  // where it is said that there is such a value
  const Node* value = nullptr;

  // The place of the value; of an empty one, the place of its key.
  [[nodiscard]] Position at() const {
    return value->kind == Node::Kind::kNull ? key_at : value->at;
  }
};

// A mapping with a known set of keys: "spec", "a grant".
class Mapping {
 public:
  // Reports a value that is not a mapping, keys that are not among `keys`, and duplicate keys.
  // `prefix` is put before the names of its fields: "owner.".
  Mapping(Reporter& reporter, const Field& field, std::string what, std::string prefix,
          std::initializer_list<std::string_view> keys);

  // Whether the value is a mapping at all.
  [[nodiscard]] bool valid() const { return valid_; }
  [[nodiscard]] std::optional<Field> find(std::string_view key) const;
  // Like find, but reports a missing key.
  std::optional<Field> require(std::string_view key);

 private:
  Reporter& reporter_;
  std::string what_;
  std::string prefix_;
  Position at_;
  bool valid_ = false;
  std::vector<std::pair<std::string_view, Field>> fields_;
};

// The keys and values of a mapping whose keys are free text; reports duplicate keys.
std::vector<std::pair<std::string, Field>> read_free_mapping(Reporter& reporter,
                                                             const Field& field);

// Text that is not empty and holds no control characters. A plain value that YAML readers take for
// a number, a date or a boolean is refused unless it is quoted.
std::optional<std::string> read_text(Reporter& reporter, const Field& field);

// Like read_text, for one of a few words or a path, which need no quotes.
std::optional<std::string> read_word_text(Reporter& reporter, const Field& field);

// A decimal number from 0 to `most`.
std::optional<uint32_t> read_number(Reporter& reporter, const Field& field, uint32_t most);

// true or false, without quotes.
std::optional<bool> read_flag(Reporter& reporter, const Field& field);

// Reports that `word` is not one of `words`, with the nearest one.
void report_unknown_word(Reporter& reporter, const Field& field, const std::string& word,
                         std::span<const std::string_view> words);

// A value of an enumeration by its word, from `first` on.
template <typename Enum>
std::optional<Enum> read_word(Reporter& reporter, const Field& field,
                              const char* (*name_of)(Enum value), Enum first = {}) {
  const auto word = read_word_text(reporter, field);
  if (!word) return std::nullopt;
  const auto value = model::value_named(*word, name_of, first);
  if (!value) report_unknown_word(reporter, field, *word, model::words_of(name_of, first));
  return value;
}

// The entries of a list. A value that is not a list is reported and has no entries.
std::vector<Field> read_list(Reporter& reporter, const Field& field);

// One value or a list of at least one.
std::vector<Field> read_one_or_more(Reporter& reporter, const Field& field);

// `text` in quotes, cut where it is very long.
std::string shown(std::string_view text);

// a, b or c
std::string alternatives(std::span<const std::string_view> words);

}  // namespace pinscope::policy
