// The command line of pinscope-runtime: the name by which it was called, its own options in front
// of those of the low-level runtime, and which low-level runtime that is.
#pragma once

#include <string>
#include <vector>

#include "plugin/base/result.h"
#include "plugin/pipeline/options.h"

namespace pinscope {

struct ShimOptions {
  HookOptions hook;                    // for deciding, and for the hooks that are added
  std::string runtime;                 // --pinscope-runtime; empty: not given
  std::vector<std::string> arguments;  // the low-level runtime's, without argv[0]
  bool help = false;
  bool version = false;
};

// `words` begins with argv[0]. Our options come first, as `--pinscope-x VALUE` or
// `--pinscope-x=VALUE`; they end at the first argument that is not one of them. The engine is the
// one of --pinscope-engine, or of the name in argv[0] (pinscope-runtime-docker). kUsage.
Result<ShimOptions> parse_shim_options(const std::vector<std::string>& words);

// The program that a runtime file names (see model::parse_runtime_file). Only root may be able to
// change the file. kConfigInvalid.
Result<std::string> read_runtime_file(const std::string& path);

// What /etc/pinscope/runtime.json names, or /etc/pinscope/runtime-ENGINE.json, which the
// installation makes where the engine itself would have run another program than we would find.
// Empty if neither does.
Result<std::string> told_runtime(model::Engine engine);

// The low-level runtime: the one that was told, if any; or else the first of runc and crun that is
// in one of the system's directories; never looked for in PATH. Never this program. The result may
// be a symbolic link.
Result<std::string> find_runtime(const std::string& told);

}  // namespace pinscope
