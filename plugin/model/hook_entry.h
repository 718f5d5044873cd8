// The entry that runs the hook, the same in every file: config.json, a hooks directory, a CDI file,
// an NRI answer.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

namespace pinscope {
class JsonWriter;
}

namespace pinscope::model {

// How long a hook waits for changed policies to be compiled; then the last good set counts.
inline constexpr std::chrono::seconds kLongestPolicyRefresh{30};

// When the runtime ends the hook. Views are made in milliseconds, so only the refresh matters: a
// hook that is ended just when the last good set would have been used stops the container for
// nothing.
inline constexpr std::chrono::seconds kHookTimeout{60};
static_assert(kHookTimeout >= 2 * kLongestPolicyRefresh);

// The hook needs no variable, but one without an environment gets another's: the engine's, or what
// the image says (runc before 1.3, at createContainer).
inline constexpr const char* kHookEnvironment = "PATH=/usr/sbin:/usr/bin:/sbin:/bin";

// An entry of config.json's hooks (runtime-spec, config.md "POSIX-platform Hooks").
struct HookEntry {
  std::string stage;  // createRuntime
  std::string path;
  std::vector<std::string> args;  // with argv[0]
  std::vector<std::string> env;
  uint32_t timeout = 0;  // seconds

  friend bool operator==(const HookEntry&, const HookEntry&) = default;
};

// The entry that runs `program`, an absolute path, with `arguments` at `stage`, whose name is the
// last argument: no engine tells a hook at which stage it runs. argv[0] is the program's name, as
// in the runtime-spec's own examples.
HookEntry hook_entry(std::string stage, std::string program,
                     const std::vector<std::string>& arguments);

// Adds the members that all of these files have in common: path, args, env, timeout.
void add_members(JsonWriter& json, const HookEntry& entry);

}  // namespace pinscope::model
