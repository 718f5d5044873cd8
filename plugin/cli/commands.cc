#include "plugin/cli/commands.h"

#include <CLI/CLI.hpp>

#include "plugin/cli/term/help_format.h"

namespace pinscope::cli {

void build_tree(CLI::App& root, Program& program) {
  root.description(
      "Gives each container its own BPF file system with exactly the pins that a policy grants.");
  root.name("pinscope");
  root.set_help_flag("-h,--help", "Print this help and exit");
  root.set_version_flag("-v,--version", kVersionText, "Print the version and exit");
  root.formatter(help_formatter());
  root.require_subcommand(1);
  root.footer(
      "Exit status: 0 done; 1 failure, or problems found; 2 usage error; 3 drift, diff "
      "and apply --dry-run: something differs, can: no; 4 diff: somebody gets more, can: "
      "may.\nMore: `pinscope COMMAND --help`, "
      "pinscope(1), pinscope-policy(5).");
  add_check(root, program);
  add_test(root, program);
  add_explain(root, program);
  add_diff(root, program);
  add_plan(root, program);
  add_list(root, program);
  add_inspect(root, program);
  add_inventory(root, program);
  add_dump(root, program);
  add_report(root, program);
  add_drift(root, program);
  add_apply(root, program);
  add_revoke(root, program);
  add_grant(root, program);
  add_exceptions(root, program);
  add_who(root, program);
  add_can(root, program);
  add_suggest(root, program);
  add_audit(root, program);
  add_metrics(root, program);
  add_gc(root, program);
  add_cdi(root, program);
  add_run(root, program);
  add_doctor(root, program);
  add_engine(root, program);
  add_compile(root, program);
  add_node(root, program);
  add_completion(root, program);
  add_help(root, program);
  add_version(root, program);
}

}  // namespace pinscope::cli
