// Unix sockets with a place in the file system: listening at one that only root and perhaps a group
// may reach, and connecting to it. A path of any length will do.
#pragma once

#include <sys/socket.h>
#include <sys/types.h>
#include <sys/un.h>

#include <chrono>
#include <optional>
#include <string>

#include "plugin/base/fd.h"
#include "plugin/base/result.h"

namespace pinscope {

struct SocketPlace {
  std::string path;  // absolute
  int type = SOCK_STREAM;
  mode_t directory_mode = 0755;     // of its directory, if that has to be made
  std::optional<gid_t> group = {};  // may connect beside root
};

// A socket that listens there; does not block. It has mode 0600, or 0660 for a group, from the
// moment at which it is there; one that nobody listens at is replaced. Its directory is made if it
// is not there, and must be root's, like those above. An error says if somebody listens there.
Result<Fd> listen_at_socket(const SocketPlace& place);

// A socket that is connected to the one at `path`; blocks no longer than `timeout`, if that is
// positive, while whoever listens there does not accept. Errors keep the errno: ENOENT and
// ECONNREFUSED if nobody listens, EAGAIN after the timeout.
Result<Fd> connect_to_socket(const std::string& path, int type, std::chrono::milliseconds timeout);

// A socket's address within an open directory, which no length of its path makes too long and
// nobody can exchange. It holds while `directory` is open.
Result<struct sockaddr_un> socket_address_in(int directory, const std::string& name,
                                             const std::string& path);

}  // namespace pinscope
