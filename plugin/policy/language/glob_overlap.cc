#include "plugin/policy/language/glob_overlap.h"

#include <vector>

#include "plugin/base/text.h"
#include "plugin/policy/glob.h"

namespace pinscope::policy {
namespace {

constexpr std::string_view kAnyComponents = "**";

// One character of a component's pattern, or a star.
struct Token {
  enum class Kind { kCharacter, kAnyCharacter, kStar } kind = Kind::kCharacter;
  char character = 0;
};

std::vector<Token> tokens_of(std::string_view component) {
  std::vector<Token> tokens;
  for (size_t at = 0; at < component.size(); ++at) {
    if (component[at] == '*') {
      tokens.push_back({Token::Kind::kStar});
    } else if (component[at] == '?') {
      tokens.push_back({Token::Kind::kAnyCharacter});
    } else {
      if (component[at] == '\\' && at + 1 < component.size()) ++at;
      tokens.push_back({Token::Kind::kCharacter, component[at]});
    }
  }
  return tokens;
}

bool may_be_one_character(const Token& one, const Token& other) {
  return one.kind != Token::Kind::kCharacter || other.kind != Token::Kind::kCharacter ||
         one.character == other.character;
}

// Walks two lists of items, of which some stand for any number of the other list's items, and tells
// whether there is a way to the end of both. One row of the table at a time.
template <typename Items, typename IsAny, typename Meet>
bool meet_at_the_end(const Items& ones, const Items& others, const IsAny& is_any,
                     const Meet& meet) {
  const size_t columns = others.size() + 1;
  std::vector<char> next(columns, 0);
  std::vector<char> row(columns, 0);
  for (size_t i = ones.size() + 1; i-- > 0;) {
    const bool has_one = i < ones.size();
    const bool one_is_any = has_one && is_any(ones[i]);
    for (size_t j = columns; j-- > 0;) {
      const bool has_other = j < others.size();
      const bool other_is_any = has_other && is_any(others[j]);
      bool leads_on = !has_one && !has_other;
      if (one_is_any) leads_on = next[j] != 0 || (has_other && row[j + 1] != 0);
      if (other_is_any) leads_on = leads_on || row[j + 1] != 0 || (has_one && next[j] != 0);
      if (has_one && has_other && !one_is_any && !other_is_any)
        leads_on = next[j + 1] != 0 && meet(ones[i], others[j]);
      row[j] = leads_on ? 1 : 0;
    }
    std::swap(row, next);
  }
  return next[0] != 0;
}

// Sets are not compared with each other: they may have a character in common.
bool components_meet(std::string_view one, std::string_view other) {
  if (!is_glob(one)) return glob_matches(other, one);
  if (!is_glob(other)) return glob_matches(one, other);
  if (one.contains('[') || other.contains('[')) return true;
  return meet_at_the_end(
      tokens_of(one), tokens_of(other),
      [](const Token& token) { return token.kind == Token::Kind::kStar; }, may_be_one_character);
}

// What the texts that the pattern matches begin with; of "/a/**" also what "/a" begins with.
std::string_view start_of(std::string_view pattern) {
  return pattern.substr(0, pattern.find_first_of("*?[\\"));
}

}  // namespace

bool may_match_one_text(std::string_view one, std::string_view other) {
  if (!is_glob(one)) return glob_matches(other, one);
  if (!is_glob(other)) return glob_matches(one, other);
  const std::string_view start = start_of(one);
  const std::string_view other_start = start_of(other);
  if (!start.starts_with(other_start) && !other_start.starts_with(start)) return false;
  return meet_at_the_end(
      split(one, '/'), split(other, '/'),
      [](std::string_view component) { return component == kAnyComponents; }, components_meet);
}

}  // namespace pinscope::policy
