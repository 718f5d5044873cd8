// How Pinscope is wired into an engine: what installing and removing would change, and what is
// there now. One file for each engine says how; nothing here runs a program or changes a file.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "plugin/engine/wiring/change.h"
#include "plugin/engine/wiring/daemon.h"
#include "plugin/engine/wiring/receipt.h"
#include "plugin/model/container.h"
#include "plugin/model/finding.h"

namespace pinscope::engine {

struct Options {
  std::string hook;  // pinscope-hook, as the engine's machine sees it
  std::string shim;  // pinscope-runtime-NAME, the same
  // What they are told besides: --policy /x, --pinscope-policy /x, where it is not the default.
  std::vector<std::string> hook_arguments;
  std::vector<std::string> shim_arguments;
  // Make the shim the engine's default runtime, or not; nothing: as it was asked for before.
  std::optional<bool> set_default;
  bool force = false;              // write over changes that others made to our files
  std::string containerd_config;   // empty: find it
  std::string containerd_version;  // "1.7.24"; empty: not known
};

struct WiringPlan {
  Changes changes;
  std::vector<std::string> next;      // what is left for the administrator to do, in order
  std::vector<std::string> warnings;  // what the caller may not have meant
  std::string checked_file;           // a file that the engine itself can check once it is written
  // Options of its unit without which its answer could be another one. None that does anything.
  std::vector<std::string> checked_with;
};

struct Report {
  model::Engine engine = model::Engine::kUnknown;
  bool wired = false;              // an installation is there, whole or not
  bool set_default = false;        // containers that name no runtime were to meet Pinscope, too
  model::Findings findings;        // in the order in which they matter
  std::vector<std::string> files;  // that an installation has made or has a part in
  // What has a say and was not understood: "how docker starts: cannot read …". A finding for each.
  std::vector<std::string> unclear;
  // Whether a container that the engine starts now meets Pinscope, as far as can be told for sure.
  [[nodiscard]] bool effective() const;
  // Adds a finding on this engine.
  void add(model::Finding::Level level, std::string detail, std::string action = "");
};

// What was asked for now, before (the receipt), or is so anyhow, because somebody else made it so
// or a version of Pinscope did whose receipt does not say. A plain installation takes no default
// away.
bool wants_default(const Options& options, const Receipt& receipt, bool is_default_now);
// Says that containers which name no runtime pass Pinscope by, although they were not to.
// `why`: "/etc/docker/daemon.json makes \"nvidia\" the default runtime".
void report_lost_default(Report& report, const std::string& why, const std::string& action);

// Says that something has a say in whether containers meet Pinscope and is not understood. `what`:
// "how docker starts: cannot read …".
void report_unclear(Report& report, const std::string& what);

// Says which processes of the engine were started before the wiring was made or last changed: they
// go by what they read then. `counts`: whether one of them starts containers at all.
void report_old_processes(const Tree& tree, const Receipt& receipt, Report& report,
                          const std::string& action,
                          const std::function<bool(const DaemonCommand&)>& counts);

// What each engine provides; plugin/engine/engines.h chooses among them.
struct Wiring {
  Result<WiringPlan> (*install)(const Tree& tree, const Options& options);
  Result<WiringPlan> (*remove)(const Tree& tree, const Options& options);
  void (*examine)(const Tree& tree, const Receipt& receipt, Report& report);
};

}  // namespace pinscope::engine
