#include "plugin/policy/language/plain.h"

#include <algorithm>
#include <array>

namespace pinscope::policy {
namespace {

constexpr std::string_view kDigits = "0123456789_";

// Removes the leading run of `characters` and says whether there was one.
bool eat(std::string_view& text, std::string_view characters) {
  const size_t end = std::min(text.find_first_not_of(characters), text.size());
  text.remove_prefix(end);
  return end != 0;
}

bool eat_one(std::string_view& text, std::string_view characters) {
  if (text.empty() || characters.find(text[0]) == std::string_view::npos) return false;
  text.remove_prefix(1);
  return true;
}

// 12, -0x1f, 0b1, 0o17, 1_000, 1:30:00, 1.5, .5, 1e3, .inf, .nan
bool is_number(std::string_view text) {
  eat_one(text, "+-");
  if (text == ".inf" || text == ".Inf" || text == ".INF" || text == ".nan" || text == ".NaN" ||
      text == ".NAN")
    return true;
  if (text.starts_with("0x") || text.starts_with("0b") || text.starts_with("0o")) {
    std::string_view rest = text.substr(2);
    if (eat(rest, "0123456789abcdefABCDEF_") && rest.empty()) return true;
  }
  const bool has_digits = !text.starts_with('_') && eat(text, kDigits);
  while (has_digits && text.starts_with(':')) {  // base 60
    text.remove_prefix(1);
    if (!eat(text, kDigits)) return false;
  }
  const bool has_point = eat_one(text, ".");
  const bool has_fraction = has_point && eat(text, kDigits);
  if (!has_digits && !has_fraction) return false;
  if (eat_one(text, "eE")) {
    eat_one(text, "+-");
    if (!eat(text, kDigits)) return false;
  }
  return text.empty();
}

// 2026-01-31, alone or with a time behind it.
bool is_date(std::string_view text) {
  constexpr std::string_view kDecimal = "0123456789";
  const size_t year = text.size();
  if (!eat(text, kDecimal) || year - text.size() != 4 || !eat_one(text, "-")) return false;
  if (!eat(text, kDecimal) || !eat_one(text, "-") || !eat(text, kDecimal)) return false;
  return text.empty() || text[0] == 'T' || text[0] == 't' || text[0] == ' ';
}

}  // namespace

bool reads_as_other_than_text(std::string_view text) {
  constexpr auto kWords = std::to_array<std::string_view>(
      {"y",    "n",     "yes",  "no",  "true", "false", "on", "off", "Y",   "N",
       "Yes",  "No",    "ON",   "OFF", "True", "False", "On", "Off", "YES", "NO",
       "TRUE", "FALSE", "null", "~",   "Null", "NULL",  "=",  "<<"});
  return std::ranges::find(kWords, text) != kWords.end() || is_number(text) || is_date(text);
}

}  // namespace pinscope::policy
