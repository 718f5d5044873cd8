#include "plugin/policy/language/policy_text.h"

#include <algorithm>
#include <cstdio>

#include "plugin/base/text.h"
#include "plugin/base/utf8.h"

namespace pinscope::policy {
namespace {

// Calls `visit(line, number)` for each line of `text`, until it says false.
template <typename Visit>
void each_line(std::string_view text, uint32_t first_number, Visit visit) {
  uint32_t number = first_number;
  while (!text.empty()) {
    const size_t end = std::min(text.find('\n'), text.size());
    if (!visit(text.substr(0, end), number++)) return;
    text.remove_prefix(std::min(end + 1, text.size()));
  }
}

struct Character {
  uint32_t code = 0;
  size_t length = 0;  // in bytes; 0: not UTF-8
};

Character decode(std::string_view text) {
  const size_t length = utf8_length(text);
  return {length == 0 ? 0 : code_point(text, length), length};
}

bool is_control(uint32_t code) {
  return (code < 0x20 && code != '\t' && code != '\n') || (code >= 0x7f && code <= 0x9f) ||
         code == 0x2028 || code == 0x2029;
}

// Marks that change the order in which an editor shows text, or show nothing at all: a reviewer
// would read another policy than we do.
bool is_deceptive(uint32_t code) {
  return code == 0x061c || (code >= 0x200b && code <= 0x200f) ||
         (code >= 0x202a && code <= 0x202e) || (code >= 0x2060 && code <= 0x2069) || code == 0xfeff;
}

std::string code_point_name(uint32_t code) {
  char text[16];
  std::snprintf(text, sizeof text, "U+%04X", code);
  return text;
}

bool is_document_mark(std::string_view line, std::string_view mark) {
  return line.starts_with(mark) &&
         (line.size() == mark.size() || line[mark.size()] == ' ' || line[mark.size()] == '\t');
}

bool is_blank_or_comment(std::string_view line) {
  const size_t start = line.find_first_not_of(" \t");
  return start == std::string_view::npos || line[start] == '#';
}

// `text` for a terminal: whole characters, tabs as one blank, anything else that is odd escaped.
// Returns how many columns that takes.
size_t append_shown(std::string& out, std::string_view text) {
  size_t width = 0;
  while (!text.empty()) {
    const Character character = decode(text);
    const size_t length = std::max<size_t>(character.length, 1);
    if (text[0] == '\t') {
      out += ' ';
      ++width;
    } else if (character.length == 0) {
      char escaped[8];
      std::snprintf(escaped, sizeof escaped, "\\x%02x", static_cast<unsigned char>(text[0]));
      out += escaped;
      width += 4;
    } else if (is_control(character.code) || is_deceptive(character.code)) {
      const std::string escaped = "<" + code_point_name(character.code) + ">";
      out += escaped;
      width += escaped.size();
    } else {
      out += text.substr(0, length);
      ++width;
    }
    text.remove_prefix(length);
  }
  return width;
}

}  // namespace

PolicyText::PolicyText(std::string text, std::string file)
    : text_(std::move(text)), file_(std::move(file)) {
  if (text_.starts_with(kByteOrderMark)) text_.erase(0, kByteOrderMark.size());
  if (text_.find('\r') != std::string::npos) {
    size_t kept = 0;
    for (size_t i = 0; i < text_.size(); ++i)
      if (text_[i] != '\r' || i + 1 == text_.size() || text_[i + 1] != '\n')
        text_[kept++] = text_[i];
    text_.resize(kept);
  }
}

std::string_view PolicyText::line(uint32_t number) const {
  std::string_view found;
  each_line(text_, 1, [&](std::string_view line, uint32_t at) {
    if (at == number) found = line;
    return at < number;
  });
  return found;
}

std::string PolicyText::snippet(Position at) const {
  constexpr size_t kBefore = 100;
  constexpr size_t kBehind = 60;
  const std::string_view whole = line(at.line);
  if (whole.find_first_not_of(" \t") == std::string_view::npos) return "";
  const size_t column = std::min<size_t>(at.column - 1, whole.size());
  const auto is_continuation = [&](size_t offset) {
    return offset < whole.size() && (static_cast<unsigned char>(whole[offset]) & 0xc0U) == 0x80;
  };
  size_t start = column > kBefore ? column - kBefore : 0;
  while (is_continuation(start) && start < column) ++start;
  size_t end = std::min(whole.size(), column + kBehind);
  for (size_t more = 0; more < 3 && is_continuation(end); ++more) ++end;

  std::string shown = "  ";
  size_t width = shown.size();
  if (start != 0) {
    shown += "...";
    width += 3;
  }
  width += append_shown(shown, whole.substr(start, column - start));
  append_shown(shown, whole.substr(column, end - column));
  if (end != whole.size()) shown += "...";
  return shown + "\n" + std::string(width, ' ') + "^";
}

std::vector<BadByte> find_bad_bytes(std::string_view text, size_t most) {
  std::vector<BadByte> found;
  Position at;
  while (!text.empty() && found.size() < most) {
    const Character character = decode(text);
    if (character.length == 0) {
      found.push_back({at, "the text is not valid UTF-8", "save the file as UTF-8"});
    } else if (is_control(character.code)) {
      found.push_back({at,
                       "the control character " + code_point_name(character.code) +
                           " is not allowed in a policy",
                       ""});
    } else if (is_deceptive(character.code)) {
      found.push_back({at,
                       "the invisible character " + code_point_name(character.code) +
                           " is not allowed in a policy",
                       "it makes the policy look like another one"});
    }
    const size_t length = std::max<size_t>(character.length, 1);
    at.column += static_cast<uint32_t>(length);
    if (text[0] == '\n') at = {at.line + 1, 1};
    text.remove_prefix(length);
  }
  return found;
}

std::vector<Document> split_documents(std::string_view text, size_t most) {
  std::vector<Document> documents;
  const char* start = text.data();
  uint32_t first_line = 1;
  bool has_content = false;
  const auto finish = [&](const char* end) {
    if (has_content) documents.push_back({{start, static_cast<size_t>(end - start)}, first_line});
    has_content = false;
    return documents.size() < most;
  };
  each_line(text, 1, [&](std::string_view line, uint32_t number) {
    const bool starts = is_document_mark(line, "---");
    const bool ends = is_document_mark(line, "...");
    if (starts || ends) {
      if (!finish(line.data())) return false;
      start = line.data() + (ends ? 3 : 0);
      first_line = number;
      line.remove_prefix(3);
    }
    has_content = has_content || !is_blank_or_comment(line);
    return true;
  });
  if (documents.size() < most) finish(text.data() + text.size());
  return documents;
}

std::vector<BadByte> find_bad_lines(const Document& document, size_t most) {
  std::vector<BadByte> found;
  each_line(document.text, document.first_line, [&](std::string_view line, uint32_t number) {
    const size_t start = line.find_first_not_of(' ');
    if (line.starts_with('%'))
      found.push_back({{number, 1}, "YAML directives are not supported", "remove this line"});
    else if (start != std::string_view::npos && line[start] == '\t' && !is_blank_or_comment(line))
      found.push_back({{number, static_cast<uint32_t>(start) + 1},
                       "the line is indented with a tab",
                       "YAML wants spaces"});
    return found.size() < most;
  });
  return found;
}

}  // namespace pinscope::policy
