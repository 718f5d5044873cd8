// What the shim and Podman's precreate stage add to a container's config.json. Works on its text:
// everything else stays byte for byte (plugin/json/edit.h).
#pragma once

#include <string>
#include <vector>

#include "plugin/base/result.h"
#include "plugin/model/bpf_commands.h"
#include "plugin/model/hook_entry.h"

namespace pinscope::oci {

struct ConfigEdit {
  std::string text;
  bool changed = false;
  // Needed, and refused by a seccomp profile of a kind that we do not change (oci/seccomp.h).
  model::BpfCommands still_refused;
};

// Adds each hook behind those that are there, unless one with its path and arguments is; and lets
// the seccomp profile, if there is one, let `needed` through. Done a second time it changes
// nothing. `name` is for errors, which are kConfigInvalid.
Result<ConfigEdit> edit_config(std::string config_json, const std::string& name,
                               const std::vector<model::HookEntry>& hooks,
                               model::BpfCommands needed);

}  // namespace pinscope::oci
