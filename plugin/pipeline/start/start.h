// The start of a container: start reading here. start.cc has the whole way from the state JSON to
// the view, as a list of steps.
#pragma once

#include <string>

#include "plugin/base/result.h"
#include "plugin/model/container.h"
#include "plugin/pipeline/options.h"
#include "plugin/pipeline/run_log.h"
#include "plugin/policy/set/compiled.h"

namespace pinscope {

// The createRuntime hook (prestart for old engines): gives the container its view, or leaves it
// alone if no policy selects it. On an error the container must not start; nothing of ours is left
// in it. Needs root; changes this process's mount namespace and gives up its privileges on the way.
Status create_runtime(const HookOptions& options, std::string state_json);

// A container, or a process of the host in its own mount namespace, that gets a view.
struct Subject {
  model::Container container;
  bool is_session = false;
};

// The steps from the policies in force to the view, for both of them. False if no policy selects
// the subject, which is then left alone. `log` hears of what was given; an error is the caller's to
// tell.
Result<bool> give_view(const HookOptions& options, const policy::CompiledSet& policies,
                       Subject subject, RunLog& log);

}  // namespace pinscope
