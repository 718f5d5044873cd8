// `pinscope check`: reads policy files as the hook's compiler would and prints everything that is
// wrong with them. The exit status is for CI.
#include <memory>

#include "plugin/base/text.h"
#include "plugin/cli/commands.h"
#include "plugin/cli/term/diagnostics.h"
#include "plugin/health/policies.h"
#include "plugin/json/json.h"
#include "plugin/policy/language/load.h"
#include "plugin/policy/set/install.h"

namespace pinscope::cli {
namespace {

struct CheckOptions {
  std::vector<std::string> paths;
  bool strict = false;
  bool trust = false;
  bool no_host = false;
};

struct Tally {
  size_t policies = 0;
  size_t files = 0;
  size_t errors = 0;
  size_t warnings = 0;
};

std::string to_json(const std::vector<policy::Diagnostic>& diagnostics, const Tally& tally,
                    bool ok) {
  JsonWriter json(JsonWriter::Style::kPretty);
  json.object()
      .field("ok", ok)
      .field("policies", uint64_t{tally.policies})
      .field("files", uint64_t{tally.files})
      .field("errors", uint64_t{tally.errors})
      .field("warnings", uint64_t{tally.warnings})
      .key("diagnostics");
  write_diagnostics(json, diagnostics);
  json.end();
  return std::string(json.text()) + "\n";
}

Result<ExitStatus> check(const Settings& settings, const CheckOptions& options) {
  std::vector<policy::Diagnostic> diagnostics;
  Tally tally;
  const auto take = [&](policy::Loaded loaded) {
    if (!options.no_host) health::add_warnings_of_host(loaded);
    tally.policies += loaded.policies.size();
    tally.files += loaded.files.size();
    for (auto& diagnostic : loaded.diagnostics) {
      const bool is_error = diagnostic.severity == policy::Diagnostic::Severity::kError;
      ++(is_error ? tally.errors : tally.warnings);
      diagnostics.push_back(std::move(diagnostic));
    }
  };
  if (options.paths.empty())
    take(policy::load_for_install(settings.hook.policy.policy_path,
                                  settings.hook.policy.cache_directory));
  const auto trust = options.trust ? policy::Trust::kRequired : policy::Trust::kIgnored;
  for (const auto& path : options.paths) take(policy::load_path(path, trust));

  const bool ok = tally.errors == 0 && (!options.strict || tally.warnings == 0);
  if (settings.json()) {
    print(to_json(diagnostics, tally, ok));
    return ok ? kExitOk : kExitFailure;
  }
  const Palette palette = settings.palette();
  for (const auto& diagnostic : diagnostics) print(to_text(diagnostic, palette));
  std::string summary = palette.paint(ok ? Colour::kGreen : Colour::kRed, ok ? "ok" : "failed");
  summary += ": " +
             (tally.errors == 0 ? count_of(tally.policies, "policy", "policies") + " in "
                                : std::string()) +
             count_of(tally.files, "file", "files");
  if (tally.errors > 0) summary += ", " + count_of(tally.errors, "error", "errors");
  if (tally.warnings > 0) summary += ", " + count_of(tally.warnings, "warning", "warnings");
  print(summary + "\n");
  return ok ? kExitOk : kExitFailure;
}

}  // namespace

void add_check(CLI::App& root, Program& program) {
  auto options = std::make_shared<CheckOptions>();
  add_command(root, program, "check", "Check policy files and print every error and warning",
              [&program, options] { return check(program.settings, *options); })
      .arguments("PATH", options->paths,
                 "Policy files or directories (default: the installed policies). File ownership is "
                 "not checked here; use --trust to check it")
      .flag("--strict", options->strict, "Fail on warnings as well")
      .flag("--trust", options->trust,
            "Check the ownership of PATH, too: owned by root, and only root may write it")
      .flag("--no-host", options->no_host,
            "Do not compare with this host's BPF file systems, because the policies are for "
            "another host")
      .shared_options(program.settings, {"policy", "cache-dir"})
      .output_options(program.settings)
      .footer("Exit status: 0 no errors; 1 errors, or warnings with --strict; 2 usage error.");
}

}  // namespace pinscope::cli
