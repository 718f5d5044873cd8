// Records whose process has ended and that nobody removes: a session's own process becomes the
// command, so that nobody tells of its end; crun runs no poststop for a container whose creation
// failed behind the hook (tried: 1.8.1, 1.28); a runtime that was killed runs none either.
#pragma once

#include <string>
#include <string_view>

#include "plugin/pipeline/options.h"
#include "plugin/record/store.h"

namespace pinscope {

// Sessions: what their ids begin with, and the stage at which they are made.
inline constexpr std::string_view kSessionPrefix = "session-";
inline constexpr const char* kSessionStage = "run";

// Collects such records, each with a line in the audit trail ("collected"); what fails is left to
// the next start, or to `pinscope gc`. At the stage kSessionStage all those of sessions. Of the
// others a few at most, at most once a second, so that a start costs the same with many of them:
// one whose process is gone is noted, and a later start that finds the note some seconds old
// removes it, because poststop has its time.
void collect_ended(const HookOptions& options, const record::Store& records,
                   const std::string& stage);

}  // namespace pinscope
