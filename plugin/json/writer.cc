// JsonWriter: appends to one string. The reader's library is not used here: a record of a thousand
// pins is written on the way of a container's start, and this is several times faster.
#include <algorithm>
#include <charconv>
#include <cstring>

#include "plugin/base/text.h"
#include "plugin/base/utf8.h"
#include "plugin/json/json.h"

namespace pinscope {
namespace {

constexpr std::string_view kHexDigits = "0123456789ABCDEF";
constexpr unsigned char kDelete = 0x7f;

// Whether any of eight bytes is a quote, a backslash, DEL, below 0x20 or above 0x7f. A byte beside
// such a one may be taken for one, which does not change the answer.
bool has_special(uint64_t word) {
  constexpr uint64_t kOnes = 0x0101010101010101;
  constexpr uint64_t kHighs = kOnes * 0x80;
  const auto has_byte = [](uint64_t in, uint64_t byte) {
    const uint64_t zero_where_equal = in ^ (kOnes * byte);
    return (zero_where_equal - kOnes) & ~zero_where_equal & kHighs;
  };
  const uint64_t below_space = (word - kOnes * 0x20) & ~word & kHighs;
  return (word & kHighs) != 0 || below_space != 0 || has_byte(word, '"') != 0 ||
         has_byte(word, '\\') != 0 || has_byte(word, kDelete) != 0;
}

// How many bytes of `text` come before the first that cannot be written as it is.
size_t plain_length(std::string_view text) {
  size_t length = 0;
  for (uint64_t word = 0; length + sizeof word <= text.size(); length += sizeof word) {
    std::memcpy(&word, text.data() + length, sizeof word);
    if (has_special(word)) break;
  }
  const auto is_special = [](char character) {
    const auto byte = static_cast<unsigned char>(character);
    return byte < 0x20 || byte >= kDelete || byte == '"' || byte == '\\';
  };
  while (length < text.size() && !is_special(text[length])) ++length;
  return length;
}

void append_escape(std::string& out, unsigned char byte) {
  switch (byte) {
    case '"':
      out += "\\\"";
      return;
    case '\\':
      out += "\\\\";
      return;
    case '\b':
      out += "\\b";
      return;
    case '\f':
      out += "\\f";
      return;
    case '\n':
      out += "\\n";
      return;
    case '\r':
      out += "\\r";
      return;
    case '\t':
      out += "\\t";
      return;
    default:
      out += "\\u00";
      out += kHexDigits[byte >> 4];
      out += kHexDigits[byte & 0xf];
  }
}

// Writes what stands first in `text` and is special; returns its length.
size_t append_special(std::string& out, std::string_view text) {
  const auto first = static_cast<unsigned char>(text.front());
  if (first <= kDelete) {
    append_escape(out, first);
    return 1;
  }
  const size_t length = utf8_length(text);
  if (length == 0) {
    out += "\xef\xbf\xbd";
    return 1;
  }
  const uint32_t point = code_point(text, length);
  if (disturbs(point)) {
    append_escaped(out, point);
  } else {
    out += text.substr(0, length);
  }
  return length;
}

template <typename Number>
void append_number(std::string& out, Number number) {
  char digits[24];
  const auto [end, error] = std::to_chars(digits, digits + sizeof digits, number);
  out.append(digits, static_cast<size_t>(end - digits));
}

}  // namespace

void JsonWriter::indent() {
  constexpr size_t kWidth = 2;
  if (style_ == Style::kCompact) return;
  text_ += '\n';
  text_.append(kWidth * open_.size(), ' ');
}

// What stands between the value before and the key or value that comes.
void JsonWriter::separate() {
  if (after_key_) {
    after_key_ = false;
    return;
  }
  if (open_.empty()) return;
  if (!open_.back().empty) text_ += ',';
  open_.back().empty = false;
  indent();
}

void JsonWriter::quote(std::string_view text) {
  size_t plain = plain_length(text);
  if (plain == text.size()) return quote_plain(text);
  text_ += '"';
  for (;; plain = plain_length(text)) {
    text_ += text.substr(0, plain);
    text.remove_prefix(plain);
    if (text.empty()) break;
    text.remove_prefix(append_special(text_, text));
  }
  text_ += '"';
}

// In one step: nearly every text of a record is plain, and a record has twenty for each pin.
void JsonWriter::quote_plain(std::string_view text) {
  const size_t before = text_.size();
  const size_t after = before + text.size() + 2;
  text_.resize_and_overwrite(after, [&](char* data, size_t) {
    data[before] = '"';
    std::memcpy(data + before + 1, text.data(), text.size());
    data[after - 1] = '"';
    return after;
  });
}

JsonWriter& JsonWriter::open(char bracket) {
  separate();
  text_ += bracket;
  open_.push_back({.closing = bracket == '{' ? '}' : ']', .empty = true});
  return *this;
}

JsonWriter& JsonWriter::end() {
  const Level level = open_.back();
  open_.pop_back();
  if (!level.empty) indent();
  text_ += level.closing;
  return *this;
}

JsonWriter& JsonWriter::key(std::string_view name) {
  separate();
  quote(name);
  text_ += style_ == Style::kPretty ? ": " : ":";
  after_key_ = true;
  return *this;
}

JsonWriter& JsonWriter::value(std::string_view text) {
  separate();
  quote(text);
  return *this;
}

JsonWriter& JsonWriter::value(bool flag) {
  separate();
  text_ += flag ? "true" : "false";
  return *this;
}

JsonWriter& JsonWriter::value(uint64_t number) {
  separate();
  append_number(text_, number);
  return *this;
}

JsonWriter& JsonWriter::value(int64_t number) {
  separate();
  append_number(text_, number);
  return *this;
}

JsonWriter& JsonWriter::null() {
  separate();
  text_ += "null";
  return *this;
}

JsonWriter& JsonWriter::reserve(size_t bytes) {
  text_.reserve(bytes);
  return *this;
}

std::string JsonWriter::take() {
  return std::exchange(text_, {});
}

}  // namespace pinscope
