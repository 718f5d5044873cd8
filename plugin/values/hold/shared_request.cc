#include "plugin/values/hold/shared_request.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

#include "plugin/values/fuse/request_buffer.h"
#include "plugin/values/hold/protocol.h"

namespace pinscope::hold {
namespace {

using values::kRequestBufferBytes;

constexpr int kSeals = F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL;
// FUSE_UNIQUE_RESEND of <linux/fuse.h>, Linux 6.9: the kernel sets it in what it asks again.
constexpr uint64_t kResent = uint64_t{1} << 63;

std::unexpected<Error> cannot(const char* what, int errnum) {
  return std::unexpected(Error::system(std::string(what) + " the request buffer", errnum));
}

// At `place`, or where the kernel likes if that is null.
Result<std::byte*> map_memory(int fd, std::byte* place = nullptr) {
  const int flags = MAP_SHARED | (place == nullptr ? 0 : MAP_FIXED);
  void* memory = ::mmap(place, kRequestBufferBytes, PROT_READ | PROT_WRITE, flags, fd, 0);
  if (memory == MAP_FAILED) return cannot("map", errno);
  return static_cast<std::byte*>(memory);
}

Status check_memory(int fd) {
  struct stat status {};
  const int seals = ::fcntl(fd, F_GET_SEALS);
  if (seals < 0 || (seals & kSeals) != kSeals || ::fstat(fd, &status) != 0 ||
      status.st_size != kRequestBufferBytes)
    return cannot("map", EPROTO);
  return {};
}

}  // namespace

SharedRequest::SharedRequest(SharedRequest&& other) noexcept
    : fd_(std::move(other.fd_)), memory_(std::exchange(other.memory_, nullptr)) {
}

SharedRequest& SharedRequest::operator=(SharedRequest&& other) noexcept {
  SharedRequest old(std::move(*this));
  fd_ = std::move(other.fd_);
  memory_ = std::exchange(other.memory_, nullptr);
  return *this;
}

SharedRequest::~SharedRequest() {
  if (memory_ != nullptr) ::munmap(memory_, kRequestBufferBytes);
}

std::span<std::byte> SharedRequest::bytes() const {
  return {memory_, kRequestBufferBytes};
}

Result<SharedRequest> SharedRequest::make() {
  SharedRequest made;
  made.fd_ = Fd(::memfd_create("pinscope-request", MFD_CLOEXEC | MFD_ALLOW_SEALING));
  if (!made.fd_.valid() || ::ftruncate(made.fd_.get(), kRequestBufferBytes) != 0 ||
      ::fcntl(made.fd_.get(), F_ADD_SEALS, kSeals) != 0)
    return cannot("make", errno);
  PINSCOPE_TRY(made.memory_, map_memory(made.fd_.get()));
  return made;
}

Result<SharedRequest> SharedRequest::map(Fd memory) {
  PINSCOPE_CHECK(check_memory(memory.get()));
  SharedRequest mapped;
  PINSCOPE_TRY(mapped.memory_, map_memory(memory.get()));
  mapped.fd_ = std::move(memory);
  return mapped;
}

Status SharedRequest::replace(Fd memory) {
  PINSCOPE_CHECK(check_memory(memory.get()));
  PINSCOPE_TRY(memory_, map_memory(memory.get(), memory_));
  fd_ = std::move(memory);
  return {};
}

void Salvage::take(std::span<const std::byte> buffer, Leases& leases) {
  const auto found = values::abandoned_request(buffer);
  Lease* lease = found ? leases.find(found->lease) : nullptr;
  if (lease == nullptr) return;
  const int device = lease->descriptors[kDevice].get();
  if (found->is_init) {
    if (lease->init.empty() && found->bytes.size() <= kTextSize)
      lease->init.assign(reinterpret_cast<const char*>(found->bytes.data()), found->bytes.size());
    return;
  }
  const uint64_t unique = found->unique & ~kResent;
  const bool is_again = lease_ == found->lease && unique_ == unique;
  lease_ = found->lease;
  unique_ = unique;
  // There is nobody to tell if it cannot be done.
  (void)(is_again ? values::refuse_request(device, found->unique)
                  : values::release_request(device, found->unique));
}

}  // namespace pinscope::hold
