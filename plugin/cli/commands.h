// The commands of `pinscope`: each is a file or a folder with one function that hangs it into the
// command tree. main.cc builds the tree, parses, and runs the command that was chosen.
#pragma once

#include "plugin/cli/term/command.h"

namespace pinscope::cli {

// One function for each command, each in the file of its name.
void add_check(CLI::App& root, Program& program);
void add_test(CLI::App& root, Program& program);
void add_explain(CLI::App& root, Program& program);
void add_diff(CLI::App& root, Program& program);
void add_plan(CLI::App& root, Program& program);
void add_list(CLI::App& root, Program& program);
void add_inspect(CLI::App& root, Program& program);
void add_inventory(CLI::App& root, Program& program);
void add_dump(CLI::App& root, Program& program);
void add_report(CLI::App& root, Program& program);
void add_drift(CLI::App& root, Program& program);
void add_apply(CLI::App& root, Program& program);
void add_revoke(CLI::App& root, Program& program);
void add_grant(CLI::App& root, Program& program);
void add_exceptions(CLI::App& root, Program& program);
void add_who(CLI::App& root, Program& program);
void add_can(CLI::App& root, Program& program);
void add_suggest(CLI::App& root, Program& program);
void add_audit(CLI::App& root, Program& program);
void add_metrics(CLI::App& root, Program& program);
void add_gc(CLI::App& root, Program& program);
void add_cdi(CLI::App& root, Program& program);
void add_run(CLI::App& root, Program& program);
void add_doctor(CLI::App& root, Program& program);
void add_engine(CLI::App& root, Program& program);
void add_compile(CLI::App& root, Program& program);
void add_node(CLI::App& root, Program& program);
void add_completion(CLI::App& root, Program& program);
void add_help(CLI::App& root, Program& program);
void add_version(CLI::App& root, Program& program);

inline constexpr const char* kVersionText = "pinscope " PINSCOPE_VERSION;

// The whole tree: what --help, the completions and the man page test walk.
void build_tree(CLI::App& root, Program& program);

}  // namespace pinscope::cli
