#include "plugin/cli/check/skipped.h"

#include <algorithm>
#include <filesystem>
#include <system_error>

#include "plugin/base/path.h"
#include "plugin/policy/files.h"

namespace pinscope::cli {
namespace {

namespace fs = std::filesystem;

std::string why_not(const fs::directory_entry& entry, const std::string& name) {
  std::error_code ignored;
  if (entry.is_directory(ignored)) return "a directory inside a policy directory is not read";
  if (name.ends_with('~') || name.starts_with('#') || name.ends_with(".swp"))
    return "it is an editor's file";
  if (name.starts_with('.')) return "its name begins with a dot";
  return "its name does not end in .yaml or .yml";
}

}  // namespace

std::vector<SkippedFile> list_skipped(const std::string& path) {
  std::vector<SkippedFile> found;
  std::error_code error;
  for (fs::directory_iterator at(path, error), end; !error && at != end; at.increment(error)) {
    const std::string name = at->path().filename().string();
    if (!policy::is_policy_file(name) && !name.starts_with(".."))
      found.push_back({join(path, name), why_not(*at, name)});
  }
  std::ranges::sort(found, {}, &SkippedFile::path);
  return found;
}

}  // namespace pinscope::cli
