// CDI (Container Device Interface) for Pinscope: a device for each policy that asks for one, whose
// edits are the hooks that give a container its view. Who asks for a device gets the hooks, not the
// view: the hook judges the policy, and refuses the start if it does not select the container.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "plugin/base/result.h"

namespace pinscope::engine {

inline constexpr std::string_view kCdiKind = "pinscope.dev/view";
inline constexpr const char* kCdiDirectory = "/etc/cdi";
inline constexpr const char* kCdiFileName = "pinscope.json";

// "pinscope.dev/view=flow-readers": what a user asks for.
std::string cdi_device(std::string_view policy);

struct CdiWiring {
  std::string hook;                  // absolute path of pinscope-hook
  std::vector<std::string> options;  // of the hook at every stage
};

// The text of a specification with one device for each of `policies`, which are sorted and not
// empty, each of which may name a device. The same arguments give the same bytes; the version is
// the lowest that holds what is used.
std::string cdi_spec(const std::vector<std::string>& policies, const CdiWiring& wiring);

// What a specification of ours says.
struct CdiFile {
  struct Device {
    std::string policy;
    std::string hook;  // empty: no hook of it requires the policy
  };
  std::string text;
  std::vector<Device> devices;
};

// Our file in `directory`; nothing if there is none. kSystem: it is there and is not ours, or
// cannot be read.
Result<std::optional<CdiFile>> read_cdi_file(const std::string& directory);

// Both replace or remove our file only, atomically; a file that is not ours is the error of
// read_cdi_file. False: nothing had to be done.
Result<bool> write_cdi_file(const std::string& directory, const std::string& text);
Result<bool> remove_cdi_file(const std::string& directory);

}  // namespace pinscope::engine
