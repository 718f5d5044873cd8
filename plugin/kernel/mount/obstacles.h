// Why a view cannot be made in a container: the sentences, for the hook, which meets the obstacle,
// and for explain, which foresees it.
#pragma once

#include <cstdint>
#include <string>

#include "plugin/base/error.h"

namespace pinscope::kernel {

// Why a bpffs that the container mounts stays where it is.
enum class Obstacle : uint8_t {
  kIsRoot,
  kRejected,
  kOutOfReach,
  kCovered,
  kOnSharedMount,
  kLocked
};
Error cannot_hide(const std::string& mount_point, Obstacle obstacle);

// `at`: the view's place. kTargetShared, and kTargetInvalid for the others.
Error target_is_shared(const std::string& at);
Error target_is_in_proc(const std::string& at);
Error target_leads_nowhere(const std::string& at, const std::string& link);
Error target_cannot_be_made(const std::string& at, const std::string& directory, int errnum);

// The runtime covers `path`, or makes it read-only, after its hooks; `path` as in config.json.
Error masked_later(const std::string& at, const std::string& path);
Error read_only_later(const std::string& at, const std::string& path);
// The same for values at `at`, which are a file system of their own.
Error values_masked_later(const std::string& at, const std::string& path);
Error values_read_only_later(const std::string& at, const std::string& path);
// `path` goes through a link of /proc that only the container's process can follow.
Error unknown_later(const std::string& path, int errnum);

}  // namespace pinscope::kernel
