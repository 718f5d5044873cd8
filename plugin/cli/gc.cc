// `pinscope gc`: shows what inventory/collect.h removes.
#include <cerrno>
#include <memory>

#include "plugin/base/text.h"
#include "plugin/cli/commands.h"
#include "plugin/cli/term/json_output.h"
#include "plugin/inventory/collect.h"

namespace pinscope::cli {
namespace {

Result<ExitStatus> collect(const Settings& settings, inventory::CollectOptions options) {
  PINSCOPE_CHECK(check_given_path(settings, "state-dir"));
  options.state_directory = settings.hook.state_directory;
  options.audit_path = settings.hook.audit.path;
  auto collected = inventory::collect(options);
  if (!collected) {
    auto& error = collected.error();
    const bool needs_root = error.errnum() == EACCES || error.errnum() == EPERM;
    return std::unexpected(needs_root ? std::move(error).hint("this command needs root")
                                      : std::move(error));
  }
  const auto& removals = *collected;
  bool failed = false;
  for (const auto& removal : removals) failed = failed || removal.error.has_value();
  if (settings.json()) {
    JsonWriter json = begin_output();
    json.field("dry_run", options.dry_run).key("removed").array();
    for (const auto& removal : removals) {
      json.object()
          .field("kind", removal.kind)
          .field("name", removal.name)
          .field("reason", removal.reason);
      if (removal.pid != 0) json.field("bundle", removal.bundle).field("pid", int64_t{removal.pid});
      if (removal.error) json.field("error", removal.error->sentence());
      json.end();
    }
    json.end();
    print(end_output(std::move(json)));
    return failed ? kExitFailure : kExitOk;
  }
  for (const auto& removal : removals) {
    if (removal.error) {
      report(*removal.error);
      continue;
    }
    print((options.dry_run ? "would remove " : "removed ") + removal.kind + " " +
          one_line(removal.name) +
          (removal.is_twin ? " of " + quoted(removal.bundle) : std::string()) + ": " +
          removal.reason + "\n");
  }
  if (removals.empty()) print("nothing to remove\n");
  return failed ? kExitFailure : kExitOk;
}

}  // namespace

void add_gc(CLI::App& root, Program& program) {
  auto options = std::make_shared<inventory::CollectOptions>();
  add_command(root, program, "gc", "Remove records of containers that no longer run",
              [&program, options] { return collect(program.settings, *options); })
      .flag("-n,--dry-run", options->dry_run, "Say what would be removed, remove nothing")
      .flag("--damaged", options->damaged, "Also remove records that cannot be read")
      .shared_options(program.settings, {"state-dir", "audit"})
      .output_options(program.settings)
      .footer(
          "A record is removed if the process in it (pid and start time) is gone.\n"
          "Each removal is audited. A record that cannot be read is removed if its "
          "container cannot be alive; --damaged also removes it if that is not known.\n"
          "Exit status: 0 done; 1 something could not be removed; 2 usage error.");
}

}  // namespace pinscope::cli
