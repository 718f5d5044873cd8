// Whether policy files have changed since somebody looked: what stat(2) said of them before they
// were read, against what it says now; and where that can stay the same though a file changed, what
// was read against what can be read now. docs/adr/0021-when-a-file-is-the-same.md has the cases.
#pragma once

#include <sys/stat.h>

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "plugin/base/result.h"
#include "plugin/policy/compiled.h"
#include "plugin/policy/yaml.h"

namespace pinscope::policy {

// The kernel takes a file's times from a clock that ticks every 10 ms or faster, so that two edits
// within a tick can leave the same stamp. As git does for its index, a stamp that is not older than
// this when the files are read is never trusted to be the last of its tick.
inline constexpr uint64_t kRacyNs = 20'000'000;

FileStamp stamp_of(std::string name, const struct stat& status);

// Whether each change of a file changes its stamp, so that the stamp alone identifies a version.
// `filesystem`: f_type and f_flags of statfs(2). No where the times are coarse, come from an image,
// or are not kept by this kernel.
bool stat_tells(uint64_t filesystem_type, bool is_read_only, uint64_t ctime_ns);
// The same for an open file, or for what is at a path.
bool stat_tells(int fd, const struct stat& status);
bool stat_tells(const std::string& path, const struct stat& status);

// Whether a file of this name in a policy directory is one: *.yaml and *.yml but no dotfiles.
bool is_policy_file(std::string_view name);
// The names of the policy files in a directory, sorted.
Result<std::vector<std::string>> list_policy_files(const std::string& directory);

// What the path itself, a file or a directory, has as its stamp. Zeros where it cannot be looked
// at: that, too, is a state which can last.
FileStamp stamp_of_path(const std::string& policy_path);
// When the file or directory at the path was made; 0 where its file system does not say.
uint64_t birth_of(const std::string& policy_path);
// When the newest of what a set would be made from was changed.
uint64_t newest_change(const std::string& policy_path);

// Which boot of the machine this is: device numbers and a clock without a battery start again with
// each. Empty where the kernel does not say.
std::string boot_id();

// How to look at what was read a moment ago.
enum class Racy { kCountsAsChanged, kIsIgnored };

// Whether origin.path and the files in it are still what they were. A file that came or went shows
// in its directory.
bool unchanged(const Origin& origin, Racy racy);

}  // namespace pinscope::policy
