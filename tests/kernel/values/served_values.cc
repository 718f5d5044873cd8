#include "tests/kernel/values/served_values.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <new>
#include <span>

#include "tests/support/machine/check.h"

namespace pinscope::test {
namespace {

constexpr size_t kMaxMounts = 2048;
// With more mounts nobody asks for counters, which takes time with each request.
constexpr size_t kMaxCounted = 8;

struct KeptInit {
  std::atomic<size_t> size = 0;
  std::array<std::byte, 256> bytes;
};

}  // namespace

// Between this process and its servers.
struct ServedValues::Shared {
  alignas(4096) std::array<std::byte, values::kRequestBufferBytes> buffer;
  std::array<KeptInit, kMaxMounts> inits;
  std::array<std::atomic<uint64_t>, kMaxMounts> served = {};
  std::atomic<bool> started = false;
};

std::string ServedValues::why_not() {
  if (Fd(::open("/dev/fuse", O_RDWR | O_CLOEXEC)).valid()) return {};
  return "this kernel has no FUSE";
}

ServedValues::ServedValues() {
  void* memory =
      ::mmap(nullptr, sizeof(Shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  check(memory == MAP_FAILED ? -1 : 0, "mmap");
  shared_ = new (memory) Shared;
}

// NOLINTNEXTLINE(bugprone-exception-escape): a test that cannot clean up ends.
ServedValues::~ServedValues() {
  if (server_ > 0) kill();
  for (const Mount& made : mounts_) ::umount2(made.directory.c_str(), MNT_DETACH);
  ::munmap(shared_, sizeof(Shared));
}

void ServedValues::mount(const std::string& directory, std::vector<ValuesOfMap> maps,
                         bool read_only) {
  check(mounts_.size() < kMaxMounts ? 0 : -1, "mount one more");
  Fd device(check(::open("/dev/fuse", O_RDWR | O_CLOEXEC), "open /dev/fuse"));
  const std::string options = "fd=" + std::to_string(device.get()) +
                              ",rootmode=40555,user_id=0,group_id=0,allow_other,"
                              "default_permissions";
  unsigned long flags = MS_NOSUID | MS_NODEV | MS_NOEXEC;
  if (read_only) flags |= MS_RDONLY;
  check(::mount("pinscope", directory.c_str(), "fuse", flags, options.c_str()),
        "mount " + directory);
  mounts_.push_back({directory, std::move(device), std::move(maps)});
}

values::Lease ServedValues::lease_of(size_t index) const {
  const Mount& made = mounts_[index];
  values::Lease lease;
  lease.tag = index + 1;
  lease.shown = {.container = "container-" + std::to_string(index + 1),
                 .secret = std::string(64, 'a'),
                 .maps = {}};
  lease.since_ns = 1'700'000'000'000'000'000U;
  lease.device = Fd(check(::fcntl(made.device.get(), F_DUPFD_CLOEXEC, 3), "dup device"));
  for (const ValuesOfMap& map : made.maps) {
    lease.shown.maps.push_back({.name = map.name,
                                .uid = map.uid,
                                .gid = map.gid,
                                .mode = map.mode,
                                .values = map.values,
                                .map = static_cast<uint32_t>(lease.descriptors.size()),
                                .btf = std::nullopt});
    lease.descriptors.emplace_back(check(::fcntl(map.map, F_DUPFD_CLOEXEC, 3), "dup map"));
  }
  const KeptInit& init = shared_->inits[index];
  lease.init.assign(reinterpret_cast<const char*>(init.bytes.data()), init.size);
  return lease;
}

void ServedValues::serve() {
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  const auto keep = [&](uint64_t tag, std::span<const std::byte> request) {
    KeptInit& init = shared_->inits[tag - 1];
    std::ranges::copy(request.first(std::min(request.size(), init.bytes.size())),
                      init.bytes.begin());
    init.size = request.size();
  };
  auto server = values::Server::open(shared_->buffer, {.on_init = keep, .on_ended = {}}, limits_);
  if (!server) ::_exit(11);
  for (size_t i = 0; i < mounts_.size(); ++i)
    if (!server->add(lease_of(i))) ::_exit(12);
  std::array<uint64_t, kMaxMounts> before{};
  for (size_t i = 0; i < kMaxMounts; ++i) before[i] = shared_->served[i];
  shared_->started = true;
  for (;;) {
    if (!server->turn(-1)) ::_exit(13);
    if (mounts_.size() > kMaxCounted) continue;
    for (const auto& lease : server->leases())
      shared_->served[lease.tag - 1] = before[lease.tag - 1] + lease.counters.requests;
  }
}

void ServedValues::start() {
  shared_->started = false;
  server_ = check(::fork(), "fork");
  if (server_ == 0) serve();
  while (!shared_->started) {
    int status = 0;
    if (::waitpid(server_, &status, WNOHANG) == server_) {
      server_ = -1;
      throw std::system_error(WEXITSTATUS(status), std::generic_category(), "the server ended");
    }
    ::usleep(1000);
  }
}

void ServedValues::kill() {
  ::kill(server_, SIGKILL);
  ::waitpid(server_, nullptr, 0);
  release();
}

void ServedValues::release() {
  server_ = -1;
  const auto left = values::abandoned_request(shared_->buffer);
  if (!left) return;
  const int device = mounts_[left->lease - 1].device.get();
  Status released;
  if (left->is_init) {
    KeptInit& init = shared_->inits[left->lease - 1];
    std::ranges::copy(left->bytes, init.bytes.begin());
    init.size = left->bytes.size();
  } else if (refuses_) {
    released = values::refuse_request(device, left->unique);
  } else {
    released = values::release_request(device, left->unique);
  }
  if (!released)
    throw std::system_error(released.error().errnum(), std::generic_category(),
                            "release a request");
  values::end_request(shared_->buffer);
}

uint64_t ServedValues::served(uint64_t tag) const {
  return shared_->served[tag - 1];
}

size_t ServedValues::memory() const {
  std::ifstream status("/proc/" + std::to_string(server_) + "/status");
  for (std::string line; std::getline(status, line);)
    if (line.starts_with("RssAnon:")) return std::strtoull(line.c_str() + 8, nullptr, 10) << 10U;
  return 0;
}

}  // namespace pinscope::test
