#include "plugin/base/text.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <numeric>

#include "plugin/base/utf8.h"

namespace pinscope {
namespace {

constexpr std::string_view kHexDigits = "0123456789abcdef";
constexpr std::string_view kUpperHexDigits = "0123456789ABCDEF";

struct Range {
  uint32_t first;
  uint32_t last;
};

constexpr auto kDisturbing = std::to_array<Range>({
    {0x00, 0x1f},        // C0
    {0x7f, 0x9f},        // DEL, C1
    {0xad, 0xad},        // soft hyphen
    {0x61c, 0x61c},      // Arabic letter mark
    {0x180e, 0x180e},    // Mongolian vowel separator
    {0x200b, 0x200f},    // zero width; left-to-right and right-to-left marks
    {0x2028, 0x202e},    // line and paragraph separator; embeddings and overrides
    {0x2060, 0x206f},    // zero width; isolates; what is deprecated
    {0xfeff, 0xfeff},    // byte order mark
    {0xfff9, 0xfffb},    // interlinear annotation
    {0xe0000, 0xe007f},  // tags
});

void append_byte(std::string& out, char byte) {
  const auto value = static_cast<unsigned char>(byte);
  out += "\\x";
  out += kHexDigits[value >> 4];
  out += kHexDigits[value & 0xf];
}

// Appends what stands first in `text`, escaped if it could disturb a log line or a terminal;
// returns its length.
size_t append_safe(std::string& out, std::string_view text) {
  const char byte = text.front();
  const size_t length = utf8_length(text);
  const uint32_t point = length == 0 ? 0 : code_point(text, length);
  if (byte == '\n') {
    out += "\\n";
  } else if (length == 0 || (length == 1 && disturbs(point))) {
    append_byte(out, byte);
  } else if (disturbs(point)) {
    append_escaped(out, point);
  } else {
    out += text.substr(0, length);
  }
  return std::max<size_t>(length, 1);
}

// Moves what comes before the first character that needs a look from `text` to `out`.
void append_plain(std::string& out, std::string_view& text) {
  const auto end = std::find_if(text.begin(), text.end(), [](char byte) {
    return byte < ' ' || byte > '~' || byte == '"' || byte == '\\';
  });
  const auto length = static_cast<size_t>(end - text.begin());
  out += text.substr(0, length);
  text.remove_prefix(length);
}

// Of "ESC [ digits and semicolons m" at the start of `text`; 0 if that is none.
size_t colour_length(std::string_view text) {
  if (!text.starts_with("\x1b[")) return 0;
  const size_t end = text.find_first_not_of("0123456789;", 2);
  return end != std::string_view::npos && text[end] == 'm' ? end + 1 : 0;
}

// Levenshtein distance, one row at a time. Callers keep both texts short.
size_t edit_distance(std::string_view left, std::string_view right) {
  std::vector<size_t> row(right.size() + 1);
  std::iota(row.begin(), row.end(), size_t{0});
  for (size_t i = 0; i < left.size(); ++i) {
    size_t diagonal = row[0];
    row[0] = i + 1;
    for (size_t j = 0; j < right.size(); ++j) {
      const size_t substituted = diagonal + (left[i] == right[j] ? 0 : 1);
      diagonal = row[j + 1];
      row[j + 1] = std::min({substituted, row[j] + 1, row[j + 1] + 1});
    }
  }
  return row[right.size()];
}

}  // namespace

bool disturbs(uint32_t code_point) {
  if (code_point >= ' ' && code_point < 0x7f) return false;
  return std::any_of(kDisturbing.begin(), kDisturbing.end(), [&](const Range& range) {
    return code_point >= range.first && code_point <= range.last;
  });
}

void append_escaped(std::string& out, uint32_t code_point) {
  const auto append_unit = [&](uint32_t unit) {
    out += "\\u";
    for (const unsigned shift : {12U, 8U, 4U, 0U}) out += kUpperHexDigits[unit >> shift & 0xfU];
  };
  constexpr uint32_t kBeyond = 0x10000;
  if (code_point >= kBeyond) {
    append_unit(0xd800 + ((code_point - kBeyond) >> 10));
    append_unit(0xdc00 + ((code_point - kBeyond) & 0x3ffU));
  } else {
    append_unit(code_point);
  }
}

std::string quoted(std::string_view text) {
  std::string out;
  out.reserve(text.size() + 2);
  out += '"';
  for (append_plain(out, text); !text.empty(); append_plain(out, text)) {
    if (text.front() == '"' || text.front() == '\\') out += '\\';
    text.remove_prefix(append_safe(out, text));
  }
  out += '"';
  return out;
}

std::string one_line(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (append_plain(out, text); !text.empty(); append_plain(out, text))
    text.remove_prefix(append_safe(out, text));
  return out;
}

std::string for_terminal(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  while (!text.empty()) {
    size_t length = text.front() == '\n' || text.front() == '\t' ? 1 : colour_length(text);
    if (length > 0) {
      out += text.substr(0, length);
    } else {
      length = append_safe(out, text);
    }
    text.remove_prefix(length);
  }
  return out;
}

std::optional<unsigned long long> parse_unsigned(std::string_view text) {
  unsigned long long value = 0;
  const char* end = text.data() + text.size();
  const auto [rest, error] = std::from_chars(text.data(), end, value);
  if (text.empty() || error != std::errc{} || rest != end) return std::nullopt;
  return value;
}

std::string_view nearest(std::string_view text, const std::vector<std::string_view>& candidates) {
  constexpr size_t kLongestName = 64;
  if (text.size() > kLongestName) return {};
  std::string_view best;
  constexpr size_t kShort = 3;  // two changes would make another word of it
  size_t best_distance = (text.size() <= kShort ? 1 : std::max<size_t>(2, text.size() / 3)) + 1;
  for (const auto candidate : candidates) {
    const size_t distance = edit_distance(text, candidate);
    if (distance < best_distance) {
      best_distance = distance;
      best = candidate;
    }
  }
  return best;
}

std::string count_of(size_t count, const char* singular, const char* plural) {
  return std::to_string(count) + " " + (count == 1 ? singular : plural);
}

std::vector<std::string_view> split(std::string_view text, char separator) {
  std::vector<std::string_view> parts;
  size_t start = 0;
  for (;;) {
    const size_t end = text.find(separator, start);
    parts.push_back(text.substr(start, end - start));
    if (end == std::string_view::npos) return parts;
    start = end + 1;
  }
}

std::string joined(const std::vector<std::string>& words, std::string_view separator) {
  std::string text;
  for (const auto& word : words) {
    if (!text.empty()) text += separator;
    text += word;
  }
  return text;
}

std::string_view trimmed(std::string_view text) {
  constexpr std::string_view kBlanks = " \t\r";
  const size_t first = text.find_first_not_of(kBlanks);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(kBlanks) - first + 1);
}

}  // namespace pinscope
