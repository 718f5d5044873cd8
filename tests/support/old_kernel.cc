#include "tests/support/old_kernel.h"

#include <linux/bpf.h>
#include <sys/syscall.h>
#include <sys/uio.h>

#include <cerrno>

namespace pinscope::test {
namespace {

constexpr int kStatmount = 457;
constexpr int kListmount = 458;
constexpr uint32_t kPathFd = 1U << 14;  // BPF_F_PATH_FD

// Whether bpf(2) is asked to work relative to a directory descriptor.
bool asks_for_path_fd(const SystemCall& call) {
  if (call.arguments[0] != BPF_OBJ_PIN && call.arguments[0] != BPF_OBJ_GET) return false;
  struct {
    uint64_t pathname;
    uint32_t bpf_fd;
    uint32_t file_flags;
  } attributes = {};
  iovec here = {&attributes, sizeof(attributes)};
  iovec there = {reinterpret_cast<void*>(call.arguments[1]),  // NOLINT: an address of call.pid
                 sizeof(attributes)};
  process_vm_readv(call.pid, &here, 1, &there, 1, 0);
  return (attributes.file_flags & kPathFd) != 0;
}

}  // namespace

Verdict OldKernel::operator()(const SystemCall& call) {
  if (call.number == kStatmount || call.number == kListmount) return Verdict::fail(ENOSYS);
  if (call.number == SYS_bpf && asks_for_path_fd(call)) return Verdict::fail(EINVAL);
  // The program learns it from the first one, and then clones attached trees only.
  if (call.number == SYS_open_tree && !refused_detached_tree_) {
    refused_detached_tree_ = true;
    return Verdict::fail(EINVAL);
  }
  return Verdict::run();
}

}  // namespace pinscope::test
