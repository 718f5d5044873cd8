// `pinscope compile`: checks the policies and puts them in force. The hook runs it when the files
// have changed; it reads YAML, which no part of the hook does, so it first gives up what it does
// not need: memory, time, and (where it is root) every capability.
#include <unistd.h>

#include <cstdio>
#include <memory>

#include "plugin/base/text.h"
#include "plugin/cli/commands.h"
#include "plugin/cli/term/diagnostics.h"
#include "plugin/kernel/process/privileges.h"
#include "plugin/policy/set/cache.h"
#include "plugin/policy/set/install.h"

namespace pinscope::cli {
namespace {

struct CompileOptions {
  bool allow_empty = false;
};

// A path that is not there and never was: one whose policies are in force is install()'s to judge.
Status check_policy_path(const Settings& settings) {
  auto is_there = check_given_path(settings, "policy");
  if (is_there) return is_there;
  const policy::StoreOptions& store = settings.hook.policy;
  const auto kept =
      policy::CachedSet::open(store.cache_directory, store.policy_path, policy::kSetSuffix);
  if (!kept || kept->has_value()) return {};
  return is_there;
}

Result<ExitStatus> compile(const Settings& settings, const CompileOptions& options) {
  PINSCOPE_CHECK(kernel::restrict_to_compiling());
  if (!options.allow_empty) PINSCOPE_CHECK(check_policy_path(settings));
  const auto empty = options.allow_empty ? policy::Empty::kIsMeant : policy::Empty::kAsFound;
  PINSCOPE_TRY(const policy::Loaded loaded,
               policy::install(settings.hook.policy.policy_path,
                               settings.hook.policy.cache_directory, empty));
  std::string findings;
  for (const auto& diagnostic : loaded.diagnostics)
    findings += to_text(diagnostic, Palette(wants_colour(settings.colour, STDERR_FILENO)));
  std::fputs(for_terminal(findings).c_str(), stderr);
  if (!loaded.ok()) {
    report("the policies in \"" + settings.hook.policy.policy_path +
           "\" have errors; the set in force stays in force");
    return kExitFailure;
  }
  print("in force: " + count_of(loaded.policies.size(), "policy", "policies") + " from " +
        count_of(loaded.files.size(), "file", "files") + "\n");
  return kExitOk;
}

}  // namespace

void add_compile(CLI::App& root, Program& program) {
  auto options = std::make_shared<CompileOptions>();
  add_command(
      root, program, "compile",
      "Check the policies and put them in force (the hook does this by itself after a change)",
      [&program, options] { return compile(program.settings, *options); })
      .flag("--allow-empty", options->allow_empty,
            "Accept that there are no policies any more, even if their directory is gone or was "
            "replaced")
      .shared_options(program.settings, {"policy", "cache-dir"})
      .colour_option(program.settings)
      .footer(
          "Exit status: 0 in force; 1 refused, with the reasons on standard error; 2 usage error.");
}

}  // namespace pinscope::cli
