// Sink: appends to a string without a check for each character: an operation asks once for the room
// that it needs at most.
#pragma once

#include <charconv>
#include <cstring>
#include <string>
#include <string_view>

namespace pinscope::values {

class Sink {
 public:
  explicit Sink(std::string& out) : out_(out) { open(out.size()); }
  ~Sink() { out_.resize(size()); }
  Sink(const Sink&) = delete;
  Sink& operator=(const Sink&) = delete;

  [[nodiscard]] size_t size() const { return static_cast<size_t>(at_ - out_.data()); }
  // Where the text goes on, with room for `bytes`; followed by advance_to().
  char* room_for(size_t bytes) {
    if (static_cast<size_t>(end_ - at_) < bytes) grow(bytes);
    return at_;
  }
  void advance_to(char* at) { at_ = at; }

  void append(char character) {
    *room_for(1) = character;
    ++at_;
  }
  void append(std::string_view text) {
    char* at = room_for(text.size());
    std::memcpy(at, text.data(), text.size());
    at_ = at + text.size();
  }
  template <typename Number>
  void append_number(Number number) {
    constexpr size_t kDigits = 24;  // a sign, 20 digits
    char* at = room_for(kDigits);
    at_ = std::to_chars(at, at + kDigits, number).ptr;
  }
  // What was appended from `start` on, taken out again.
  std::string take_from(size_t start) {
    std::string taken(out_.data() + start, size() - start);
    at_ = out_.data() + start;
    return taken;
  }

 private:
  // The whole capacity becomes the string's, unwritten; the destructor cuts what was not used.
  void open(size_t used) {
    out_.resize_and_overwrite(out_.capacity(), [](char*, size_t size) { return size; });
    at_ = out_.data() + used;
    end_ = out_.data() + out_.size();
  }
  [[gnu::noinline]] void grow(size_t bytes) {
    const size_t used = size();
    out_.resize(used);
    out_.reserve(2 * used + bytes + kLeast);
    open(used);
  }
  static constexpr size_t kLeast = 256;

  std::string& out_;
  char* at_ = nullptr;
  char* end_ = nullptr;
};

}  // namespace pinscope::values
