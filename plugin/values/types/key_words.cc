#include "plugin/values/types/key_words.h"

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <optional>

#include "plugin/base/text.h"

namespace pinscope::values {
namespace {

constexpr std::string_view kBetween = " \t\r\n,";
constexpr std::string_view kAfterWord = " \t\r\n,{}[]\"=";

Error refused(std::string reason) {
  return Error(ErrorCode::kUsage, "read the key").reason(std::move(reason));
}

void append_utf8(std::string& out, uint32_t point) {
  constexpr unsigned kBits = 6;
  constexpr uint32_t kMask = 0x3f;
  const auto add = [&](uint32_t byte) { out += static_cast<char>(byte); };
  if (point < 0x80) return add(point);
  if (point < 0x800) {
    add(0xc0 | point >> kBits);
  } else {
    if (point < 0x10000) {
      add(0xe0 | point >> (2 * kBits));
    } else {
      add(0xf0 | point >> (3 * kBits));
      add(0x80 | (point >> (2 * kBits) & kMask));
    }
    add(0x80 | (point >> kBits & kMask));
  }
  add(0x80 | (point & kMask));
}

// A string as JSON writes it, read from its first quote on.
class QuotedReader {
 public:
  explicit QuotedReader(std::string_view text) : text_(text) { text_.remove_prefix(1); }

  // Nothing if it is not written so.
  std::optional<std::string> read() {
    std::string out;
    while (!text_.empty()) {
      const char each = text_.front();
      text_.remove_prefix(1);
      if (each == '"') return out;
      if (each != '\\')
        out += each;
      else if (!append_escape(out))
        return std::nullopt;
    }
    return std::nullopt;
  }
  // What stands behind the string.
  [[nodiscard]] std::string_view rest() const { return text_; }

 private:
  bool append_escape(std::string& out) {
    if (text_.empty()) return false;
    constexpr std::string_view kLetters = "\"\\/bfnrt";
    constexpr std::string_view kMeant = "\"\\/\b\f\n\r\t";
    const char letter = text_.front();
    text_.remove_prefix(1);
    if (letter == 'u') return append_point(out);
    const size_t at = kLetters.find(letter);
    if (at == std::string_view::npos) return false;
    out += kMeant[at];
    return true;
  }

  bool append_point(std::string& out) {
    auto point = unit();
    if (!point || (*point >= 0xdc00 && *point < 0xe000)) return false;
    if (*point >= 0xd800 && *point < 0xdc00) {  // the first of a pair
      if (!text_.starts_with("\\u")) return false;
      text_.remove_prefix(2);
      const auto second = unit();
      if (!second || *second < 0xdc00 || *second >= 0xe000) return false;
      constexpr unsigned kBits = 10;
      point = 0x10000 + ((*point - 0xd800) << kBits) + (*second - 0xdc00);
    }
    append_utf8(out, *point);
    return true;
  }

  // Four hexadecimal digits.
  std::optional<uint32_t> unit() {
    constexpr size_t kDigits = 4;
    constexpr int kBase = 16;
    uint32_t unit = 0;
    if (text_.size() < kDigits) return std::nullopt;
    const char* end = text_.data() + kDigits;
    if (std::from_chars(text_.data(), end, unit, kBase).ptr != end) return std::nullopt;
    text_.remove_prefix(kDigits);
    return unit;
  }

  std::string_view text_;
};

// {a=1 b={c="x y"}} and {"a":1,"b":{"c":"x y"}} -> a: 1, b.c: x y
class Reader {
 public:
  explicit Reader(std::string_view text) : text_(text) {}

  Result<std::vector<KeyWord>> run() {
    for (skip_blanks(); !text_.empty(); skip_blanks()) PINSCOPE_CHECK(step());
    if (!levels_.empty())
      return std::unexpected(refused(quoted({&levels_.back().bracket, 1}) + " is not closed"));
    PINSCOPE_CHECK(check_no_name());
    return std::move(words_);
  }

 private:
  struct Level {
    char bracket = '{';
    std::string path;
    bool named = false;
    size_t next = 0;  // element of an array
  };

  void skip_blanks() {
    text_.remove_prefix(std::min(text_.find_first_not_of(kBetween), text_.size()));
  }

  Status step() {
    const char first = text_.front();
    if (first == '{' || first == '[') {
      text_.remove_prefix(1);
      const KeyWord place = next_place();
      levels_.push_back({first, place.path, place.named});
      return {};
    }
    if (first == '}' || first == ']') return close(first);
    return first == '"' ? read_quoted() : read_bare();
  }

  Status close(char bracket) {
    text_.remove_prefix(1);
    if (levels_.empty() || levels_.back().bracket != (bracket == '}' ? '{' : '['))
      return std::unexpected(refused(quoted({&bracket, 1}) + " closes nothing"));
    levels_.pop_back();
    return check_no_name();
  }

  Status check_no_name() const {
    if (!name_) return {};
    return std::unexpected(refused(quoted(*name_) + " has no value"));
  }

  Status read_quoted() {
    QuotedReader reader(text_);
    auto read = reader.read();
    if (!read) return std::unexpected(refused("a string in it is not written as JSON writes it"));
    text_ = reader.rest();
    const size_t after = text_.find_first_not_of(" \t\r\n");
    if (after != std::string_view::npos && text_[after] == ':') {
      text_.remove_prefix(after + 1);
      return take_name(*std::move(read));
    }
    take_value(*std::move(read));
    return {};
  }

  Status read_bare() {
    const size_t end = std::min(text_.find_first_of(kAfterWord), text_.size());
    std::string word(text_.substr(0, end));
    text_.remove_prefix(end);
    if (!text_.starts_with('=')) {
      take_value(std::move(word));
      return {};
    }
    text_.remove_prefix(1);
    return take_name(std::move(word));
  }

  Status take_name(std::string name) {
    PINSCOPE_CHECK(check_no_name());
    name_ = std::move(name);
    return {};
  }

  void take_value(std::string text) {
    words_.push_back(next_place());
    words_.back().text = std::move(text);
  }

  // The path of the value that follows.
  KeyWord next_place() {
    KeyWord place;
    const bool inside = !levels_.empty();
    if (inside) {
      place.path = levels_.back().path;
      place.named = levels_.back().named;
      if (levels_.back().bracket == '[')
        place.path += "[" + std::to_string(levels_.back().next++) + "]";
    }
    if (name_) {
      place.path += (place.path.empty() || name_->empty() ? "" : ".") + *name_;
      place.named = true;
      name_.reset();
    }
    return place;
  }

  std::string_view text_;
  std::vector<Level> levels_;
  std::optional<std::string> name_;  // of the value that follows
  std::vector<KeyWord> words_;
};

}  // namespace

Result<std::vector<KeyWord>> words_of_key(std::string_view text) {
  return Reader(text).run();
}

}  // namespace pinscope::values
