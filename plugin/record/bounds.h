// Limits for texts that somebody else chose, in records and audit lines: an annotation may be
// megabytes long, and a refused start costs nothing. Internal to record/.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace pinscope::record {

inline constexpr size_t kLongestName = 512;       // bytes: a fact, a name, a label
inline constexpr size_t kLongestSentence = 4096;  // an error, a path

// `text`, or its start with a mark that says how much is left out; `room` then holds that.
inline std::string_view bounded(std::string_view text, size_t limit, std::string& room) {
  if (text.size() <= limit) return text;
  size_t end = limit;
  // Not in the middle of a character.
  while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xc0U) == 0x80U) --end;
  room = std::string(text.substr(0, end)) + "... (" + std::to_string(text.size() - end) +
         " more bytes)";
  return room;
}

}  // namespace pinscope::record
