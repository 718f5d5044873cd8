#include "plugin/kernel/process/own_namespace.h"

#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>

#include "plugin/base/fd.h"
#include "plugin/kernel/sys.h"

namespace pinscope::kernel {
namespace {

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
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) return std::unexpected(Error::system("make a pipe", errno));
  const Fd reading(ends[0]);
  Fd writing(ends[1]);
  const pid_t child = ::fork();
  if (child < 0) return std::unexpected(Error::system("start a process", errno));
  if (child == 0) {
    const OwnNamespace found = try_here();
    ::_exit(::write(writing.get(), &found, sizeof found) == sizeof found ? 0 : 1);
  }
  writing.reset();
  OwnNamespace found;
  const ssize_t length = ::read(reading.get(), &found, sizeof found);
  while (::waitpid(child, nullptr, 0) < 0 && errno == EINTR) {
  }
  if (length != sizeof found)
    return std::unexpected(Error(ErrorCode::kSystem, "try a user namespace")
                               .reason("the process that tried it did not answer"));
  return found;
}

}  // namespace pinscope::kernel
