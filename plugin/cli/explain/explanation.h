// What would happen to a container if it were started now: the pipeline's explanation of a bundle,
// with the policies that the next start would use. Changes nothing.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "plugin/advice/remarks.h"
#include "plugin/cli/explain/described.h"
#include "plugin/cli/term/command.h"
#include "plugin/inventory/find_container.h"
#include "plugin/pipeline/explain/explain.h"
#include "plugin/policy/language/load.h"

namespace pinscope::cli {

struct ExplainOptions {
  std::string container;  // an id, the beginning of one, a name; or a directory: its bundle
  std::string bundle;
  std::string engine;
  std::string id;                       // empty: the bundle's name
  std::vector<std::string> pod_labels;  // KEY=VALUE
  bool no_host = false;                 // do not look at the host's pins and kernel
};

// What this kernel can do, as far as plans ask.
model::Features features_of_host();

// CONTAINER, --bundle, --engine, --id, --pod-label, --no-host and the common options that
// explaining needs.
void add_explain_options(Command& command, Settings& settings, ExplainOptions& options);

// What the hook would do, and what its reader has to know beside.
struct Explained {
  // Where the container was named and had to be found.
  std::optional<inventory::FoundContainer> found;
  // Places and engines that could have known another one, and did not answer.
  std::vector<Error> unanswered;
  Explanation start;
  std::vector<advice::Remark> remarks;
  // The policy files have errors, and the set in force was used instead.
  std::vector<policy::Diagnostic> diagnostics;
  bool last_good = false;

  // Whether nothing that is known stands against it.
  [[nodiscard]] bool starts() const;
  // Whether a remark says that the view would be void or unreachable.
  [[nodiscard]] bool holds() const;
};

// Errors are those that leave nothing to explain: no container, no bundle, no readable config.json,
// no policies. Changes the working directory (see kernel::SourceOpener).
Result<Explained> explain(const Settings& settings, const ExplainOptions& options);
// The same of a container that somebody describes by options alone.
Result<Explained> explain(const Settings& settings, const ExplainOptions& options,
                          const Description& description);

}  // namespace pinscope::cli
