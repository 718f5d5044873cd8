#include "plugin/policy/set/stamps.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>

#include "plugin/base/clock.h"
#include "plugin/base/path.h"
#include "plugin/base/text.h"
#include "plugin/host/file.h"

namespace pinscope::policy {
namespace {

constexpr uint64_t kSecond = 1'000'000'000;  // in nanoseconds

using Proof = FileStamp::Proof;

FileStamp stamp_at(const std::string& path, std::string name) {
  struct stat status {};
  if (::stat(path.c_str(), &status) != 0) status = {};
  return stamp_of(std::move(name), status);
}

bool same_stat(const FileStamp& before, const FileStamp& now) {
  return before.size == now.size && before.mtime_ns == now.mtime_ns &&
         before.ctime_ns == now.ctime_ns && before.inode == now.inode &&
         before.device == now.device && before.mode == now.mode && before.owner == now.owner;
}

// Who may change it is part of what was accepted.
bool same_trust(const FileStamp& before, const struct stat& now) {
  return before.mode == now.st_mode && before.owner == now.st_uid;
}

bool same_text(const FileStamp& before, const std::string& path) {
  const auto file = open_at(AT_FDCWD, path, O_RDONLY | O_NONBLOCK);
  struct stat status {};
  if (!file || ::fstat(file->get(), &status) != 0 || !same_trust(before, status)) return false;
  if (static_cast<uint64_t>(status.st_size) != before.text.size()) return false;
  const auto text = read_all(file->get(), before.text.size(), path);
  return text && *text == before.text;
}

// Behind the first, which is the directory's, stand those of its files, in the order of their
// names.
bool same_names(const Origin& origin) {
  struct stat status {};
  if (::stat(origin.path.c_str(), &status) != 0 || !same_trust(origin.files.front(), status))
    return false;
  const auto names = list_policy_files(origin.path);
  return names &&
         std::equal(
             names->begin(), names->end(), origin.files.begin() + 1, origin.files.end(),
             [](const std::string& name, const FileStamp& file) { return name == file.name; });
}

bool same_file(const FileStamp& before, const Origin& origin, Racy racy) {
  const std::string path = before.name.empty() ? origin.path : join(origin.path, before.name);
  switch (before.proof) {
    case Proof::kStat:
      if (racy == Racy::kCountsAsChanged && before.ctime_ns + kRacyNs >= origin.read_at_ns)
        return false;
      return same_stat(before, stamp_at(path, before.name));
    case Proof::kContent:
      return S_ISDIR(before.mode) ? same_names(origin) : same_text(before, path);
    case Proof::kNothing:
      return false;
  }
  return false;
}

}  // namespace

FileStamp stamp_of_path(const std::string& policy_path) {
  struct stat status {};
  if (::stat(policy_path.c_str(), &status) != 0) return stamp_of("", {});
  FileStamp stamp = stamp_of("", status);
  if (!stat_tells(policy_path, status))
    stamp.proof = S_ISDIR(status.st_mode) ? Proof::kContent : Proof::kNothing;
  return stamp;
}

uint64_t birth_of(const std::string& policy_path) {
  struct statx status {};
  if (::statx(AT_FDCWD, policy_path.c_str(), 0, STATX_BTIME, &status) != 0 ||
      (status.stx_mask & STATX_BTIME) == 0)
    return 0;
  return static_cast<uint64_t>(status.stx_btime.tv_sec) * kSecond + status.stx_btime.tv_nsec;
}

uint64_t newest_change(const std::string& policy_path) {
  const FileStamp itself = stamp_at(policy_path, "");
  uint64_t newest = itself.ctime_ns;
  if (!S_ISDIR(itself.mode)) return newest;
  const auto names = list_policy_files(policy_path);
  if (!names) return newest;
  for (const auto& name : *names)
    newest = std::max(newest, stamp_at(join(policy_path, name), name).ctime_ns);
  return newest;
}

bool unchanged(const Origin& origin, Racy racy) {
  if (origin.files.empty()) return false;
  const bool same = std::ranges::all_of(
      origin.files, [&](const FileStamp& before) { return same_file(before, origin, racy); });
  if (!same) return false;
  const bool rests_on_times = std::ranges::any_of(origin.files, [](const FileStamp& file) {
    return file.proof == Proof::kStat && file.mode != 0;
  });
  return !rests_on_times || origin.boot == boot_id();
}

}  // namespace pinscope::policy
