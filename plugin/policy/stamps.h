// Whether policy files have changed since somebody looked: their stamps, taken before they were
// read, against what stat(2) says now.
#pragma once

#include <sys/stat.h>

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "plugin/base/result.h"
#include "plugin/policy/yaml.h"

namespace pinscope::policy {

// The kernel takes a file's times from a clock that ticks every 10 ms or faster, so that two edits
// within a tick can leave the same stamp. As git does for its index, a stamp that is not older than
// this when the files are read is never trusted to be the last of its tick.
inline constexpr uint64_t kRacyNs = 20'000'000;

FileStamp stamp_of(std::string name, const struct stat& status);

// Whether a file of this name in a policy directory is one: *.yaml and *.yml but no dotfiles.
bool is_policy_file(std::string_view name);
// The names of the policy files in a directory, sorted.
Result<std::vector<std::string>> list_policy_files(const std::string& directory);

// First that of `policy_path` itself, under an empty name; for a directory, then those of the files
// in it. An entry that cannot be looked at has a stamp of zeros.
Result<std::vector<FileStamp>> take_stamps(const std::string& policy_path);

// How to look at what was taken at `taken_at_ns`.
enum class Racy { kCountsAsChanged, kIsIgnored };

// Whether the files are still as take_stamps() found them. A file that came or went shows in the
// stamp of its directory.
bool unchanged(const std::vector<FileStamp>& files, const std::string& policy_path,
               uint64_t taken_at_ns, Racy racy);

}  // namespace pinscope::policy
