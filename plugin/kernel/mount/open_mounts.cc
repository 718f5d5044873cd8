#include "plugin/kernel/mount/open_mounts.h"

#include <fcntl.h>
#include <linux/magic.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <climits>
#include <optional>
#include <unordered_map>
#include <utility>

#include "plugin/base/fd.h"
#include "plugin/base/text.h"
#include "plugin/host/file.h"
#include "plugin/kernel/mount/statmount.h"
#include "plugin/kernel/process/child.h"
#include "plugin/kernel/uapi.h"

namespace pinscope::kernel {
namespace {

constexpr std::chrono::milliseconds kTimeout{3000};  // for the files of one process

bool ask(int fd, uint64_t wanted, MountAnswer& answer) {
  uapi::MntIdReqOfNamespace request{};
  request.request.size = uapi::kMntIdReqSize1;
  request.request.descriptor = static_cast<uint32_t>(fd);
  request.request.param = wanted;
  return answer.ask(request, uapi::kStatmountByFd);
}

// The part of the file system that a directory shows, from the root of its mount and what the
// kernel calls the directory, which begins there where the mount is attached nowhere.
std::string shown_root(const std::string& root, const std::string& name) {
  if (name == "/") return root;
  return root == "/" ? name : root + name;
}

// Nothing if it is no directory of a bpffs.
std::optional<BpffsMount> mount_behind(int proc, const std::string& path) {
  MountAnswer answer;
  const auto file = open_at(proc, path, O_PATH);
  if (!file || !ask(file->get(), uapi::kStatmountSbBasic, answer) ||
      answer.header().sb_magic != BPF_FS_MAGIC || !ask(file->get(), kAllOfMount, answer))
    return std::nullopt;
  struct stat status {};
  std::array<char, PATH_MAX> name{};
  const ssize_t size = ::readlinkat(proc, path.c_str(), name.data(), name.size());
  if (size <= 0 || ::fstat(file->get(), &status) != 0 || !S_ISDIR(status.st_mode))
    return std::nullopt;
  auto mount = mount_of(answer);
  mount.mount_point.clear();
  mount.root = shown_root(mount.root, {name.data(), static_cast<size_t>(size)});
  return mount;
}

// As bytes, for another process of this program: the file's place and the mount.
void append(size_t place, const BpffsMount& mount, std::string& bytes) {
  for (const uint64_t number :
       {uint64_t{place}, mount.id, uint64_t{mount.device_major}, uint64_t{mount.device_minor},
        uint64_t{mount.is_sealed}, uint64_t{mount.is_read_only}})
    bytes += std::to_string(number) + '\0';
  bytes += mount.root + '\0' + mount.options + '\0';
}

constexpr size_t kFields = 8;

std::pair<size_t, BpffsMount> taken_from(const std::string_view* fields) {
  const auto number = [&](size_t at) { return parse_unsigned(fields[at]).value_or(0); };
  BpffsMount mount;
  mount.id = number(1);
  mount.device_major = static_cast<uint32_t>(number(2));
  mount.device_minor = static_cast<uint32_t>(number(3));
  mount.is_sealed = number(4) != 0;
  mount.is_read_only = number(5) != 0;
  mount.root = fields[6];
  mount.options = fields[7];
  return {number(0), std::move(mount)};
}

// Where the files of each process begin.
std::vector<size_t> starts_of(const std::vector<OpenFile>& files) {
  std::vector<size_t> starts;
  for (size_t i = 0; i < files.size(); ++i)
    if (i == 0 || files[i].pid != files[i - 1].pid) starts.push_back(i);
  starts.push_back(files.size());
  return starts;
}

}  // namespace

bool tells_mounts_by_descriptor() {
  MountAnswer answer;
  const auto root = open_at(AT_FDCWD, "/", O_PATH);
  return root && ask(root->get(), uapi::kStatmountSbBasic, answer);
}

OpenMounts open_bpffs_mounts(int proc, const std::vector<OpenFile>& files,
                             const std::function<bool(uint64_t)>& is_known) {
  OpenMounts found;
  std::unordered_map<uint64_t, size_t> index;
  const auto starts = starts_of(files);
  const auto look = [&](size_t process) -> Result<std::string> {
    std::string bytes;
    for (size_t i = starts[process]; i < starts[process + 1]; ++i)
      if (const auto mount = mount_behind(proc, files[i].path); mount && !is_known(mount->id))
        append(i, *mount, bytes);
    return bytes;
  };
  const auto take = [&](size_t process, const Result<std::string>& bytes) {
    const pid_t pid = files[starts[process]].pid;
    if (!bytes) {
      found.not_seen.push_back("what descriptors of process " + std::to_string(pid) +
                               " lead to: " + bytes.error().sentence());
      return;
    }
    const auto fields = split(*bytes, '\0');
    for (size_t at = 0; at + kFields < fields.size(); at += kFields) {
      auto [place, mount] = taken_from(&fields[at]);
      const auto [known, is_new] = index.try_emplace(mount.id, found.mounts.size());
      if (place >= files.size()) continue;
      if (is_new)
        found.mounts.push_back({files[place], std::move(mount)});
      else if (mount.root.size() < found.mounts[known->second].mount.root.size())
        found.mounts[known->second] = {files[place], std::move(mount)};
    }
  };
  run_each_in_child(starts.size() - 1, look, take, kTimeout);
  return found;
}

}  // namespace pinscope::kernel
