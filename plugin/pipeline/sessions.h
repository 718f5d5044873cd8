// Records of sessions that have ended. Nobody tells us of their end: the session's own process
// becomes the command, and its view goes with its last process.
#pragma once

#include <string_view>

#include "plugin/pipeline.h"

namespace pinscope {

inline constexpr std::string_view kSessionPrefix = "session-";

// Removes them, each with a line in the audit trail ("collected"). What fails is left to the next
// session, or to `pinscope gc`.
void forget_ended_sessions(const HookOptions& options);

}  // namespace pinscope
