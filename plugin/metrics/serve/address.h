// Where metrics are served: a Unix socket, or a port of the loopback. No other address: there is
// neither a password nor encryption.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "plugin/base/fd.h"
#include "plugin/base/result.h"

namespace pinscope::metrics {

struct Address {
  std::string path;  // of a Unix socket; empty: TCP
  std::string host;  // "127.0.0.1", "::1"
  uint16_t port = 0;
};

// "unix:/run/pinscope-metrics/socket", "127.0.0.1:9750", "[::1]:9750". kUsage: it is none, or not
// this machine's alone.
Result<Address> parse_address(std::string_view text);

// Whether it is an address within 127.0.0.0/8, or ::1.
bool is_loopback_address(const std::string& host);

// A socket that listens there; does not block. That of a Unix socket has mode 0600, or 0660 for a
// group, from the moment at which it is there; one that nobody listens at is replaced. Its
// directory is made (0755) if it is not there, and must be root's, like those above. An error says
// if somebody listens there.
Result<Fd> listen_at(const Address& address, std::optional<gid_t> group);

}  // namespace pinscope::metrics
