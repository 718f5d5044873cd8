#include "plugin/kernel/sys.h"

#include <fcntl.h>
#include <linux/magic.h>
#include <linux/mount.h>
#include <linux/openat2.h>
#include <sched.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <cerrno>

#include "plugin/base/text.h"
#include "plugin/host/file.h"
#include "plugin/kernel/uapi.h"

// <sys/mount.h> and <linux/mount.h> cannot be included together on every C library.
extern "C" int umount2(const char* target, int flags) noexcept;

namespace pinscope::kernel {
namespace {

constexpr int kMntDetach = 2;             // MNT_DETACH
constexpr uint64_t kMsPrivate = 1 << 18;  // MS_PRIVATE

std::unexpected<Error> failed(std::string operation) {
  return std::unexpected(Error::system(std::move(operation), errno));
}

}  // namespace

Result<Fd> open_filesystem(const char* type) {
  Fd context(static_cast<int>(::syscall(SYS_fsopen, type, FSOPEN_CLOEXEC)));
  if (!context.valid()) return failed(std::string("open file system ") + quoted(type));
  return context;
}

Result<Fd> create_filesystem(const char* type) {
  PINSCOPE_TRY(Fd context, open_filesystem(type));
  PINSCOPE_CHECK(create_superblock(context.get(), type));
  return context;
}

Status create_superblock(int context, const char* type) {
  if (::syscall(SYS_fsconfig, context, FSCONFIG_CMD_CREATE, nullptr, nullptr, 0) != 0)
    return failed(std::string("create file system ") + quoted(type));
  return {};
}

Status set_option(int context, const char* key, const char* value) {
  if (::syscall(SYS_fsconfig, context, FSCONFIG_SET_STRING, key, value, 0) != 0)
    return failed("set mount option " + quoted(key));
  return {};
}

Status set_flag(int context, const char* flag) {
  if (::syscall(SYS_fsconfig, context, FSCONFIG_SET_FLAG, flag, nullptr, 0) != 0)
    return failed("set mount option " + quoted(flag));
  return {};
}

Status make_superblock_read_only(int context) {
  if (::syscall(SYS_fsconfig, context, FSCONFIG_SET_FLAG, "ro", nullptr, 0) != 0 ||
      ::syscall(SYS_fsconfig, context, FSCONFIG_CMD_RECONFIGURE, nullptr, nullptr, 0) != 0)
    return failed("make superblock read-only");
  return {};
}

Result<Fd> mount_filesystem(int context) {
  constexpr unsigned kHarmless = MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC;
  Fd mount(static_cast<int>(::syscall(SYS_fsmount, context, FSMOUNT_CLOEXEC, kHarmless)));
  if (!mount.valid()) return failed("mount file system");
  return mount;
}

Result<Fd> clone_mount(int dirfd, const std::string& path) {
  const unsigned flags = OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_SYMLINK_NOFOLLOW |
                         (path.empty() ? static_cast<unsigned>(AT_EMPTY_PATH) : 0U);
  Fd mount(static_cast<int>(::syscall(SYS_open_tree, dirfd, path.c_str(), flags)));
  if (!mount.valid()) return failed("clone mount of " + quoted(path));
  return mount;
}

Result<Fd> clone_tree(int mount) {
  const unsigned flags = OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_RECURSIVE | AT_EMPTY_PATH;
  Fd tree(static_cast<int>(::syscall(SYS_open_tree, mount, "", flags)));
  if (!tree.valid()) return failed("clone a mount with those on it");
  return tree;
}

Status make_mount_read_only(int mount) {
  struct mount_attr attributes {};
  attributes.attr_set =
      MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC;
  if (::syscall(SYS_mount_setattr, mount, "", AT_EMPTY_PATH, &attributes, sizeof attributes) != 0)
    return failed("make mount read-only");
  return {};
}

Status make_tree_private(int mount) {
  struct mount_attr attributes {};
  attributes.propagation = kMsPrivate;
  if (::syscall(SYS_mount_setattr, mount, "", AT_EMPTY_PATH | AT_RECURSIVE, &attributes,
                sizeof attributes) != 0)
    return failed("make mounts private");
  return {};
}

Status attach_mount(int mount, int dirfd, const std::string& path) {
  const unsigned flags = MOVE_MOUNT_F_EMPTY_PATH |
                         (path.empty() ? static_cast<unsigned>(MOVE_MOUNT_T_EMPTY_PATH) : 0U);
  if (::syscall(SYS_move_mount, mount, "", dirfd, path.c_str(), flags) != 0)
    return failed(path.empty() ? "attach mount" : "attach mount at " + quoted(path));
  return {};
}

Status attach_beneath(int mount, int top) {
  const unsigned flags =
      MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH | uapi::kMoveMountBeneath;
  if (::syscall(SYS_move_mount, mount, "", top, "", flags) != 0)
    return failed("attach mount beneath another one");
  return {};
}

bool has_attach_beneath() {
  // EINVAL for a flag that is not known, and for this one EBADF: there are no such descriptors.
  return !attach_beneath(-1, -1) && errno == EBADF;
}

Status detach_mount(int fd, int proc_self_fd) {
  // umount2 takes no descriptor; the magic link of one, relative to a directory that no container
  // can replace, is as good.
  if (::fchdir(proc_self_fd) != 0) return failed("change to the descriptor directory");
  if (::umount2(std::to_string(fd).c_str(), kMntDetach) != 0) return failed("detach mount");
  return {};
}

Result<Fd> open_resolved(int dirfd, const std::string& path, uint64_t flags, uint64_t resolve) {
  struct open_how how {};
  how.flags = flags | O_CLOEXEC;
  how.resolve = resolve;
  // EAGAIN: a rename raced with the walk (openat2(2)); bounded, because a hostile container could
  // rename for ever.
  constexpr int kAttempts = 64;
  for (int attempt = 0; attempt < kAttempts; ++attempt) {
    Fd fd(static_cast<int>(::syscall(SYS_openat2, dirfd, path.c_str(), &how, sizeof how)));
    if (fd.valid()) return fd;
    if (errno != EAGAIN) break;
  }
  return failed("open " + quoted(path));
}

Result<Fd> open_pidfd(pid_t pid) {
  Fd fd(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)));
  if (!fd.valid()) return failed("open process " + std::to_string(pid));
  return fd;
}

Status enter_private_mount_namespace() {
  if (::unshare(CLONE_NEWNS) != 0) return failed("make a mount namespace");
  PINSCOPE_TRY(const Fd root, open_at(AT_FDCWD, "/", O_PATH | O_DIRECTORY));
  return make_tree_private(root.get());
}

Result<Fd> open_descriptor_directory() {
  PINSCOPE_TRY(Fd directory, open_at(AT_FDCWD, "/proc/self/fd", O_PATH | O_DIRECTORY));
  struct statfs status {};
  if (::fstatfs(directory.get(), &status) != 0 || status.f_type != PROC_SUPER_MAGIC)
    return std::unexpected(Error(ErrorCode::kSystem, "use \"/proc/self/fd\"")
                               .reason("/proc is not a proc file system"));
  return directory;
}

Status renew_descriptor_directory(int proc_self_fd) {
  // From the parent's /proc/PID/fd up to the same /proc, which this mount namespace may not have.
  PINSCOPE_TRY(const Fd own, open_at(proc_self_fd, "../../self/fd", O_PATH | O_DIRECTORY));
  if (::dup3(own.get(), proc_self_fd, O_CLOEXEC) < 0) return failed("use \"/proc/self/fd\"");
  return {};
}

}  // namespace pinscope::kernel
