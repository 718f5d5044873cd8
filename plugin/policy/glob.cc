#include "plugin/policy/glob.h"

#include "plugin/base/text.h"

namespace pinscope::policy {
namespace {

constexpr std::string_view kAnyComponents = "**";
constexpr size_t kNowhere = std::string_view::npos;

// What one element of a component (a set, an escaped or a plain character) says to one character.
struct Element {
  size_t length = 0;  // in the pattern; 0: malformed
  bool matches = false;
};

// `at` stands on the opening bracket. As in a shell, a "]" that comes first is a member.
Element match_set(std::string_view pattern, size_t at, char wanted) {
  const auto byte = static_cast<unsigned char>(wanted);
  size_t next = at + 1;
  const bool negated = next < pattern.size() && pattern[next] == '!';
  if (negated) ++next;
  const auto take = [&]() -> unsigned char {
    if (pattern[next] == '\\' && next + 1 < pattern.size()) ++next;
    return static_cast<unsigned char>(pattern[next++]);
  };
  bool found = false;
  for (bool first = true; next < pattern.size(); first = false) {
    if (pattern[next] == ']' && !first) return {next + 1 - at, found != negated};
    const unsigned char low = take();
    unsigned char high = low;
    if (next + 1 < pattern.size() && pattern[next] == '-' && pattern[next + 1] != ']') {
      ++next;
      high = take();
      if (high < low) return {};
    }
    found = found || (low <= byte && byte <= high);
  }
  return {};
}

Element match_element(std::string_view pattern, size_t at, char wanted) {
  switch (pattern[at]) {
    case '?':
      return {1, true};
    case '[':
      return match_set(pattern, at, wanted);
    case '\\':
      if (at + 1 == pattern.size()) return {};
      return {2, pattern[at + 1] == wanted};
    default:
      return {1, pattern[at] == wanted};
  }
}

// Neither side holds a slash. Only the last star ever has to be tried again: what an earlier one
// took is settled once the elements behind it were found.
bool component_matches(std::string_view pattern, std::string_view text) {
  size_t at = 0;
  size_t in_text = 0;
  size_t behind_star = kNowhere;
  size_t star_took_until = 0;
  while (in_text < text.size()) {
    if (at < pattern.size() && pattern[at] == '*') {
      behind_star = ++at;
      star_took_until = in_text;
      continue;
    }
    if (at < pattern.size()) {
      const Element element = match_element(pattern, at, text[in_text]);
      if (element.length == 0) return false;
      if (element.matches) {
        at += element.length;
        ++in_text;
        continue;
      }
    }
    if (behind_star == kNowhere) return false;
    at = behind_star;
    in_text = ++star_took_until;
  }
  while (at < pattern.size() && pattern[at] == '*') ++at;
  return at == pattern.size();
}

// A loop of its own, because the library's find_first_of() calls a function for each character, and
// this runs for every pin of every policy that may select a container.
size_t first_special(std::string_view pattern) {
  for (size_t at = 0; at < pattern.size(); ++at) {
    const char byte = pattern[at];
    if (byte == '*' || byte == '?' || byte == '[' || byte == '\\') return at;
  }
  return kNowhere;
}

// Walks the components of a text without copying them; "" has one, which is empty.
class ComponentCursor {
 public:
  explicit ComponentCursor(std::string_view text) : text_(text) {}
  [[nodiscard]] bool done() const { return start_ == kNowhere; }
  [[nodiscard]] std::string_view current() const {
    return text_.substr(start_, text_.find('/', start_) - start_);
  }
  void advance() {
    const size_t slash = text_.find('/', start_);
    start_ = slash == kNowhere ? kNowhere : slash + 1;
  }

 private:
  std::string_view text_;
  size_t start_ = 0;
};

}  // namespace

bool is_glob(std::string_view pattern) {
  return first_special(pattern) != kNowhere;
}

Status check_glob(std::string_view pattern) {
  const auto bad = [&](std::string reason) {
    return std::unexpected(
        Error(ErrorCode::kPolicyInvalid, "use glob " + quoted(pattern)).reason(std::move(reason)));
  };
  for (ComponentCursor cursor(pattern); !cursor.done(); cursor.advance()) {
    const auto component = cursor.current();
    if (component == kAnyComponents) continue;
    for (size_t at = 0; at < component.size();) {
      if (component.substr(at).starts_with(kAnyComponents))
        return bad("\"**\" must be a whole component, as in \"/a/**/b\"");
      if (component[at] == '*') {
        ++at;
        continue;
      }
      const Element element = match_element(component, at, 'a');
      if (element.length == 0)
        return bad(component[at] == '\\' ? "a backslash with no character behind it"
                                         : "the bracket " + quoted(component.substr(at)) +
                                               " does not end in its component or holds a range "
                                               "that runs backwards");
      at += element.length;
    }
  }
  return {};
}

bool glob_matches(std::string_view pattern, std::string_view text) {
  if (!is_glob(pattern)) return pattern == text;
  ComponentCursor wanted(pattern);
  ComponentCursor found(text);
  // As with stars: only the last "**" is ever tried again.
  ComponentCursor behind_any = wanted;
  ComponentCursor any_took_until = found;
  bool seen_any = false;
  while (!found.done()) {
    if (!wanted.done() && wanted.current() == kAnyComponents) {
      wanted.advance();
      behind_any = wanted;
      any_took_until = found;
      seen_any = true;
      continue;
    }
    if (!wanted.done() && component_matches(wanted.current(), found.current())) {
      wanted.advance();
      found.advance();
      continue;
    }
    if (!seen_any) return false;
    any_took_until.advance();
    wanted = behind_any;
    found = any_took_until;
  }
  while (!wanted.done() && wanted.current() == kAnyComponents) wanted.advance();
  return wanted.done();
}

std::string literal_pattern(std::string_view text) {
  std::string pattern;
  for (const char one : text) {
    if (is_glob({&one, 1})) pattern += '\\';
    pattern += one;
  }
  return pattern;
}

std::string literal_prefix(std::string_view pattern) {
  const size_t first_glob = first_special(pattern);
  if (first_glob == kNowhere) return std::string(pattern);
  const size_t slash = pattern.substr(0, first_glob).rfind('/');
  if (slash == kNowhere) return "";
  return std::string(pattern.substr(0, slash == 0 ? 1 : slash));
}

}  // namespace pinscope::policy
