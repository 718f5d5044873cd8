// The memory that a request of the kernel is read into. The holder has it mapped, too: a request
// that was taken from a connection, and whose server then died, keeps its reader waiting so that
// not even SIGKILL ends it (docs/adr/0030-values-file-system.md). The holder finds it here, and
// releases the reader. Knows no libfuse.
//
//   server:  begin_request(buffer, lease)   read(device, request_bytes(buffer))   serve   ...
//   holder:  the server is gone:  if (auto found = abandoned_request(buffer)) release it
//
// One request at a time stands here, for all connections of a server.
#pragma once

#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

#include "plugin/base/result.h"

namespace pinscope::values {

// Bytes of one answer to a read. The kernel asks for no more, and wants as much room for a request.
inline constexpr size_t kMaxRead = size_t{128} << 10U;
// Bytes of the buffer, a multiple of the page: a memfd of this size, mapped shared by both.
inline constexpr size_t kRequestBufferBytes = kMaxRead + (size_t{16} << 10U);

// `buffer` has kRequestBufferBytes and is aligned to 8, in all of these.

// What stands there is a request of this lease from now on; none yet. `lease` is not 0.
void begin_request(std::span<std::byte> buffer, uint64_t lease);
// Where the next request is read to: all but the mark of the lease, and room behind it that stays.
std::span<std::byte> request_bytes(std::span<std::byte> buffer);
// No request stands there any more.
void end_request(std::span<std::byte> buffer);

// Whose request stands there, or what its server was otherwise busy with; 0: none. `memory` is a
// descriptor of the buffer, of which nothing is believed: another file has no mark.
uint64_t marked_lease(int memory);

struct AbandonedRequest {
  uint64_t lease = 0;
  uint64_t unique = 0;   // the kernel's number of it
  bool is_init = false;  // what a connection begins with; refusing it would end the connection
  std::span<const std::byte> bytes;  // of the buffer
};

// The request that a server left there; nothing if there is none, or it is of a kind that nobody
// waits for. It may have been answered already: then an answer is refused with ENOENT.
std::optional<AbandonedRequest> abandoned_request(std::span<const std::byte> buffer);

// Lets the reader of a request go on: the kernel puts what was not answered back into its queue
// (FUSE_NOTIFY_RESEND, since Linux 6.9), where the next server finds it; on older kernels the
// request is answered with `error`. Not for is_init: its bytes are kept, and the next server
// answers them. No error where it was answered already, or the connection has ended.
Status release_request(int device, uint64_t unique, int error = EIO);
// The second half of it: the error, whatever the kernel is.
Status refuse_request(int device, uint64_t unique, int error = EIO);

}  // namespace pinscope::values
