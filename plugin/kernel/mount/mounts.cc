#include "plugin/kernel/mount/mounts.h"

#include <fcntl.h>
#include <linux/magic.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <climits>
#include <unordered_map>

#include "plugin/kernel/mount/file_systems.h"
#include "plugin/kernel/uapi.h"

// <sys/mount.h> and <linux/mount.h> disagree; MS_SHARED of the kernel's ABI.
constexpr uint64_t kPropagationShared = 1U << 20;

namespace pinscope::kernel {
namespace {

// The mount is asked, and its file system, which may wait for an answer, is not.
constexpr int kNoAnswerNeeded = AT_EMPTY_PATH | AT_SYMLINK_NOFOLLOW | AT_STATX_DONT_SYNC;

struct StatmountBuffer {
  uapi::Statmount header;
  char rest[PATH_MAX];
};

Result<Mount> statmount(uint64_t id, bool with_paths) {
  StatmountBuffer buffer;  // NOLINT(cppcoreguidelines-pro-type-member-init): the kernel fills it
  uapi::MntIdReq request{};
  request.size = uapi::kMntIdReqSize0;
  request.mnt_id = id;
  request.param = uapi::kStatmountSbBasic | uapi::kStatmountMntBasic |
                  (with_paths ? uapi::kStatmountMntPoint | uapi::kStatmountMntRoot : 0U);
  if (::syscall(uapi::kSysStatmount, &request, &buffer, sizeof buffer, 0) != 0)
    return std::unexpected(Error::system("ask about mount " + std::to_string(id), errno));
  Mount mount;
  mount.id = id;
  mount.parent = buffer.header.mnt_parent_id;
  mount.is_bpf = buffer.header.sb_magic == BPF_FS_MAGIC;
  mount.is_tmpfs = buffer.header.sb_magic == TMPFS_MAGIC;
  mount.may_wait = !is_local(uint64_t{buffer.header.sb_magic});
  mount.is_shared = (buffer.header.mnt_propagation & kPropagationShared) != 0;
  mount.peer_group = buffer.header.mnt_peer_group;
  mount.leads = leads_of(buffer.header.sb_magic);
  if (with_paths) {
    mount.mount_point = buffer.header.str + buffer.header.mnt_point;
    mount.root = buffer.header.str + buffer.header.mnt_root;
  }
  return mount;
}

Result<Mount> statmount_with_parent(uint64_t id) {
  PINSCOPE_TRY(Mount mount, statmount(id, true));
  PINSCOPE_TRY(const Mount parent, statmount(mount.parent, false));
  mount.parent_is_shared = parent.is_shared;
  return mount;
}

// Which mounts of a table are below one of them. Each mount is asked about once: a chain of ten
// thousand mounts on top of each other must not be walked from each of its links.
class Ancestry {
 public:
  Ancestry(const std::vector<Mount>& mounts, uint64_t root) {
    for (const auto& mount : mounts) mounts_[mount.id] = {&mount, Answer::kUnknown};
    mounts_[root].answer = Answer::kYes;
  }

  [[nodiscard]] const Mount* find(uint64_t id) const {
    const auto found = mounts_.find(id);
    return found == mounts_.end() ? nullptr : found->second.mount;
  }

  bool reaches_root(uint64_t id) {
    std::vector<Entry*> path;
    Answer answer = Answer::kNo;
    for (auto at = mounts_.find(id); at != mounts_.end(); at = mounts_.find(id)) {
      Entry& entry = at->second;
      answer = entry.answer;
      if (answer != Answer::kUnknown) break;
      // A table that was read while it changed could hold a cycle.
      entry.answer = answer = Answer::kNo;
      path.push_back(&entry);
      id = entry.mount->parent;
    }
    for (Entry* entry : path) entry->answer = answer;
    return answer == Answer::kYes;
  }

 private:
  enum class Answer { kUnknown, kNo, kYes };
  struct Entry {
    const Mount* mount = nullptr;
    Answer answer = Answer::kUnknown;
  };
  std::unordered_map<uint64_t, Entry> mounts_;
};

}  // namespace

Result<MountAndDevice> identify_mount(int fd, bool has_unique_ids) {
  const unsigned mask = has_unique_ids ? uapi::kStatxMntIdUnique : STATX_MNT_ID;
  struct statx status {};
  if (::statx(fd, "", kNoAnswerNeeded, mask, &status) != 0)
    return std::unexpected(Error::system("ask for a mount id", errno));
  if ((status.stx_mask & mask) == 0)
    return std::unexpected(Error::system("ask for a mount id", EOPNOTSUPP));
  return MountAndDevice{status.stx_mnt_id, status.stx_dev_major, status.stx_dev_minor};
}

bool are_on_different_mounts(const std::string& one, const std::string& other) {
  struct statx first {};
  struct statx second {};
  const auto ask = [](const std::string& path, struct statx& status) {
    constexpr int kNoQuestion = AT_SYMLINK_NOFOLLOW | AT_STATX_DONT_SYNC;
    return ::statx(AT_FDCWD, path.c_str(), kNoQuestion, STATX_MNT_ID, &status) == 0;
  };
  if (!ask(one, first) || !ask(other, second)) return errno != ENOENT && errno != ENOTDIR;
  const bool told = (first.stx_mask & second.stx_mask & STATX_MNT_ID) != 0;
  return !told || first.stx_mnt_id != second.stx_mnt_id;
}

Result<uint64_t> MountTable::id_of(int fd) const {
  PINSCOPE_TRY(const auto found, identify_mount(fd, list_mounts_));
  return found.id;
}

Result<bool> MountTable::is_mount_root(int fd) {
  struct statx status {};
  if (::statx(fd, "", kNoAnswerNeeded, 0, &status) != 0)
    return std::unexpected(Error::system("stat a directory of the container", errno));
  return (status.stx_attributes & STATX_ATTR_MOUNT_ROOT) != 0;
}

Result<Mount> MountTable::by_id(uint64_t id) const {
  if (list_mounts_) return statmount(id, false);
  PINSCOPE_TRY(const auto mounts, read_mounts(mountinfo_));
  for (const auto& mount : mounts)
    if (mount.id == id) return mount;
  return std::unexpected(Error::system("ask about mount " + std::to_string(id), ENOENT));
}

Result<Mount> MountTable::of(int fd) const {
  PINSCOPE_TRY(const uint64_t id, id_of(fd));
  return by_id(id);
}

Result<std::vector<Mount>> MountTable::bpf_mounts_below(int fd) const {
  PINSCOPE_TRY(auto below, look_below(fd));
  return std::move(below.bpf);
}

void MountTable::Below::take(Mount mount) {
  may_wait = may_wait || mount.may_wait;
  if (mount.is_bpf)
    bpf.push_back(std::move(mount));
  else if (mount.leads_anywhere())
    leading.push_back(std::move(mount));
}

Result<MountTable::Below> MountTable::look_below(int fd) const {
  PINSCOPE_TRY(const Mount own, of(fd));
  const uint64_t root = own.id;
  Below below;
  below.may_wait = own.may_wait;
  if (list_mounts_) {
    uapi::MntIdReq request{};
    request.size = uapi::kMntIdReqSize0;
    request.mnt_id = root;
    std::array<uint64_t, 256> ids{};
    for (;;) {
      const long count = ::syscall(uapi::kSysListmount, &request, ids.data(), ids.size(), 0);
      if (count < 0) return std::unexpected(Error::system("list the container's mounts", errno));
      for (long i = 0; i < count; ++i) {
        const uint64_t id = ids[static_cast<size_t>(i)];
        auto mount = statmount(id, false);
        if (mount && mount->is_bpf) {
          mount = statmount_with_parent(id);
        } else if (mount && mount->leads_anywhere()) {
          mount = statmount(id, true);
        }
        // The host unmounted it meanwhile, where the container follows the host's changes.
        if (!mount && mount.error().errnum() == ENOENT) continue;
        if (!mount) return std::unexpected(std::move(mount).error());
        below.take(*std::move(mount));
      }
      if (static_cast<size_t>(count) < ids.size()) return below;
      request.param = ids.back();
    }
  }
  PINSCOPE_TRY(const auto mounts, read_mounts(mountinfo_));
  Ancestry ancestry(mounts, root);
  for (const auto& mount : mounts) {
    if ((!mount.is_bpf && !mount.may_wait && !mount.leads_anywhere()) || mount.id == root) continue;
    if (!ancestry.reaches_root(mount.id)) continue;
    Mount taken = mount;
    const Mount* parent = ancestry.find(mount.parent);
    taken.parent_is_shared = parent != nullptr && parent->is_shared;
    below.take(std::move(taken));
  }
  return below;
}

}  // namespace pinscope::kernel
