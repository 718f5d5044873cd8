#include "tests/support/programs/old_kernel.h"

#include <fcntl.h>
#include <linux/bpf.h>
#include <linux/mount.h>
#include <sys/syscall.h>
#include <sys/uio.h>

#include <cerrno>
#include <fstream>
#include <sstream>
#include <string>

namespace pinscope::test {
namespace {

constexpr int kStatmount = 457;
constexpr int kListmount = 458;
constexpr uint32_t kPathFd = 1U << 14;      // BPF_F_PATH_FD
constexpr unsigned kMountBeneath = 0x200;   // MOVE_MOUNT_BENEATH
constexpr unsigned kReportMounts = 0x4000;  // FAN_REPORT_MNT

void read_there(const SystemCall& call, uint64_t address, void* into, size_t size) {
  iovec here = {into, size};
  iovec there = {reinterpret_cast<void*>(address), size};  // NOLINT: an address of call.pid
  process_vm_readv(call.pid, &here, 1, &there, 1, 0);
}

// Whether bpf(2) is asked to work relative to a directory descriptor.
bool asks_for_path_fd(const SystemCall& call) {
  if (call.arguments[0] != BPF_OBJ_PIN && call.arguments[0] != BPF_OBJ_GET) return false;
  struct {
    uint64_t pathname;
    uint32_t bpf_fd;
    uint32_t file_flags;
  } attributes = {};
  read_there(call, call.arguments[1], &attributes, sizeof(attributes));
  return (attributes.file_flags & kPathFd) != 0;
}

// The mount id of a descriptor, as /proc/PID/fdinfo has it; empty if there is no such descriptor.
std::string mount_of(pid_t pid, int fd) {
  std::ifstream info("/proc/" + std::to_string(pid) + "/fdinfo/" + std::to_string(fd));
  for (std::string key, value; info >> key >> value;)
    if (key == "mnt_id:") return value;
  return "";
}

bool has_mount(pid_t pid, const std::string& id) {
  std::ifstream table("/proc/" + std::to_string(pid) + "/mountinfo");
  for (std::string line; std::getline(table, line);)
    if (line.starts_with(id + " ")) return true;
  return false;
}

// Whether a path relative to a descriptor begins on a mount that the caller's namespace has not
// got.
bool is_detached(const SystemCall& call, uint64_t descriptor, uint64_t path) {
  const int fd = static_cast<int>(descriptor);
  char first = 0;
  read_there(call, path, &first, 1);
  if (fd == AT_FDCWD || first == '/') return false;
  const std::string mount = mount_of(call.pid, fd);
  return !mount.empty() && !has_mount(call.pid, mount);
}

}  // namespace

Verdict refuse_what_is_new(const SystemCall& call) {
  const auto& arguments = call.arguments;
  bool unknown = false;
  switch (call.number) {
    case kStatmount:
    case kListmount:
      return Verdict::fail(ENOSYS);
    case SYS_fanotify_init:
      unknown = (arguments[0] & kReportMounts) != 0;
      break;
    case SYS_bpf:
      unknown = asks_for_path_fd(call);
      break;
    case SYS_open_tree:
      unknown =
          (arguments[2] & OPEN_TREE_CLONE) != 0 && is_detached(call, arguments[0], arguments[1]);
      break;
    case SYS_move_mount:
      unknown =
          (arguments[4] & kMountBeneath) != 0 || is_detached(call, arguments[2], arguments[3]);
      break;
    default:
      break;
  }
  return unknown ? Verdict::fail(EINVAL) : Verdict::run();
}

}  // namespace pinscope::test
