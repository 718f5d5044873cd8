#include "tests/support/machine/fuse_superblock.h"

#include <fcntl.h>
#include <linux/mount.h>
#include <poll.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstring>
#include <stdexcept>

#include "tests/support/machine/check.h"

namespace pinscope::test {
namespace {

constexpr int kTimeoutMs = 20'000;
constexpr size_t kLargestRequest = size_t{64} << 10;

void set(int context, const char* key, const char* value) {
  check(::syscall(SYS_fsconfig, context, FSCONFIG_SET_STRING, key, value, 0), key);
}

}  // namespace

FuseSuperblock::FuseSuperblock()
    : device_(check(::open("/dev/fuse", O_RDWR | O_CLOEXEC | O_NONBLOCK), "open /dev/fuse")) {
  const Fd context(
      static_cast<int>(check(::syscall(SYS_fsopen, "fuse", FSOPEN_CLOEXEC), "fsopen fuse")));
  set(context.get(), "fd", std::to_string(device_.get()).c_str());
  set(context.get(), "rootmode", "40555");
  set(context.get(), "user_id", "0");
  set(context.get(), "group_id", "0");
  check(::syscall(SYS_fsconfig, context.get(), FSCONFIG_CMD_CREATE, nullptr, nullptr, 0),
        "make a superblock of FUSE");
  mount_ = Fd(static_cast<int>(
      check(::syscall(SYS_fsmount, context.get(), FSMOUNT_CLOEXEC, MOUNT_ATTR_NOSUID), "fsmount")));
}

std::string read_request(int device) {
  std::string request(kLargestRequest, '\0');
  struct pollfd one = {device, POLLIN, 0};
  check(::poll(&one, 1, kTimeoutMs) == 1 ? 0 : -1, "wait for a request");
  request.resize(
      static_cast<size_t>(check(::read(device, request.data(), request.size()), "read a request")));
  return request;
}

fuse_in_header header_of(const std::string& request) {
  fuse_in_header header{};
  std::memcpy(&header, request.data(), std::min(sizeof header, request.size()));
  return header;
}

void answer_init(int device, const std::string& request) {
  struct {
    fuse_out_header header;
    fuse_init_out out;
  } answer{};
  answer.header = {sizeof answer, 0, header_of(request).unique};
  answer.out.major = FUSE_KERNEL_VERSION;
  answer.out.minor = FUSE_KERNEL_MINOR_VERSION;
  answer.out.max_write = 4096;
  check(::write(device, &answer, sizeof answer), "answer INIT");
}

void answer_error(int device, const std::string& request, int errnum) {
  const fuse_out_header answer = {sizeof answer, -errnum, header_of(request).unique};
  check(::write(device, &answer, sizeof answer), "answer a request");
}

pid_t start_reader(const FuseSuperblock& file_system, const char* name) {
  const pid_t reader = check(::fork(), "fork");
  if (reader != 0) return reader;
  // With the device or a service's connection, nobody else could end them.
  const auto mount = static_cast<unsigned>(file_system.mount());
  (void)::close_range(3, mount - 1, 0);
  (void)::close_range(mount + 1, ~0U, 0);
  struct stat status {};
  const int result = ::fstatat(file_system.mount(), name, &status, 0);
  ::_exit(result == 0 ? 0 : errno);
}

int end_of_reader(pid_t reader) {
  int status = 0;
  check(::waitpid(reader, &status, 0), "wait for the reader");
  if (!WIFEXITED(status)) throw std::runtime_error("the reader was killed");
  return WEXITSTATUS(status);
}

}  // namespace pinscope::test
