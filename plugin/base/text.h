// Small text helpers that several rooms need. Nothing here knows what the text means.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace pinscope {

// Whether a code point can make a terminal or a reader see something else than the text: control
// characters (C0, DEL, C1), separators of lines, marks of direction (U+202E turns "gpj.exe" round),
// and what has no width and no picture at all. One list for everything that we print.
bool disturbs(uint32_t code_point);

// Appends such a code point as JSON would escape it: \u202E, beyond U+FFFF a pair of them.
void append_escaped(std::string& out, uint32_t code_point);

// `text` in double quotes, with quotes and what disturbs escaped: for names that came from a file,
// a container or a command line. Bytes that are not UTF-8 become \xff.
std::string quoted(std::string_view text);

// `text` with what disturbs escaped, so that untrusted bytes cannot start a new line in a log, move
// a terminal's cursor or turn the text round.
std::string one_line(std::string_view text);

// one_line() for a whole output to a terminal, in which line feeds, tabs and colours (the SGR
// sequences of ECMA-48) are ours and stay. JSON remains the same JSON.
std::string for_terminal(std::string_view text);

// The decimal number that the whole text is, or nothing. No sign, no blanks.
std::optional<unsigned long long> parse_unsigned(std::string_view text);

// The candidate that is nearest to `text` by edit distance, if one is near enough to be a typing
// error: for "did you mean". Empty if none.
std::string_view nearest(std::string_view text, const std::vector<std::string_view>& candidates);

// "1 grant", "2 grants", "2 policies": the noun's plural is `plural`.
std::string count_of(size_t count, const char* singular, const char* plural);

std::vector<std::string_view> split(std::string_view text, char separator);
// The words with `separator` between them: the other way round.
std::string joined(const std::vector<std::string>& words, std::string_view separator);

// `text` without blanks, tabs and carriage returns at both ends.
std::string_view trimmed(std::string_view text);

// The byte order mark that some editors put in front of UTF-8.
inline constexpr std::string_view kByteOrderMark = "\xef\xbb\xbf";

// FNV-1a, 64 bits: stable over versions and machines, not meant to withstand an attacker. To hash
// several texts as one, pass the hash of the first as the start of the next.
constexpr uint64_t fnv1a64(std::string_view text, uint64_t start = 0xcbf29ce484222325U) {
  uint64_t hash = start;
  for (const char byte : text) {
    hash ^= static_cast<unsigned char>(byte);
    hash *= 0x100000001b3U;
  }
  return hash;
}

}  // namespace pinscope
