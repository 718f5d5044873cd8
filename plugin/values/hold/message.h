// Messages of protocol.h over a socket: one call for each, with the descriptors that come along.
#pragma once

#include <chrono>
#include <span>
#include <vector>

#include "plugin/base/fd.h"
#include "plugin/base/result.h"
#include "plugin/values/hold/protocol.h"

namespace pinscope::hold {

using Deadline = std::chrono::steady_clock::time_point;

// Sends without waiting. At most kMaxPiece descriptors. The errno: 0, or EAGAIN if there is no room
// yet, or what else sendmsg(2) says.
int send_now(int socket, const Message& message, std::span<const int> descriptors = {});

struct Received {
  Message message;
  std::vector<Fd> descriptors;
};
// Receives without waiting. Errors are errno's: EAGAIN if nothing has come, ECONNRESET at the end
// of the connection, EPROTO for what is not a message of this version, EMFILE if there were more
// descriptors than a message has or than this process may open: these are closed.
Result<Received> receive_now(int socket);

// The same two, waiting until `deadline`: ETIMEDOUT.
Status send_until(int socket, const Message& message, std::span<const int> descriptors,
                  Deadline deadline);
Result<Received> receive_until(int socket, Deadline deadline);

}  // namespace pinscope::hold
