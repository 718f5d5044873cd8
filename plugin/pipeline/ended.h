// Records whose process has ended and that nobody removes: a session's own process becomes the
// command, so that nobody tells of its end; crun runs no poststop for a container whose creation
// failed behind the hook (tried: 1.8.1, 1.28); a runtime that was killed runs none either.
#pragma once

#include <string>
#include <string_view>

#include "plugin/pipeline.h"
#include "plugin/record/store.h"

namespace pinscope {

inline constexpr std::string_view kSessionPrefix = "session-";

// Removes those of sessions, each with a line in the audit trail ("collected"). What fails is left
// to the next session, or to `pinscope gc`.
void forget_ended_sessions(const HookOptions& options);

// Looks at a few records at most, at most once a second, so that a start costs the same with many
// of them. One whose process is gone is noted; a later start that finds the note some seconds old
// removes it, with a line in the audit trail ("collected"): poststop has its time.
void forget_some_ended(const HookOptions& options, const record::Store& records,
                       const std::string& stage);

}  // namespace pinscope
