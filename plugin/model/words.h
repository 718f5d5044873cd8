// From a word back to the value of an enumeration that has it. The values are numbered without a
// gap, and name_of() says "" for what is behind the last: nobody keeps a list of them.
#pragma once

#include <optional>
#include <string_view>
#include <vector>

namespace pinscope::model {

// Calls `use` with each value from `first` on and its word, until that says true.
template <typename Enum, typename Use>
void find_word(const char* (*name_of)(Enum value), Enum first, const Use& use) {
  for (int number = static_cast<int>(first);; ++number) {
    const auto value = static_cast<Enum>(number);
    const std::string_view word = name_of(value);
    if (word.empty() || use(value, word)) return;
  }
}

// Nothing if no value from `first` on has this word.
template <typename Enum>
std::optional<Enum> value_named(std::string_view word, const char* (*name_of)(Enum value),
                                Enum first = {}) {
  std::optional<Enum> found;
  find_word(name_of, first, [&](Enum value, std::string_view its) {
    if (its == word) found = value;
    return its == word;
  });
  return found;
}

template <typename Enum>
std::vector<std::string_view> words_of(const char* (*name_of)(Enum value), Enum first = {}) {
  std::vector<std::string_view> words;
  find_word(name_of, first, [&](Enum, std::string_view word) {
    words.push_back(word);
    return false;
  });
  return words;
}

}  // namespace pinscope::model
