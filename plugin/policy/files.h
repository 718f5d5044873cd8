// The files of a policy directory: which of its names are policies, and what identifies one version
// of a file. docs/adr/0021-when-a-file-is-the-same.md says why that takes more than its times.
#pragma once

#include <sys/stat.h>

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "plugin/base/result.h"

namespace pinscope::policy {

// What identifies one version of a policy file: its base name, what stat(2) says of it, and, where
// that says too little, what it holds. stat_tells() says which.
struct FileStamp {
  // What has to be compared to know that the file is the same.
  enum class Proof : uint8_t {
    kStat,     // all of what stat(2) says
    kContent,  // `text`; of a directory the names of its policy files
    kNothing,  // it could not be read, and its times are not reliable
  };
  std::string name;
  uint64_t size = 0;
  uint64_t mtime_ns = 0;
  uint64_t ctime_ns = 0;
  uint64_t inode = 0;
  uint64_t device = 0;
  uint32_t mode = 0;  // with its type; 0: there is no such file
  uint32_t owner = 0;
  Proof proof = Proof::kStat;
  std::string text;  // with kContent
  bool operator==(const FileStamp&) const = default;
};

FileStamp stamp_of(std::string name, const struct stat& status);

// Whether each change of a file changes what stat(2) says, so that this alone identifies a version.
// `filesystem_type` and `is_read_only` come from statfs(2). False where times are coarse, come from
// an image, or are not kept by this kernel.
bool stat_tells(uint64_t filesystem_type, bool is_read_only, uint64_t ctime_ns);
// stat_tells() for an open file, and for what is at a path.
bool stat_tells(int fd, const struct stat& status);
bool stat_tells(const std::string& path, const struct stat& status);

// Whether a file of this name in a policy directory is a policy file: *.yaml or *.yml, but not a
// dotfile.
bool is_policy_file(std::string_view name);
// The names of the policy files in a directory, sorted.
Result<std::vector<std::string>> list_policy_files(const std::string& directory);

// Identifies the current boot of the machine: device numbers, and a clock without a battery, start
// again with each. Empty if the kernel does not say.
std::string boot_id();

}  // namespace pinscope::policy
