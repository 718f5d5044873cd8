#include "plugin/values/hold/client.h"

#include <sys/socket.h>

#include <algorithm>
#include <cerrno>

#include "plugin/host/unix_socket.h"

namespace pinscope::hold {
namespace {

Error to_holder(Error error) {
  return std::move(error)
      .with_code(ErrorCode::kHolder)
      .hint("`pinscoped --hold` keeps what containers need that read values; is it running?")
      .in("hand the values' file system over");
}

// The holder's own word comes first, if there is one. It may have closed the connection before it
// had read everything; the kernel then reports a reset once, and what was sent before that.
Error told(int socket, Error error) {
  for (int i = 0; i < 2; ++i) {
    auto answer = receive_now(socket);
    if (answer && answer->message.kind == Kind::kAnswer && answer->message.error != 0)
      return to_holder(Error::system("have them kept", answer->message.error));
  }
  return to_holder(std::move(error));
}

bool is_roots(int socket) {
  struct ucred peer {};
  socklen_t size = sizeof peer;
  return ::getsockopt(socket, SOL_SOCKET, SO_PEERCRED, &peer, &size) == 0 && peer.uid == 0;
}

}  // namespace

Result<Put> Put::begin(const std::string& socket_path, std::string_view id,
                       std::chrono::milliseconds timeout) {
  const Deadline deadline = std::chrono::steady_clock::now() + timeout;
  auto socket = connect_to_socket(socket_path, SOCK_SEQPACKET, timeout);
  if (!socket) return std::unexpected(to_holder(std::move(socket).error()));
  if (!is_roots(socket->get()))
    return std::unexpected(to_holder(Error::system("trust the holder", EPERM)));
  Message message{.kind = Kind::kBegin};
  message.set_text(id);
  if (auto sent = send_until(socket->get(), message, {}, deadline); !sent)
    return std::unexpected(told(socket->get(), std::move(sent).error()));
  return Put(*std::move(socket), deadline);
}

Status Put::add(std::span<const int> descriptors) {
  while (!descriptors.empty()) {
    const auto piece = descriptors.first(std::min(descriptors.size(), kMaxPiece));
    const Message message{.kind = Kind::kDescriptors};
    if (auto sent = send_until(socket_.get(), message, piece, deadline_); !sent)
      return std::unexpected(told(socket_.get(), std::move(sent).error()));
    count_ += static_cast<uint32_t>(piece.size());
    descriptors = descriptors.subspan(piece.size());
  }
  return {};
}

Status Put::finish() {
  const Message message{.kind = Kind::kDone, .count = count_};
  auto sent = send_until(socket_.get(), message, {}, deadline_);
  if (!sent) return std::unexpected(told(socket_.get(), std::move(sent).error()));
  auto answer = receive_until(socket_.get(), deadline_);
  if (!answer) return std::unexpected(told(socket_.get(), std::move(answer).error()));
  const Message& said = answer->message;
  if (said.kind != Kind::kAnswer)
    return std::unexpected(to_holder(Error::system("have them kept", EPROTO)));
  if (said.error != 0)
    return std::unexpected(to_holder(Error::system("have them kept", said.error)));
  return {};
}

}  // namespace pinscope::hold
