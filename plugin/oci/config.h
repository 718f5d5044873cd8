// The bundle's config.json: the few fields we need of it (runtime-spec, config.md,
// config-linux.md).
#pragma once

#include <string>

#include "plugin/base/result.h"
#include "plugin/model/container.h"
#include "plugin/oci/state.h"

namespace pinscope::oci {

// `config_json` is the text of the bundle's config.json; the caller bounds its size. `state` as the
// runtime gave it (or, for `explain --bundle`, a made-up one with the bundle's path), `engine` as
// the hook was installed. Identity comes only from keys that this engine itself writes. Annotations
// are config.json's: the state's are a copy of them (runtime-spec, runtime.md). Unknown fields are
// fine; one that is read here and has the wrong type is kConfigInvalid with its place. Namespaces
// and id maps are what was asked for, not what a live process has.
Result<model::Container> read_container(const State& state, std::string config_json,
                                        model::Engine engine);

}  // namespace pinscope::oci
