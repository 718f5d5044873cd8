// Which config.json is the one of the container that a runtime's state is about.
#pragma once

#include <string>

#include "plugin/base/result.h"
#include "plugin/oci/state.h"

namespace pinscope {

// The text of the container's config.json. crun gives its working directory for the bundle, which
// is
// "/" where it sends devices into a user namespace (tried: 1.8.1, 1.28). What lies there, or beside
// the root file system, may be anybody's: the bundle is then the one that the runtime's own command
// line names for this container, and `state` is corrected; kStateInvalid if it names none.
// kConfigInvalid: there is no such file.
Result<std::string> read_config(oci::State& state);

// Whether a runtime above this process is at work at a container of this id, as its command line
// says.
bool runtime_makes(const std::string& id);

}  // namespace pinscope
