// What the shim and Podman's precreate stage add to a container's config.json. Works on its text:
// everything else stays byte for byte (plugin/json/edit.h).
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "plugin/base/result.h"
#include "plugin/model/bpf_commands.h"

namespace pinscope::oci {

// An entry of config.json's hooks (runtime-spec, config.md "POSIX-platform Hooks").
struct Hook {
  std::string stage;  // createRuntime
  std::string path;
  std::vector<std::string> args;  // with argv[0]
  std::vector<std::string> env;
  uint32_t timeout = 0;  // seconds
};

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
                               const std::vector<Hook>& hooks, model::BpfCommands needed);

}  // namespace pinscope::oci
