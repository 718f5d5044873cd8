#include "plugin/kernel/mount/machine.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>

#include "plugin/host/file.h"
#include "plugin/kernel/process/process.h"

namespace pinscope::kernel {
namespace {

// The namespace that the kernel starts with (include/uapi/linux/nsfs.h: MNT_NS_INIT_INO, Linux
// 6.18). On older kernels it has a number that others may have, and none has this one.
constexpr ino_t kInitialNamespace = 0xEFFFFFF8;

bool is_initial(const char* link) {
  struct stat status {};
  return ::stat(link, &status) == 0 && status.st_ino == kInitialNamespace;
}

}  // namespace

Result<MachineRoot> MachineRoot::find() {
  if (same_namespace("/proc/self/ns/mnt", "/proc/1/ns/mnt") || ::geteuid() != 0)
    return MachineRoot(Fd());
  auto root = open_at(AT_FDCWD, "/proc/1/root", O_PATH | O_DIRECTORY);
  if (root) return MachineRoot(*std::move(root));
  // A security module may hide process 1 from root.
  if (is_initial("/proc/self/ns/mnt")) return MachineRoot(Fd());
  return std::unexpected(Error::system("look for pins in the machine's own mount namespace",
                                       root.error().errnum(), ErrorCode::kHostNamespace)
                             .hint("it is that of process 1, whose root takes CAP_SYS_PTRACE"));
}

int MachineRoot::directory() const {
  return elsewhere_.valid() ? elsewhere_.get() : AT_FDCWD;
}

const char* MachineRoot::proc() const {
  return elsewhere_.valid() ? "/proc/1" : "/proc/self";
}

std::string MachineRoot::path(std::string absolute) const {
  if (!elsewhere_.valid()) return absolute;
  absolute.erase(0, std::min(absolute.find_first_not_of('/'), absolute.size()));
  return absolute.empty() ? "." : absolute;
}

}  // namespace pinscope::kernel
