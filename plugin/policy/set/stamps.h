// Whether policy files have changed since somebody looked: what stat(2) said of them before they
// were read, against what it says now; and where that can stay the same though a file changed, what
// was read against what can be read now. docs/adr/0021-when-a-file-is-the-same.md has the cases.
#pragma once

#include <cstdint>
#include <string>

#include "plugin/policy/files.h"
#include "plugin/policy/set/compiled.h"

namespace pinscope::policy {

// The kernel takes a file's times from a clock that ticks every 10 ms or faster, so that two edits
// within a tick can leave the same stamp. As git does for its index, a stamp that is not older than
// this when the files are read is never trusted to be the last of its tick.
inline constexpr uint64_t kRacyNs = 20'000'000;

// The stamp of the path itself, a file or a directory. Zeros if it cannot be looked at, which is a
// state that can last, too.
FileStamp stamp_of_path(const std::string& policy_path);
// When the file or directory at the path was made; 0 where its file system does not say.
uint64_t birth_of(const std::string& policy_path);
// When the newest of what a set would be made from was changed.
uint64_t newest_change(const std::string& policy_path);

// What to make of a file whose stamp is too young to be trusted (kRacyNs).
enum class Racy { kCountsAsChanged, kIsIgnored };

// Whether origin.path and the files in it are unchanged. A file that was added or removed shows in
// its directory's stamp.
bool unchanged(const Origin& origin, Racy racy);

}  // namespace pinscope::policy
