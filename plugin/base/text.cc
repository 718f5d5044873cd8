#include "plugin/base/text.h"

#include <algorithm>
#include <charconv>
#include <numeric>

namespace pinscope {
namespace {

constexpr std::string_view kHexDigits = "0123456789abcdef";

// Appends `byte`, escaped if it could disturb a log line or a terminal.
void append_safe(std::string& out, char byte) {
  const auto value = static_cast<unsigned char>(byte);
  if (byte == '\n') {
    out += "\\n";
  } else if (value < 0x20 || value == 0x7f) {
    out += "\\x";
    out += kHexDigits[value >> 4];
    out += kHexDigits[value & 0xf];
  } else {
    out += byte;
  }
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

std::string quoted(std::string_view text) {
  std::string out = "\"";
  for (const char byte : text) {
    if (byte == '"' || byte == '\\') out += '\\';
    append_safe(out, byte);
  }
  out += '"';
  return out;
}

std::string one_line(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (const char byte : text) append_safe(out, byte);
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

}  // namespace pinscope
