// JsonWriter: fills one string. The reader's library is not used here: a record of a thousand pins
// is written on the way of a container's start, and this is several times faster.
#include <algorithm>
#include <charconv>
#include <cstring>
#include <utility>

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
  // Each of these has the highest bit of a byte set, if that byte is below 0x80, where it is ...
  const uint64_t at_delete = word + kOnes * (0x80 - kDelete);
  const uint64_t below_space = word - kOnes * ' ';
  const uint64_t at_quote = (word ^ kOnes * '"') - kOnes;
  const uint64_t at_backslash = (word ^ kOnes * '\\') - kOnes;
  return ((word | at_delete | below_space | at_quote | at_backslash) & kHighs) != 0;
}

template <typename Word>
Word load(const char* from) {
  Word word = 0;
  std::memcpy(&word, from, sizeof word);
  return word;
}

// Up to eight bytes, of which those of a short text are there twice.
uint64_t load_short(std::string_view text) {
  const char* const from = text.data();
  const size_t size = text.size();
  if (size >= sizeof(uint32_t))
    return load<uint32_t>(from) | uint64_t{load<uint32_t>(from + size - sizeof(uint32_t))}
                                      << (8 * sizeof(uint32_t));
  uint64_t word = 0x2020202020202020;  // spaces
  for (const char byte : text) word = word << 8 | static_cast<unsigned char>(byte);
  return word;
}

// Whether nothing in `text` has to be escaped.
bool is_plain(std::string_view text) {
  constexpr size_t kStep = sizeof(uint64_t);
  if (text.size() < kStep) return !has_special(load_short(text));
  const char* const last = text.data() + text.size() - kStep;
  for (const char* at = text.data(); at < last; at += kStep)
    if (has_special(load<uint64_t>(at))) return false;
  return !has_special(load<uint64_t>(last));
}

// How many bytes of `text` come before the first that cannot be written as it is.
size_t plain_length(std::string_view text) {
  size_t length = 0;
  while (length < text.size()) {
    const auto byte = static_cast<unsigned char>(text[length]);
    if (byte < ' ' || byte >= kDelete || byte == '"' || byte == '\\') break;
    ++length;
  }
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

// `text` as JSON, in quotes.
std::string escaped(std::string_view text) {
  std::string out = "\"";
  for (;;) {
    const size_t plain = plain_length(text);
    out += text.substr(0, plain);
    text.remove_prefix(plain);
    if (text.empty()) break;
    text.remove_prefix(append_special(out, text));
  }
  return out += '"';
}

}  // namespace

void JsonWriter::grow(size_t bytes) {
  const size_t wanted = std::max(length_ + bytes, 2 * text_.size());
  text_.resize_and_overwrite(wanted, [](char*, size_t size) { return size; });
}

void JsonWriter::append(std::string_view text) {
  text.copy(room_for(text.size()), text.size());
  length_ += text.size();
}

void JsonWriter::indent() {
  constexpr size_t kWidth = 2;
  append('\n');
  append(std::string(kWidth * open_.size(), ' '));
}

// What stands between the value before and the key or value that comes.
void JsonWriter::separate() {
  if (after_key_) {
    after_key_ = false;
    return;
  }
  if (open_.empty()) return;
  if (!first_) append(',');
  first_ = false;
  if (style_ == Style::kPretty) indent();
}

// Nearly every text of a record is plain, and a record has twenty for each pin.
void JsonWriter::quote(std::string_view text) {
  if (!is_plain(text)) return append(escaped(text));
  char* const to = room_for(text.size() + 2);
  to[0] = '"';
  text.copy(to + 1, text.size());
  to[text.size() + 1] = '"';
  length_ += text.size() + 2;
}

template <typename Number>
JsonWriter& JsonWriter::append_number(Number number) {
  constexpr size_t kLongest = 24;
  separate();
  char* const to = room_for(kLongest);
  length_ += static_cast<size_t>(std::to_chars(to, to + kLongest, number).ptr - to);
  return *this;
}

JsonWriter& JsonWriter::open(char bracket) {
  separate();
  append(bracket);
  open_ += bracket == '{' ? '}' : ']';
  first_ = true;
  return *this;
}

JsonWriter& JsonWriter::end() {
  const char closing = open_.back();
  open_.pop_back();
  if (!first_ && style_ == Style::kPretty) indent();
  first_ = false;
  append(closing);
  return *this;
}

JsonWriter& JsonWriter::key(std::string_view name) {
  separate();
  quote(name);
  append(':');
  if (style_ == Style::kPretty) append(' ');
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
  append(flag ? "true" : "false");
  return *this;
}

JsonWriter& JsonWriter::value(uint64_t number) {
  return append_number(number);
}

JsonWriter& JsonWriter::value(int64_t number) {
  return append_number(number);
}

JsonWriter& JsonWriter::null() {
  separate();
  append("null");
  return *this;
}

JsonWriter& JsonWriter::reserve(size_t bytes) {
  if (length_ + bytes > text_.size()) grow(bytes);
  return *this;
}

std::string JsonWriter::take() {
  text_.resize(std::exchange(length_, 0));
  return std::exchange(text_, {});
}

}  // namespace pinscope
