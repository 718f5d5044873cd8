// Asking a service of ours at its status socket how it is. Who answers there may hang, be damaged
// or be somebody else: an answer has a time and a size.
#pragma once

#include <chrono>
#include <cstddef>
#include <optional>
#include <string>

namespace pinscope::inventory {

struct Asked {
  bool listens = false;                  // somebody has the socket open
  std::optional<std::string> text = {};  // nothing: no whole answer within the time and the size
};

inline constexpr std::chrono::milliseconds kTimeToAnswer{3000};

// Everything that comes from the Unix socket at `path` up to the end of the connection, of at most
// `longest` bytes. Takes half a second to be accepted, and `time` for the answer, at most.
Asked ask_service(const std::string& path, size_t longest,
                  std::chrono::milliseconds time = kTimeToAnswer);

// Whether there is something at `path`: a service has been there since this machine started.
bool was_there(const std::string& path);

}  // namespace pinscope::inventory
