// The socket to the runtime: how it is opened, and reads and writes that never wait. Internal to
// nri/.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>

#include "plugin/base/fd.h"
#include "plugin/base/result.h"

namespace pinscope::nri {

// Connects to a runtime's socket. The other end has to be root's or our own user's: a runtime tells
// the plugin whose container it speaks of, and is believed.
Result<Fd> connect_to(const std::string& path);

// Prepares an inherited socket: non-blocking, close-on-exec. An error if it is not a stream socket.
Status prepare(int socket);

// What one call moved. Neither bytes nor an end: the call would have had to wait.
struct Moved {
  size_t bytes = 0;
  bool ended = false;  // reading: the other end closed it
};
Result<Moved> read_some(int socket, std::span<char> buffer);
Result<Moved> write_some(int socket, std::string_view bytes);

}  // namespace pinscope::nri
