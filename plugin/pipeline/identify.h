// Who the container is: from the state that a runtime gives, and the config.json of its bundle.
#pragma once

#include <optional>
#include <string>

#include "plugin/base/result.h"
#include "plugin/model/container.h"
#include "plugin/oci/state.h"
#include "plugin/pipeline/options.h"
#include "plugin/pipeline/run_log.h"
#include "plugin/policy/set/compiled.h"

namespace pinscope {

// The container of a start, and nothing if none of the policies is for it: a sandbox, or one whose
// configuration cannot be found, where no policy is for its engine. `log` learns who it is.
Result<std::optional<model::Container>> identify(const HookOptions& options,
                                                 const policy::CompiledSet& policies,
                                                 std::string state_json, RunLog& log);

// The container that a configuration describes.
Result<model::Container> container_of(const oci::State& state, std::string config,
                                      model::Engine engine, const oci::PodLabels& pod_labels);

// The text of the container's config.json. crun gives its working directory for the bundle, which
// is "/" where it sends devices into a user namespace (tried: 1.8.1, 1.28). What lies there, or
// beside the root file system, may be anybody's: the bundle is then the one that the runtime's own
// command line names for this container; kStateInvalid if it names none. The bundle in `state`
// becomes its path without symbolic links: runc takes its own for the bundle from the environment
// (PWD), crun from getcwd(2), and which name of a directory somebody chose must not decide which
// policies select. kConfigInvalid: there is no such file.
Result<std::string> read_config(oci::State& state);

// The same text, of a bundle that somebody names. kSystem: there is no such file.
Result<std::string> read_config_of(std::string& bundle);

// Whether a runtime above this process is at work at a container of this id, as its command line
// says.
bool runtime_makes(const std::string& id);

}  // namespace pinscope
