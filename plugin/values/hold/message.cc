#include "plugin/values/hold/message.h"

#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

namespace pinscope::hold {
namespace {

constexpr size_t kControlSize = CMSG_SPACE(kMaxPiece * sizeof(int));

std::unexpected<Error> cannot_receive(int errnum) {
  return std::unexpected(Error::system("receive a message", errnum));
}

// The message's control data as descriptors of ours, whatever else is wrong with it.
std::vector<Fd> take_descriptors(struct msghdr& header) {
  std::vector<Fd> taken;
  for (struct cmsghdr* part = CMSG_FIRSTHDR(&header); part != nullptr;
       part = CMSG_NXTHDR(&header, part)) {
    if (part->cmsg_level != SOL_SOCKET || part->cmsg_type != SCM_RIGHTS) continue;
    const size_t count = (part->cmsg_len - CMSG_LEN(0)) / sizeof(int);
    for (size_t i = 0; i < count; ++i) {
      int fd = -1;
      std::memcpy(&fd, CMSG_DATA(part) + i * sizeof fd, sizeof fd);
      taken.emplace_back(fd);
    }
  }
  return taken;
}

// False: not before the deadline.
bool wait_for(int socket, short events, Deadline deadline) {
  struct pollfd one = {socket, events, 0};
  for (;;) {
    const auto left =
        std::chrono::ceil<std::chrono::milliseconds>(deadline - std::chrono::steady_clock::now());
    const int ready = ::poll(&one, 1, static_cast<int>(std::max<int64_t>(left.count(), 0)));
    if (ready != 0 && !(ready < 0 && errno == EINTR)) return true;
    if (ready == 0) return false;
  }
}

}  // namespace

int send_now(int socket, const Message& message, std::span<const int> descriptors) {
  struct iovec data = {const_cast<Message*>(&message), sizeof message};
  alignas(struct cmsghdr) char control[kControlSize] = {};
  struct msghdr header {};
  header.msg_iov = &data;
  header.msg_iovlen = 1;
  if (descriptors.size() > kMaxPiece) return EINVAL;
  if (!descriptors.empty()) {
    header.msg_control = control;
    header.msg_controllen = CMSG_SPACE(descriptors.size_bytes());
    struct cmsghdr* part = CMSG_FIRSTHDR(&header);
    part->cmsg_level = SOL_SOCKET;
    part->cmsg_type = SCM_RIGHTS;
    part->cmsg_len = CMSG_LEN(descriptors.size_bytes());
    std::memcpy(CMSG_DATA(part), descriptors.data(), descriptors.size_bytes());
  }
  while (::sendmsg(socket, &header, MSG_DONTWAIT | MSG_NOSIGNAL) < 0)
    if (errno != EINTR) return errno;
  return 0;
}

Result<Received> receive_now(int socket) {
  Received received;
  struct iovec data = {&received.message, sizeof received.message};
  alignas(struct cmsghdr) char control[kControlSize] = {};
  struct msghdr header {};
  header.msg_iov = &data;
  header.msg_iovlen = 1;
  header.msg_control = control;
  header.msg_controllen = sizeof control;
  ssize_t count = -1;
  do {
    count = ::recvmsg(socket, &header, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
  } while (count < 0 && errno == EINTR);
  if (count < 0) return cannot_receive(errno);
  received.descriptors = take_descriptors(header);
  if (count == 0) return cannot_receive(ECONNRESET);
  if ((header.msg_flags & MSG_CTRUNC) != 0) return cannot_receive(EMFILE);
  const Message& message = received.message;
  if (count != sizeof message || (header.msg_flags & MSG_TRUNC) != 0 ||
      message.version != kVersion || message.size > kTextSize)
    return cannot_receive(EPROTO);
  return received;
}

Status send_until(int socket, const Message& message, std::span<const int> descriptors,
                  Deadline deadline) {
  for (;;) {
    const int errnum = send_now(socket, message, descriptors);
    if (errnum == 0) return {};
    if (errnum != EAGAIN || !wait_for(socket, POLLOUT, deadline))
      return std::unexpected(
          Error::system("send a message", errnum == EAGAIN ? ETIMEDOUT : errnum));
  }
}

Result<Received> receive_until(int socket, Deadline deadline) {
  for (;;) {
    auto received = receive_now(socket);
    if (received || received.error().errnum() != EAGAIN) return received;
    if (!wait_for(socket, POLLIN, deadline)) return cannot_receive(ETIMEDOUT);
  }
}

}  // namespace pinscope::hold
