// Where containerds keep their root file, and what goes with it: the directories of their programs,
// how they are restarted, and who writes the file.
#pragma once

#include <string>
#include <vector>

#include "plugin/engine/wiring/daemon.h"
#include "plugin/engine/wiring/receipt.h"
#include "plugin/engine/wiring/tree.h"

namespace pinscope::engine {

struct ContainerdPlace {
  std::string root;
  std::string restart;
  bool generated = false;             // at each start, by somebody else
  std::vector<std::string> programs;  // where it looks for runc before the usual directories
};

// `wanted`: the root file, or empty: the one that is there, or that containerd is started with. An
// error if there is more than one.
Result<ContainerdPlace> choose_containerd(const Tree& tree, const std::string& wanted);
// The drop-in that an installation has made; empty if none.
inline constexpr const char* kContainerdDropIn = "99-pinscope.toml";
std::string containerd_drop_in(const Receipt& receipt);
// The place that an installation was made for. `drop_in`: its drop-in, or empty.
ContainerdPlace containerd_of(const Tree& tree, const Receipt& receipt, const std::string& drop_in);

// Whether a process is a containerd of its own, and not the one that dockerd starts for itself.
bool is_own_containerd(const DaemonCommand& command);

// Another root file that containerd is started with, and where that is said; empty if it reads
// `root`, or if nobody says.
std::string other_containerd_root(const Tree& tree, const std::string& root);

}  // namespace pinscope::engine
