#include "plugin/values/fuse/connection.h"

#include <linux/fuse.h>

#include <cerrno>
#include <cstring>
#include <utility>

namespace pinscope::values {

Connection::Connection(Fd device, std::unique_ptr<FileSystem> files, Sessions& sessions,
                       Session::Send write)
    : device_(std::move(device)),
      files_(std::move(files)),
      sessions_(&sessions),
      send_([this, write = std::move(write)](std::span<const iovec> parts) {
        note(parts);
        write(parts);
      }) {
}

void Connection::note(std::span<const iovec> parts) {
  fuse_out_header header{};
  if (!parts.empty() && parts[0].iov_len >= sizeof header)
    std::memcpy(&header, parts[0].iov_base, sizeof header);
  sent_ = {.error = -header.error, .bytes = header.len};
}

void Connection::refuse(uint64_t unique, int error) {
  fuse_out_header header{.len = sizeof(fuse_out_header), .error = -error, .unique = unique};
  const iovec part{&header, sizeof header};
  send_({&part, 1});
}

// INIT comes first, and once.
void Connection::serve(std::span<std::byte> request, const RequestVerdict& verdict) {
  if (verdict.is_init == is_ready()) return refuse(verdict.unique, EIO);
  std::memset(request.data() + request.size(), 0, kRoomBehindRequest);
  if (verdict.is_init) {
    session_ = sessions_->begin(request, *files_, send_);
  } else if (!session_->process(request, *files_, send_)) {
    sent_.later = verdict.unique;
  }
}

AnswerSent Connection::process(std::span<std::byte> request) {
  sent_ = {};
  const RequestVerdict verdict = check_request(request);
  switch (verdict.then) {
    case RequestVerdict::Then::kDrop:
      break;
    case RequestVerdict::Then::kRefuse:
      refuse(verdict.unique, verdict.error);
      break;
    case RequestVerdict::Then::kServe:
      serve(request, verdict);
      break;
  }
  return sent_;
}

}  // namespace pinscope::values
