// The bundle's config.json: the few fields we need of it (runtime-spec, config.md,
// config-linux.md).
#pragma once

#include <string>

#include "plugin/base/result.h"
#include "plugin/model/container.h"
#include "plugin/oci/state.h"

namespace pinscope::oci {

// `state` as the runtime gave it (or, for `explain --bundle`, a made-up one with the bundle's
// path), `engine` as the hook was installed. Identity comes only from keys that this engine itself
// writes.
Result<model::Container> read_container(const State& state, std::string config_json,
                                        model::Engine engine);

}  // namespace pinscope::oci
