#include "plugin/kernel/process/own_namespace.h"

#include <sched.h>
#include <sys/mount.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstring>

#include "plugin/kernel/process/child.h"
#include "plugin/kernel/sys.h"

namespace pinscope::kernel {
namespace {

constexpr std::chrono::seconds kTimeout{10};

OwnNamespace try_here() {
  OwnNamespace found;
  if (::unshare(CLONE_NEWUSER | CLONE_NEWNS) != 0) {
    found.made = errno;
    return found;
  }
  found.made = 0;
  found.privileged = ::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == 0 ? 0 : errno;
  if (found.privileged != 0) return found;
  const auto context = create_filesystem("bpf");
  found.bpffs = context ? 0 : context.error().errnum();
  return found;
}

}  // namespace

Result<OwnNamespace> try_own_namespace() {
  const auto work = [] {
    const OwnNamespace found = try_here();
    return Result<std::string>(std::string(reinterpret_cast<const char*>(&found), sizeof found));
  };
  PINSCOPE_TRY(const std::string bytes,
               in_context(run_in_child(work, kTimeout), "try a user namespace"));
  OwnNamespace found;
  std::memcpy(&found, bytes.data(), std::min(sizeof found, bytes.size()));
  return found;
}

}  // namespace pinscope::kernel
