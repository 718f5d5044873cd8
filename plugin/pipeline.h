// The whole flow, one function for each hook stage: start reading here. The stages do not know each
// other; they meet in pipeline.cc, which decides nothing itself. What happens before there is a
// hook is in pipeline/prepare.h, and explaining without doing in pipeline/explain.h.
//
//   state JSON --oci--> Container --policy--> Decision --plan--> Plan --apply--> the view
//                                             record: intent before, outcome after; audit: one line
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <string>
#include <vector>

#include "plugin/base/result.h"
#include "plugin/pipeline/options.h"

namespace pinscope {

// The createRuntime hook (prestart for old engines): gives the container its view, or leaves it
// alone if no policy selects it. On an error the container must not start; nothing of ours is left
// in it. Needs root; changes this process's mount namespace and gives up its privileges on the way.
Status create_runtime(const HookOptions& options, std::string state_json);

// A start as far as it is known when it is refused.
struct Start {
  std::string stage;         // as the audit trail calls it: createRuntime, shim
  std::string container_id;  // empty: not known yet
  std::string bundle;
};

// A start that is refused outside of create_runtime(): tells the audit trail, which is all that an
// operator sees where the runtime hides stderr.
void report_refused_start(const HookOptions& options, const Start& start, const Error& error);

// The poststop hook: forgets the container. Its view went with its mount namespace.
Status poststop(const HookOptions& options, std::string state_json);

// A process of the host, in a mount namespace of its own (kernel/process/session.h), and who will
// run in it.
struct Session {
  pid_t pid = 0;
  uint32_t uid = 0;
  uint32_t gid = 0;
  std::vector<uint32_t> groups;
};

// Gives a session the view that the policies grant its user, as create_runtime does for a
// container; to be called in the host's mount namespace, by a process of its own, with root's
// privileges. False if no policy selects the session, which is then left alone.
Result<bool> open_session(const HookOptions& options, const Session& session);

}  // namespace pinscope
