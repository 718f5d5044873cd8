// Records whose process has ended and that nobody removes: crun runs no poststop for a container
// whose creation failed behind the hook (tried: 1.8.1, 1.28); a runtime that was killed runs none
// either, and a process that waited for the end of a session (session.h) may have been killed.
#pragma once

#include <string>

#include "plugin/pipeline/options.h"
#include "plugin/record/store.h"

namespace pinscope {

// Collects such records, each with a line in the audit trail ("collected"); what fails is left to
// the next start, or to `pinscope gc`. A few at most, at most once a second, so that a start costs
// the same with many of them: one whose process is gone is noted, and a later start that finds the
// note some seconds old removes it, because poststop has its time.
void collect_ended(const HookOptions& options, const record::Store& records,
                   const std::string& stage);

}  // namespace pinscope
