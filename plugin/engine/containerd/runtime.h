// Our runtime in containerd's configuration: a copy of another runtime's tables, with our shim in
// place of its program.
#pragma once

#include <string>

#include "plugin/engine/containerd/config.h"
#include "plugin/engine/containerd/place.h"
#include "plugin/engine/wiring/low_level_runtime.h"

namespace pinscope::engine {

struct ContainerdModel {
  std::string runtime = "runc";
  std::string default_runtime = "runc";  // the engine's; another one if it is not of runc's kind
  NamedProgram program;
  bool can_be_run = true;  // the default one by the shim; if not, the shim would run runc
};

// `config` is without our part.
ContainerdModel containerd_model(const ContainerdConfig& config, const ContainerdPlace& place);

// "[plugins.….containerd.runtimes.x]\n" for ".runtimes.x"
std::string containerd_table(int64_t version, const std::string& below);
// The whole table: a drop-in without runtime_type stops every container from starting. Everything
// that the model says, of whichever version of containerd, but for what it is and what it runs.
std::string runtime_tables(const ContainerdConfig& config, int64_t version,
                           const ContainerdModel& model, const std::string& shim);

}  // namespace pinscope::engine
