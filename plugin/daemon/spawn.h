// This program once more, as a process of its own with a part to play.
#pragma once

#include <sys/types.h>

#include <string>
#include <vector>

#include "plugin/base/fd.h"
#include "plugin/base/result.h"

namespace pinscope::daemon {

struct Spawned {
  pid_t pid = 0;
  Fd pidfd;  // readable when it has ended
};

// Runs /proc/self/exe with these words behind its name, no signal blocked, and of our descriptors
// the standard three and, if `third` is one, that as number 3. `apart`: in a session of its own,
// which the end of ours does not touch. Our child in any case: see reap().
Result<Spawned> spawn_self(const std::vector<std::string>& words, int third, bool apart);

// Whether it has ended. Its number is its own until it is reaped.
bool has_ended(const Spawned& process);

// Whether it has ended; then it is no more a child of ours, and `how` says how it ended.
bool reap(const Spawned& process, std::string& how);

}  // namespace pinscope::daemon
