#include "plugin/kernel/mount/namespaces.h"

#include <fcntl.h>
#include <linux/magic.h>
#include <linux/mount.h>
#include <linux/openat2.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <climits>

#include "plugin/base/text.h"
#include "plugin/host/file.h"
#include "plugin/kernel/mount/fuse_mounts.h"
#include "plugin/kernel/mount/statmount.h"
#include "plugin/kernel/process/threads.h"
#include "plugin/kernel/sys.h"
#include "plugin/kernel/uapi.h"

namespace pinscope::kernel {
namespace {

constexpr const char* kPathTooLong = "(a path too long to show)";
constexpr uint32_t kSuperblockReadOnly = 1;  // SB_RDONLY, include/linux/fs.h

// A type of file system, as both of the kernel's lists call it.
struct Type {
  uint64_t magic;
  const char* name;
};
constexpr Type kBpf{BPF_FS_MAGIC, "bpf"};
constexpr Type kFuse{FUSE_SUPER_MAGIC, "fuse"};

Result<std::vector<BpffsMount>> list(uint64_t space, const Type& type) {
  std::vector<BpffsMount> mounts;
  std::array<uint64_t, 512> ids{};
  MountAnswer answer;
  const auto ask = [&](uint64_t mount, uint64_t wanted) {
    return answer.ask(request_for(space, mount, wanted));
  };
  for (uint64_t last = 0;; last = ids.back()) {
    const auto request = request_for(space, uapi::kListmountRoot, last);
    const long count = ::syscall(uapi::kSysListmount, &request, ids.data(), ids.size(), 0);
    if (count < 0)
      return std::unexpected(Error::system("list the mounts of a mount namespace", errno));
    for (size_t i = 0; i < static_cast<size_t>(count); ++i) {
      // Most mounts are of other types, and their paths cost more than the question.
      if (!ask(ids[i], uapi::kStatmountSbBasic) || answer.header().sb_magic != type.magic) continue;
      if (ask(ids[i], kAllOfMount)) {
        mounts.push_back(mount_of(answer));
      } else if (ask(ids[i], kAllButPaths)) {
        mounts.push_back(mount_of(answer));
        mounts.back().mount_point = kPathTooLong;
      }
    }
    if (static_cast<size_t>(count) < ids.size()) return mounts;
  }
}

// As many as leave descriptors for other work.
constexpr size_t kMaxKept = 256;

void keep(const Fd& space, uint64_t number, KeptNamespaces& kept) {
  Fd own(kept.spaces.size() < kMaxKept ? ::fcntl(space.get(), F_DUPFD_CLOEXEC, 0) : -1);
  kept.is_full = kept.is_full || !own.valid();
  if (!own.valid()) return;
  kept.spaces.push_back({number, "self/fd/" + std::to_string(own.get()), ""});
  kept.descriptors.push_back(std::move(own));
}

}  // namespace

bool MountAnswer::ask(const uapi::MntIdReqOfNamespace& request, unsigned flags) {
  constexpr size_t kLongest = size_t{1} << 20;
  for (;;) {
    if (::syscall(uapi::kSysStatmount, &request, bytes_.data(), bytes_.size(), flags) == 0)
      return true;
    if (errno != EOVERFLOW || bytes_.size() >= kLongest) return false;
    bytes_.resize(bytes_.size() * 2);
  }
}

BpffsMount mount_of(const MountAnswer& answer) {
  const auto& header = answer.header();
  BpffsMount mount;
  mount.id = header.mnt_id;
  mount.device_major = header.sb_dev_major;
  mount.device_minor = header.sb_dev_minor;
  mount.is_sealed = (header.sb_flags & kSuperblockReadOnly) != 0;
  mount.is_read_only = (header.mnt_attr & MOUNT_ATTR_RDONLY) != 0;
  if ((header.mask & uapi::kStatmountMntPoint) != 0)
    mount.mount_point = answer.text(header.mnt_point);
  if ((header.mask & uapi::kStatmountMntRoot) != 0) mount.root = answer.text(header.mnt_root);
  if ((header.mask & uapi::kStatmountMntOpts) != 0) mount.options = answer.text(header.mnt_opts);
  return mount;
}

MountNamespace mount_namespace_of(pid_t pid, uint64_t number) {
  const std::string process = living_thread(pid);
  return {.number = number, .path = process + "/ns/mnt", .process = process};
}

Result<Fd> open_namespace(int proc, const MountNamespace& space) {
  PINSCOPE_TRY(Fd fd, open_at(proc, space.path, O_RDONLY));
  struct stat status {};
  if (::fstat(fd.get(), &status) != 0 || status.st_ino != space.number)
    return std::unexpected(Error(ErrorCode::kProcessGone, "open " + quoted(space.path))
                               .reason("the process has ended, or has left the namespace"));
  return fd;
}

KeptNamespaces other_namespaces(const std::function<bool(uint64_t)>& is_known) {
  KeptNamespaces kept;
  for (const auto direction : {uapi::kNsMntGetNext, uapi::kNsMntGetPrev}) {
    auto own = open_at(AT_FDCWD, "/proc/self/ns/mnt", O_RDONLY);
    Fd at = own ? *std::move(own) : Fd();
    while (at.valid()) {
      uapi::MntNsInfo info{sizeof info, 0, 0};
      Fd next(::ioctl(at.get(), direction, &info));
      struct stat status {};
      if (next.valid() && ::fstat(next.get(), &status) == 0 && !is_known(status.st_ino))
        keep(next, status.st_ino, kept);
      at = std::move(next);
    }
  }
  return kept;
}

uint64_t lasting_number(int proc, const MountNamespace& space) {
  uint64_t id = 0;
  const auto fd = open_namespace(proc, space);
  if (!fd) return 0;
  return ::ioctl(fd->get(), uapi::kNsGetMntNsId, &id) == 0 ? id : space.number;
}

bool has_root_of_namespace(int proc, const MountNamespace& space, pid_t pid) {
  struct statx root {};
  uint64_t id = 0;
  const std::string path = std::to_string(pid) + "/root";
  const auto fd = open_namespace(proc, space);
  if (!fd || ::ioctl(fd->get(), uapi::kNsGetMntNsId, &id) != 0 ||
      ::statx(proc, path.c_str(), AT_STATX_DONT_SYNC, uapi::kStatxMntIdUnique, &root) != 0 ||
      (root.stx_mask & uapi::kStatxMntIdUnique) == 0)
    return true;
  MountAnswer answer;
  if (!answer.ask(request_for(id, root.stx_mnt_id, uapi::kStatmountMntPoint)))
    return errno != ENOENT && errno != EOVERFLOW;
  return std::string_view(answer.text(answer.header().mnt_point)) == "/";
}

namespace {

Result<Fd> open_shown(int proc, const MountNamespace& space, const BpffsMount& mount) {
  if (space.number == 0) return open_at(proc, space.path, O_PATH);
  PINSCOPE_TRY(const Fd own, open_namespace(proc, space));
  if (::setns(own.get(), CLONE_NEWNS) != 0)
    return std::unexpected(Error::system("enter the mount namespace", errno));
  return open_resolved(AT_FDCWD, mount.mount_point, O_PATH,
                       RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS);
}

Result<std::vector<BpffsMount>> mounts_of(int proc, const MountNamespace& space, const Type& type) {
  PINSCOPE_TRY(const Fd fd, open_namespace(proc, space));
  uint64_t id = 0;
  if (::ioctl(fd.get(), uapi::kNsGetMntNsId, &id) == 0) {
    auto mounts = list(id, type);
    // EINVAL: this kernel tells the id and takes none. ENOSYS: it is kept from telling of mounts.
    if (mounts || (mounts.error().errnum() != EINVAL && mounts.error().errnum() != ENOSYS))
      return mounts;
  }
  if (space.process.empty())
    return std::unexpected(Error(ErrorCode::kKernelUnsupported, "list its mounts")
                               .reason("no process is in it, and this kernel lists the mounts of "
                                       "a process only (Linux 6.11 lists those of a namespace)"));
  return read_mounts_of_type(proc, space.process, type.name);
}

}  // namespace

Result<std::vector<BpffsMount>> bpffs_mounts_of(int proc, const MountNamespace& space) {
  return mounts_of(proc, space, kBpf);
}

Result<std::vector<BpffsMount>> fuse_mounts_of(int proc, const MountNamespace& space) {
  return mounts_of(proc, space, kFuse);
}

Result<Fd> open_bpffs(int proc, const MountNamespace& space, const BpffsMount& mount) {
  PINSCOPE_TRY(Fd shown, open_shown(proc, space, mount));
  struct statfs filesystem {};
  struct stat status {};
  if (::fstatfs(shown.get(), &filesystem) == 0 &&
      static_cast<uint64_t>(filesystem.f_type) == BPF_FS_MAGIC &&
      ::fstat(shown.get(), &status) == 0 &&
      status.st_dev == ::makedev(mount.device_major, mount.device_minor))
    return shown;
  return std::unexpected(Error(ErrorCode::kTargetInvalid, "open " + quoted(mount.mount_point))
                             .reason(space.number == 0 ? "its descriptor leads elsewhere by now"
                                                       : "another mount covers it"));
}

}  // namespace pinscope::kernel
