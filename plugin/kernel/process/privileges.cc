#include "plugin/kernel/process/privileges.h"

#include <fcntl.h>
#include <linux/close_range.h>
#include <sys/capability.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <memory>
#include <span>
#include <string_view>

#include "plugin/base/fd.h"
#include "plugin/base/text.h"

// The address sanitizer reserves terabytes of addresses that it never touches.
#if defined(__SANITIZE_ADDRESS__)
#define PINSCOPE_UNLIMITED_ADDRESS_SPACE 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define PINSCOPE_UNLIMITED_ADDRESS_SPACE 1
#endif
#endif

namespace pinscope::kernel {
namespace {

// CAP_BPF: kernels before 5.19 ask for it at BPF_OBJ_GET. libcap of Debian 12 knows the number.
constexpr auto kViewBuilding = std::to_array<cap_value_t>({
    CAP_SYS_ADMIN,        // mounts, namespaces, superblocks
    CAP_SYS_CHROOT,       // setns(2) into a mount namespace
    CAP_SYS_PTRACE,       // /proc/PID/ns and setns(2) of a process with other ids
    CAP_DAC_OVERRIDE,     // pins of mode 0600 and directories that other users own
    CAP_DAC_READ_SEARCH,  // the same for the rootfs of a user namespace
    CAP_CHOWN,            // owners of pins
    CAP_FOWNER,           // modes of pins after their owner has changed
    CAP_SETUID,  // directories in file systems of a user namespace, which hold its ids only
    CAP_SETGID,
    CAP_BPF,
});
constexpr auto kUndo = std::to_array<cap_value_t>({
    CAP_SYS_ADMIN,     // unmount
    CAP_DAC_OVERRIDE,  // remove a directory that was made in somebody else's
    CAP_FOWNER,        // the same where that one is sticky
});

// For compiling policies: far above what 10,000 of them take (see docs/policy.md), far below what
// hurts a machine.
[[maybe_unused]] constexpr rlim_t kCompilingMemory = rlim_t{1} << 30;
constexpr rlim_t kCompilingSeconds = 30;

struct FreeCapabilities {
  void operator()(cap_t capabilities) const { ::cap_free(capabilities); }
};
using Capabilities = std::unique_ptr<std::remove_pointer_t<cap_t>, FreeCapabilities>;

Error failed(const char* operation) {
  return Error::system(operation, errno);
}

// Keeps those of `wanted` that are held.
Status keep_only(std::span<const cap_value_t> wanted) {
  const Capabilities held(::cap_get_proc());
  const Capabilities kept(::cap_init());
  if (!held || !kept) return std::unexpected(failed("read capabilities"));
  for (const cap_value_t capability : wanted) {
    cap_flag_value_t permitted = CAP_CLEAR;
    if (::cap_get_flag(held.get(), capability, CAP_PERMITTED, &permitted) != 0 ||
        permitted == CAP_CLEAR)
      continue;
    ::cap_set_flag(kept.get(), CAP_PERMITTED, 1, &capability, CAP_SET);
    ::cap_set_flag(kept.get(), CAP_EFFECTIVE, 1, &capability, CAP_SET);
  }
  if (::cap_set_proc(kept.get()) != 0) return std::unexpected(failed("drop capabilities"));
  return {};
}

template <typename Resource>
Status lower_limit(Resource resource, rlim_t value) {
  struct rlimit now {};
  ::getrlimit(resource, &now);
  const rlim_t wanted = now.rlim_max == RLIM_INFINITY ? value : std::min(value, now.rlim_max);
  const struct rlimit lower { wanted, wanted };
  if (::setrlimit(resource, &lower) != 0)
    return std::unexpected(failed("limit what the compiler may use"));
  return {};
}

}  // namespace

bool serves_rootless_engine() {
  // A runtime that its user starts without an engine runs its hooks in no user namespace.
  if (::geteuid() != 0) return true;
  struct stat root {};
  // The usual answer, after two system calls.
  if (::stat("/", &root) != 0 || root.st_uid == 0) return false;
  // Not by its map: a namespace of another's may map every id.
  return !in_initial_user_namespace();
}

bool in_initial_user_namespace() {
  // fs/proc/: PROC_USER_INIT_INO, the same on every kernel.
  constexpr ino_t kInitialUserNamespace = 0xEFFFFFFD;
  struct stat own {};
  return ::stat("/proc/self/ns/user", &own) != 0 || own.st_ino == kInitialUserNamespace;
}

bool in_initial_pid_namespace() {
  // fs/proc/: PROC_PID_INIT_INO, the same on every kernel.
  constexpr ino_t kInitialPidNamespace = 0xEFFFFFFC;
  struct stat own {};
  return ::stat("/proc/self/ns/pid", &own) != 0 || own.st_ino == kInitialPidNamespace;
}

Error where_rights_end(Error error) {
  if ((error.errnum() != EPERM && error.errnum() != EACCES) || in_initial_user_namespace())
    return error;
  return std::move(error).hint(
      "this process is in a user namespace of its own, such as PrivateUsers= or a system container "
      "makes; views take the rights of the machine's own: start the engine there");
}

Status restrict_to_view_building() {
  ::umask(022);
  if (::syscall(SYS_close_range, 3U, ~0U, 0U) != 0)
    return std::unexpected(failed("close inherited descriptors"));
  if (::chdir("/") != 0) return std::unexpected(failed("change to \"/\""));
  if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
    return std::unexpected(failed("set no_new_privs"));
  return keep_only(kViewBuilding);
}

Status keep_file_capabilities() {
  return keep_only(kViewBuilding);
}

Status restrict_to_undo() {
  return keep_only(kUndo);
}

Status restrict_to_compiling() {
#ifndef PINSCOPE_UNLIMITED_ADDRESS_SPACE
  PINSCOPE_CHECK(lower_limit(RLIMIT_AS, kCompilingMemory));
#endif
  PINSCOPE_CHECK(lower_limit(RLIMIT_CPU, kCompilingSeconds));
  PINSCOPE_CHECK(lower_limit(RLIMIT_CORE, 0));
  if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
    return std::unexpected(failed("set no_new_privs"));
  return drop_all_capabilities();
}

Status enter_root(const std::string& directory) {
  if (::chdir(directory.c_str()) != 0 || ::chroot(".") != 0 || ::chdir("/") != 0)
    return std::unexpected(
        Error::system("make " + quoted(directory) + " the root directory", errno));
  return {};
}

Status drop_all_capabilities() {
  const Capabilities none(::cap_init());
  if (!none || ::cap_set_proc(none.get()) != 0) return std::unexpected(failed("drop capabilities"));
  return {};
}

}  // namespace pinscope::kernel
