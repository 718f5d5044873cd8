#include "plugin/health/runtimes.h"

#include <unistd.h>

#include "plugin/base/path.h"
#include "plugin/engine/wiring/daemon.h"
#include "plugin/health/place.h"
#include "plugin/host/installed.h"
#include "plugin/host/programs.h"
#include "plugin/model/low_level_runtime.h"

namespace pinscope::health {

using model::Finding;
using model::Findings;
using Level = Finding::Level;

namespace {

Finding runtime(const char* name, const std::string& path) {
  const std::string version = version_of(path);
  if (version.empty())
    return {Level::kWarn, "runtime", name, path + " prints no version",
            "try " + path + " --version"};
  return {Level::kOk, "runtime", name, version + " (" + path + ")", ""};
}

// The hook beside this program, which is where the installation puts it.
Finding hook() {
  const std::string path = program_beside("pinscope-hook");
  if (::access(path.c_str(), X_OK) == 0) return {Level::kOk, "runtime", "pinscope-hook", path, ""};
  return {Level::kFail, "runtime", "pinscope-hook", "not at " + path,
          "install it: without the hook no container gets a view"};
}

// Where the shim would be told to find it: those that a distribution of Kubernetes brings itself.
std::string find_runtime(const std::string& name) {
  if (std::string path = find_program(name); !path.empty()) return path;
  for (const char* directory : engine::kDistributions)
    if (std::string path = join(directory, name); ::access(path.c_str(), X_OK) == 0) return path;
  return "";
}

}  // namespace

Findings check_runtimes() {
  Findings findings = {hook()};
  bool any = false;
  for (const char* name : model::kLowLevelRuntimes) {
    const std::string path = find_runtime(name);
    if (path.empty()) continue;
    any = true;
    findings.push_back(runtime(name, path));
  }
  if (!any)
    findings.push_back({is_on_machine() ? Level::kFail : Level::kWarn, "runtime", "runc, crun",
                        "neither is installed",
                        "install one of them: apt-get install runc; or, if the engine brings its "
                        "own, write {\"runtime\": \"/where/it/is\"} to " +
                            std::string(model::kRuntimeFile)});
  for (const char* name : {"runsc", "kata-runtime"})
    if (const std::string path = find_program(name); !path.empty())
      findings.push_back({Level::kWarn, "runtime", name, path,
                          "its containers do not use this kernel: they are refused if a policy "
                          "selects them"});
  return findings;
}

}  // namespace pinscope::health
