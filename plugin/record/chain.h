// The chain of the audit trail: each line carries the digest of the line before it and one of
// itself, so that a line that somebody changed, removed or put in does not fit any more.
// docs/adr/0027-audit-chain.md says why it looks like this.
//
//   {"time":…,"duration_us":812,"prev":"DIGEST","digest":"DIGEST"}
//
// A digest is SHA-256 (FIPS 180-4) as 64 hexadecimal digits. That of a line is of its bytes up to
// the comma before "digest"; that of the line before is among them.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace pinscope::record {

// How a line goes on from what is before it.
struct ChainLink {
  std::string prev = {};        // the digest of the line before; empty: a chain begins
  std::string cut_digest = {};  // of the lines in between that were never finished
  bool first = false;           // of its file
  bool unlocked = false;  // the lock of the file was not to be had: others may go on from the same
};

// The digest of any text.
std::string sha256(std::string_view text);

// What `cut_digest` says of lines that were never finished: the digest of their bytes, without
// newlines at either end, which the next writer may have added. Empty if there are none.
std::string cut_digest_of(std::string_view lines);

// `line`, a JSON object without a newline, with its place in the chain.
std::string chained(std::string_view line, const ChainLink& link);

// The digest that a line of a chain, or a text that ends with one, says it has; nothing if it is in
// none. Whether it is right is another question.
std::optional<std::string_view> digest_of(std::string_view line);
inline constexpr size_t kDigestSize = 64;
// The bytes at the end of a line that hold it.
inline constexpr size_t kDigestMemberSize = kDigestSize + 13;

// Whether the digest of a line, which has one, is that of its text.
bool has_right_digest(std::string_view line);

}  // namespace pinscope::record
