// What every entry that has the hook run says, whoever writes it: config.json, a hooks directory, a
// CDI file, an NRI answer.
#pragma once

#include <chrono>
#include <cstdint>

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

}  // namespace pinscope::model
