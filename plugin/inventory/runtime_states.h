// What runtimes (runc, crun) keep of their containers while these are there, created or running: it
// leads from an id to a bundle. A runtime's directory is root's, but what its files say came from a
// container's configuration, and is read as anybody's.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "plugin/base/result.h"
#include "plugin/model/container.h"

namespace pinscope::inventory {

struct RuntimeState {
  std::string id;
  std::string bundle;       // absolute, as the runtime has it: symbolic links are not resolved
  std::string directory;    // "/run/runc/web-1"
  pid_t pid = 0;            // of its process, and when that started, in clock ticks since boot
  uint64_t start_time = 0;  // 0 of each: the runtime does not tell
  // kUnknown where the directory does not tell: Podman and CRI-O use the runtimes' default ones.
  model::Engine engine = model::Engine::kUnknown;
};

struct RuntimeStates {
  std::vector<RuntimeState> states;
  std::vector<std::string> looked_in;  // the directories that are there
  std::vector<Error> unreadable;
};

// The containers whose ids begin with `prefix`. `root`: of the machine, for tests.
RuntimeStates runtime_states(std::string_view prefix, const std::string& root = "");

// Of these, the containers whose process still is that process; each then has the time at which it
// started, also where its runtime does not tell it.
std::vector<RuntimeState> still_running(std::vector<RuntimeState> states);

// The bundle in the text of a runtime's file: "bundle" of crun and youki; of runc the last of its
// labels of that name, because it writes its own behind the container's annotations. kSystem: there
// is none, or it is no absolute path.
Result<std::string> bundle_of_state(std::string json, const std::string& name);

}  // namespace pinscope::inventory
