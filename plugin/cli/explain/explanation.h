// What would happen to a container if it were started now: the pipeline's explanation of a bundle,
// with the policies that the next start would use. Changes nothing.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "plugin/advice/remarks.h"
#include "plugin/cli/term/command.h"
#include "plugin/pipeline/explain.h"
#include "plugin/policy/language/load.h"

namespace pinscope::cli {

struct ExplainOptions {
  std::string bundle;
  std::string engine;
  std::string id;                       // empty: the bundle's name
  std::vector<std::string> pod_labels;  // KEY=VALUE
  bool no_host = false;                 // do not look at the host's pins and kernel
};

// --bundle, --engine, --id, --pod-label, --no-host and the common options that explaining needs.
void add_explain_options(Command& command, Settings& settings, ExplainOptions& options);

// What the hook would do, and what its reader has to know beside.
struct Explained {
  Explanation start;
  std::vector<advice::Remark> remarks;
  // The policy files have errors, and the set in force was used instead.
  std::vector<policy::Diagnostic> diagnostics;
  bool last_good = false;

  [[nodiscard]] bool starts() const;
};

// Errors are those that leave nothing to explain: no bundle, no readable config.json, no policies.
// Changes the working directory (see kernel::SourceOpener).
Result<Explained> explain(const Settings& settings, const ExplainOptions& options);

}  // namespace pinscope::cli
