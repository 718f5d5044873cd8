#include "plugin/values/fuse/request_buffer.h"

#include <fcntl.h>
#include <linux/fuse.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstring>

namespace pinscope::values {

namespace {

// The mark of the lease, with a cache line of its own.
constexpr size_t kMarkBytes = 64;
// Stays unread behind a request, so that a text in it has an end.
constexpr size_t kRoomBehind = size_t{4} << 10U;

// Of <linux/fuse.h> since Linux 6.9.
constexpr int kNotifyResend = 7;
// FUSE_INT_REQ_BIT of fs/fuse/dev.c: the number of an interruption, which nobody waits for.
constexpr uint64_t kInterruptionBit = 1;

// Other processes see what is written in this order.
void store_mark(std::span<std::byte> buffer, uint64_t lease) {
  std::atomic_ref(*reinterpret_cast<uint64_t*>(buffer.data()))
      .store(lease, std::memory_order_release);
}

Status write_header(int device, const fuse_out_header& header) {
  if (::write(device, &header, sizeof header) == static_cast<ssize_t>(sizeof header)) return {};
  return std::unexpected(Error::system("release a request of a file system", errno));
}

}  // namespace

void begin_request(std::span<std::byte> buffer, uint64_t lease) {
  store_mark(buffer, 0);
  std::memset(buffer.data() + kMarkBytes, 0, sizeof(fuse_in_header));
  store_mark(buffer, lease);
}

std::span<std::byte> request_bytes(std::span<std::byte> buffer) {
  return buffer.subspan(kMarkBytes, buffer.size() - kMarkBytes - kRoomBehind);
}

void end_request(std::span<std::byte> buffer) {
  store_mark(buffer, 0);
}

uint64_t marked_lease(int memory) {
  uint64_t lease = 0;
  // Reading a file of memory waits for nobody.
  if (::fcntl(memory, F_GET_SEALS) < 0) return 0;
  return ::pread(memory, &lease, sizeof lease, 0) == sizeof lease ? lease : 0;
}

std::optional<AbandonedRequest> abandoned_request(std::span<const std::byte> buffer) {
  AbandonedRequest found;
  fuse_in_header header{};
  std::memcpy(&found.lease, buffer.data(), sizeof found.lease);
  std::memcpy(&header, buffer.data() + kMarkBytes, sizeof header);
  if (found.lease == 0 || header.unique == 0 || (header.unique & kInterruptionBit) != 0)
    return std::nullopt;
  if (header.opcode == FUSE_FORGET || header.opcode == FUSE_BATCH_FORGET) return std::nullopt;
  const size_t room = buffer.size() - kMarkBytes - kRoomBehind;
  found.unique = header.unique;
  found.is_init = header.opcode == FUSE_INIT;
  found.bytes = buffer.subspan(kMarkBytes, std::min<size_t>(header.len, room));
  return found;
}

Status release_request(int device, uint64_t unique, int error) {
  const fuse_out_header resend{.len = sizeof(fuse_out_header), .error = kNotifyResend, .unique = 0};
  if (write_header(device, resend)) return {};
  return refuse_request(device, unique, error);
}

Status refuse_request(int device, uint64_t unique, int error) {
  const fuse_out_header refused{.len = sizeof(fuse_out_header), .error = -error, .unique = unique};
  auto written = write_header(device, refused);
  const int why = written ? 0 : written.error().errnum();
  if (why == ENOENT || why == ENODEV || why == EPERM) return {};
  return written;
}

}  // namespace pinscope::values
