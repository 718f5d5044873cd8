#include "plugin/policy/stamps.h"

#include <dirent.h>

#include <algorithm>
#include <cerrno>
#include <memory>

#include "plugin/base/clock.h"
#include "plugin/base/path.h"
#include "plugin/base/text.h"

namespace pinscope::policy {
namespace {

FileStamp stamp_at(const std::string& path, std::string name) {
  struct stat status {};
  if (::stat(path.c_str(), &status) != 0) status = {};
  return stamp_of(std::move(name), status);
}

}  // namespace

FileStamp stamp_of(std::string name, const struct stat& status) {
  return {std::move(name), static_cast<uint64_t>(status.st_size), nanoseconds_of(status.st_mtim),
          nanoseconds_of(status.st_ctim), status.st_ino};
}

bool is_policy_file(std::string_view name) {
  return !name.starts_with('.') && (name.ends_with(".yaml") || name.ends_with(".yml"));
}

Result<std::vector<std::string>> list_policy_files(const std::string& directory) {
  struct CloseDirectory {
    void operator()(DIR* open) const { ::closedir(open); }
  };
  const std::unique_ptr<DIR, CloseDirectory> open(::opendir(directory.c_str()));
  if (!open) return std::unexpected(Error::system("list " + quoted(directory), errno));
  std::vector<std::string> names;
  for (;;) {
    errno = 0;
    const dirent* entry = ::readdir(open.get());
    if (entry == nullptr) break;
    const std::string_view name = entry->d_name;
    if (is_policy_file(name)) names.emplace_back(name);
  }
  if (errno != 0) return std::unexpected(Error::system("list " + quoted(directory), errno));
  std::ranges::sort(names);
  return names;
}

Result<std::vector<FileStamp>> take_stamps(const std::string& policy_path) {
  std::vector<FileStamp> stamps;
  struct stat status {};
  if (::stat(policy_path.c_str(), &status) != 0) {
    // What is not there yet has a stamp, too: of zeros.
    if (errno != ENOENT)
      return std::unexpected(Error::system("stat " + quoted(policy_path), errno));
    status = {};
  }
  stamps.push_back(stamp_of("", status));
  if (!S_ISDIR(status.st_mode)) return stamps;
  PINSCOPE_TRY(auto names, list_policy_files(policy_path));
  for (auto& name : names) {
    const std::string path = join(policy_path, name);
    stamps.push_back(stamp_at(path, std::move(name)));
  }
  return stamps;
}

bool unchanged(const std::vector<FileStamp>& files, const std::string& policy_path,
               uint64_t taken_at_ns, Racy racy) {
  if (files.empty()) return false;
  return std::ranges::all_of(files, [&](const FileStamp& before) {
    if (racy == Racy::kCountsAsChanged && before.ctime_ns + kRacyNs >= taken_at_ns) return false;
    const std::string path = before.name.empty() ? policy_path : join(policy_path, before.name);
    return stamp_at(path, before.name) == before;
  });
}

}  // namespace pinscope::policy
