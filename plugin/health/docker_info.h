// What the dockerd that runs goes by, asked over its socket: it reads daemon.json again only when
// it is told to.
#pragma once

#include <optional>
#include <string>

namespace pinscope::health {

struct DockerInfo {
  bool knows_pinscope = false;  // the runtime of that name
  std::string default_runtime;
};

// GET /info at `socket`; nothing if nobody answers within two seconds, or not with that.
std::optional<DockerInfo> docker_info(const std::string& socket);

}  // namespace pinscope::health
