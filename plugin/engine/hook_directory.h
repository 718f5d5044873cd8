// Engines that read a directory of hook files: Podman and CRI-O. Each gets a directory of its own,
// which a drop-in adds to those that the engine reads already. They must not share one, although
// both read /usr/share/containers/oci/hooks.d by default: the hook's arguments say which engine
// runs it, and with that, whose annotations are to be trusted (docs/adr/0008-wiring-of-engines.md).
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "plugin/engine/wiring/toml.h"
#include "plugin/engine/wiring/wiring.h"

namespace pinscope::engine {

inline constexpr const char* kDefaultHooksDirectory = "/usr/share/containers/oci/hooks.d";

struct HookDirectory {
  model::Engine engine;
  const char* title;                     // "Podman"
  std::vector<std::string_view> stages;  // a hook file for each
  std::vector<const char*> configs;      // files that the engine reads first, in order
  const char* drop_ins;                  // the directory whose files it reads then, by name
  const char* suffix;                    // of the drop-ins that count; "" for all
  bool below = false;                    // it reads those in directories below, too
  TomlPath key;                          // of the list of directories
  std::vector<std::string> next;         // what to do after a change
  // Variables of its unit that take the place of the list, of the drop-ins' directory; and those
  // that name other files, of which it is not known here what they say.
  const char* list_variable = "";
  const char* drop_ins_variable = "";
  std::vector<std::string_view> other_variables = {};
};

// "/etc/pinscope/hooks.d/podman", "/etc/containers/containers.conf.d/99-pinscope.conf"
std::string own_directory(const HookDirectory& wiring);
std::string drop_in(const HookDirectory& wiring);

// Which directories the engine reads, in its order.
struct HooksDirectories {
  std::vector<std::string> all;
  // As they would be without our drop-in.
  std::vector<std::string> others;
  // A file that is read after our drop-in and sets the list anew; empty if none does.
  std::string set_again_by;
};
Result<HooksDirectories> read_hooks_directories(const Tree& tree, const HookDirectory& wiring);

Result<WiringPlan> install_hooks(const Tree& tree, const Options& options,
                                 const HookDirectory& wiring);
Result<WiringPlan> remove_hooks(const Tree& tree, const Options& options,
                                const HookDirectory& wiring);
void examine_hooks(const Tree& tree, const Receipt& receipt, const HookDirectory& wiring,
                   Report& report);

}  // namespace pinscope::engine
