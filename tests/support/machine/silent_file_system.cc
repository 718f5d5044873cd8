#include "tests/support/machine/silent_file_system.h"

#include <fcntl.h>
#include <linux/fuse.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <new>
#include <string_view>
#include <vector>

#include "tests/support/machine/check.h"

namespace pinscope::test {

// Between this process and the server.
struct SilentFileSystem::Shared {
  std::atomic<bool> silent = false;
  std::atomic<uint64_t> unanswered = 0;
};

namespace {

constexpr uint64_t kDirectory = 2;  // the node of every "x"
constexpr size_t kLargestRequest = size_t{1} << 20;

void reply(int device, uint64_t unique, int error, const void* data, size_t size) {
  fuse_out_header header{};
  header.len = static_cast<uint32_t>(sizeof header + size);
  header.error = -error;
  header.unique = unique;
  const iovec parts[] = {{&header, sizeof header}, {const_cast<void*>(data), size}};
  (void)!::writev(device, parts, size > 0 ? 2 : 1);
}

fuse_attr attributes(uint64_t node) {
  fuse_attr attr{};
  attr.ino = node;
  attr.mode = S_IFDIR | 0755;
  attr.nlink = 2;
  return attr;
}

template <typename Out>
void reply_with(int device, uint64_t unique, const Out& out) {
  reply(device, unique, 0, &out, sizeof out);
}

// Attributes and names are good for no time at all: each question comes here.
void answer(int device, const fuse_in_header& request, const char* data) {
  switch (request.opcode) {
    case FUSE_INIT: {
      fuse_init_out out{};
      out.major = FUSE_KERNEL_VERSION;
      out.minor = FUSE_KERNEL_MINOR_VERSION;
      out.max_write = 4096;
      return reply_with(device, request.unique, out);
    }
    case FUSE_GETATTR: {
      fuse_attr_out out{};
      out.attr = attributes(request.nodeid);
      return reply_with(device, request.unique, out);
    }
    case FUSE_LOOKUP: {
      if (std::string_view(data) != "x") return reply(device, request.unique, ENOENT, nullptr, 0);
      fuse_entry_out out{};
      out.nodeid = kDirectory;
      out.attr = attributes(kDirectory);
      return reply_with(device, request.unique, out);
    }
    case FUSE_STATFS:
      return reply_with(device, request.unique, fuse_statfs_out{});
    case FUSE_OPENDIR:
      return reply_with(device, request.unique, fuse_open_out{});
    case FUSE_READDIR:
    case FUSE_RELEASEDIR:
    case FUSE_ACCESS:
      return reply(device, request.unique, 0, nullptr, 0);
    default:
      return reply(device, request.unique, ENOSYS, nullptr, 0);
  }
}

bool is_waited_for(uint32_t opcode) {
  return opcode != FUSE_FORGET && opcode != FUSE_BATCH_FORGET && opcode != FUSE_INTERRUPT;
}

}  // namespace

bool SilentFileSystem::possible() {
  return Fd(::open("/dev/fuse", O_RDWR | O_CLOEXEC)).valid();
}

void SilentFileSystem::serve(int device, Shared& shared) {
  std::vector<char> buffer(kLargestRequest);
  for (;;) {
    const ssize_t size = ::read(device, buffer.data(), buffer.size());
    if (size < 0 && (errno == EINTR || errno == ENOENT)) continue;
    if (size < static_cast<ssize_t>(sizeof(fuse_in_header))) ::_exit(0);
    fuse_in_header request{};
    std::memcpy(&request, buffer.data(), sizeof request);
    if (!is_waited_for(request.opcode)) continue;
    if (shared.silent) {
      ++shared.unanswered;
    } else {
      answer(device, request, buffer.data() + sizeof request);
    }
  }
}

SilentFileSystem::SilentFileSystem(std::string directory) : directory_(std::move(directory)) {
  void* memory =
      ::mmap(nullptr, sizeof(Shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  check(memory == MAP_FAILED ? -1 : 0, "mmap");
  shared_ = new (memory) Shared;
  Fd device(check(::open("/dev/fuse", O_RDWR | O_CLOEXEC), "open /dev/fuse"));
  const std::string options =
      "fd=" + std::to_string(device.get()) + ",rootmode=40755,user_id=0,group_id=0,allow_other";
  check(::mount("silent", directory_.c_str(), "fuse", 0, options.c_str()), "mount " + directory_);
  server_ = check(::fork(), "fork");
  if (server_ == 0) {
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    serve(device.get(), *shared_);
  }
  // The kernel asks for the terms by itself; what is asked for here is answered after that.
  struct stat status {};
  check(::stat(directory_.c_str(), &status), "stat " + directory_);
}

SilentFileSystem::~SilentFileSystem() {
  ::kill(server_, SIGKILL);
  ::waitpid(server_, nullptr, 0);
  ::umount2(directory_.c_str(), MNT_DETACH);
  ::munmap(shared_, sizeof(Shared));
}

void SilentFileSystem::fall_silent(Silence how) {
  if (how == Silence::kTaking) {
    shared_->silent = true;
  } else {
    check(::kill(server_, SIGSTOP), "stop the server");
  }
}

uint64_t SilentFileSystem::unanswered() const {
  return shared_->unanswered;
}

}  // namespace pinscope::test
