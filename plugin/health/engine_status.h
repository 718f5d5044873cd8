// What `pinscope engine status` and `pinscope doctor` say about an engine.
#pragma once

#include <string>
#include <vector>

#include "plugin/engine/engines.h"

namespace pinscope::health {

struct EngineStatus {
  engine::Report report;
  std::string program;  // "/usr/bin/podman"; empty if the engine is not there
  std::string version;  // what it says itself; empty below a --root, where nothing is run
};

EngineStatus look_at(const engine::Tree& tree, model::Engine engine);

// "1.7.24" of `containerd github.com/containerd/containerd 1.7.24~ds1 …`; empty if there is none.
std::string version_number(const std::string& line);

}  // namespace pinscope::health
