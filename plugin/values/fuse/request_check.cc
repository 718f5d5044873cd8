#include "plugin/values/fuse/request_check.h"

#include <linux/fuse.h>

#include <cerrno>
#include <cstring>
#include <optional>

namespace pinscope::values {

namespace {

using Then = RequestVerdict::Then;

// Since Linux 6.1 and 6.6; not in all of the headers that we are built with.
constexpr uint32_t kTmpfile = 51;
// The oldest form of INIT: version and flags. Later ones are longer.
constexpr size_t kInitBytes = 16;

// Bytes that follow the header; nothing: not a request that we serve.
std::optional<size_t> bytes_of(uint32_t opcode) {
  switch (opcode) {
    case FUSE_INIT:
      return kInitBytes;
    case FUSE_LOOKUP:
      return 1;
    case FUSE_GETATTR:
      return sizeof(fuse_getattr_in);
    case FUSE_OPEN:
    case FUSE_OPENDIR:
      return sizeof(fuse_open_in);
    case FUSE_READ:
    case FUSE_READDIR:
      return sizeof(fuse_read_in);
    case FUSE_RELEASE:
    case FUSE_RELEASEDIR:
      return sizeof(fuse_release_in);
    case FUSE_STATFS:
      return 0;
    default:
      return std::nullopt;
  }
}

int error_of(uint32_t opcode) {
  switch (opcode) {
    case FUSE_SETATTR:
    case FUSE_SYMLINK:
    case FUSE_MKNOD:
    case FUSE_MKDIR:
    case FUSE_UNLINK:
    case FUSE_RMDIR:
    case FUSE_RENAME:
    case FUSE_RENAME2:
    case FUSE_LINK:
    case FUSE_WRITE:
    case FUSE_CREATE:
    case FUSE_FALLOCATE:
    case FUSE_COPY_FILE_RANGE:
    case kTmpfile:
      return EROFS;
    case FUSE_READLINK:
      return EINVAL;
    case FUSE_DESTROY:
      return 0;
    default:
      return ENOSYS;
  }
}

bool is_waited_for(uint32_t opcode) {
  return opcode != FUSE_FORGET && opcode != FUSE_BATCH_FORGET;
}

bool ends_with_text(std::span<const std::byte> request) {
  return std::memchr(request.data() + sizeof(fuse_in_header), 0,
                     request.size() - sizeof(fuse_in_header)) != nullptr;
}

}  // namespace

RequestVerdict check_request(std::span<const std::byte> request) {
  fuse_in_header header{};
  if (request.size() < sizeof header) return {};
  std::memcpy(&header, request.data(), sizeof header);
  if (header.unique == 0 || !is_waited_for(header.opcode)) return {};
  RequestVerdict verdict{.unique = header.unique, .is_init = header.opcode == FUSE_INIT};
  const auto needed = bytes_of(header.opcode);
  verdict.then = Then::kRefuse;
  if (!needed) {
    verdict.error = error_of(header.opcode);
  } else if (header.len != request.size() || request.size() - sizeof header < *needed ||
             (header.opcode == FUSE_LOOKUP && !ends_with_text(request))) {
    verdict.error = EIO;
  } else {
    verdict.then = Then::kServe;
  }
  return verdict;
}

}  // namespace pinscope::values
