// Limits on what is read of a policy set: far above what people write, low enough that no file,
// however hostile, costs more than a bounded amount of memory and time. docs/policy.md lists them.
#pragma once

#include <cstddef>

namespace pinscope::policy {

inline constexpr size_t kMaxFileBytes = size_t{16} << 20;
inline constexpr size_t kMaxSetBytes = size_t{64} << 20;
inline constexpr size_t kMaxFiles = 65536;
inline constexpr size_t kMaxDocuments = 16384;  // in one file
// In one document. The scanner of yaml-cpp keeps a whole "[...]" in memory, at about 200 bytes for
// each byte of text, before it reports any of it: this is what bounds that.
inline constexpr size_t kMaxDocumentBytes = size_t{512} << 10;
inline constexpr size_t kMaxDepth = 32;
inline constexpr size_t kMaxNodes = 200000;     // in one document
inline constexpr size_t kMaxRules = 200000;     // grants and denials in a set
inline constexpr size_t kMaxDiagnostics = 100;  // of each severity in a file

}  // namespace pinscope::policy
