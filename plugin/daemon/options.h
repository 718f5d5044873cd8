// The options of pinscoped, from its command line or, if a runtime starts it as an NRI plugin, from
// the configuration text that the runtime passes to it.
#pragma once

#include <sys/types.h>

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "plugin/base/result.h"
#include "plugin/pipeline/options.h"

namespace pinscope::daemon {

// How a container comes by its view: its configuration gets our hooks when it is created, or the
// hook is run when it is started, for clusters that refuse plugins which add hooks.
enum class NriMode { kHooks, kStart };

struct Options {
  HookOptions hook;                     // also what the hooks are told; its engine is in `engine`
  std::string hook_path;                // default: pinscope-hook beside this program
  std::optional<model::Engine> engine;  // default: as the runtime calls itself

  bool nri = false;
  std::string nri_socket = "/var/run/nri/nri.sock";
  std::string nri_name = "pinscope";
  std::string nri_index = "50";
  NriMode nri_mode = NriMode::kHooks;
  // The profile that replaces the runtime's default, or "none". Default:
  // seccomp/runtime-default.json in share/pinscope of where this program is installed.
  std::string nri_seccomp;
  // Where metrics are served, and the group that may read them beside root; empty: nowhere.
  std::string metrics;
  std::optional<gid_t> metrics_group;
  bool follow = false;  // whether views are changed when what they follow has changed
  // Whether values are served to containers, and whether this process finds itself a holder.
  bool values = false;
  bool start_holder = true;
  bool hold = false;        // is the holder, and nothing else
  std::string status_file;  // "ready" while an engine is served, or why not; empty: none
};

// Defaults that depend on where this program is: the paths of the hook, the compiler, the profile.
Options default_options();

struct CommandLine {
  Options options;
  std::optional<std::string> output;  // of --help and --version: print it, and that is all
};
// Errors are kUsage.
Result<CommandLine> parse_command_line(const std::vector<std::string>& arguments, Options defaults);

// Whether there is a part to run, and the others fit to it. kUsage.
Status check_parts(const Options& options);

// Lines of `option: value` or `option = value`, with the names of the options without their dashes,
// "#" for comments, values in double quotes where they would be read otherwise. What only makes
// sense on the command line (nri, nri-socket, nri-name, nri-index, metrics, metrics-group,
// follow, values, hold, no-holder, status-file), what is not known and what appears twice is an
// error (kUsage) with its line.
Status apply_configuration(std::string_view text, Options& options);

}  // namespace pinscope::daemon
