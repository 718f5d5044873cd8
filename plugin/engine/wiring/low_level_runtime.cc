#include "plugin/engine/wiring/low_level_runtime.h"

#include <algorithm>

#include "plugin/base/path.h"
#include "plugin/base/text.h"
#include "plugin/engine/wiring/daemon.h"
#include "plugin/host/file.h"
#include "plugin/model/low_level_runtime.h"

namespace pinscope::engine {
namespace {

using Level = model::Finding::Level;

std::string what_to_write() {
  return std::string("write {\"runtime\": \"/where/it/is\"} to ") + model::kRuntimeFile;
}

Result<std::string> read_runtime_file(const Tree& tree, const std::string& path) {
  PINSCOPE_TRY(auto file, tree.read(path));
  if (!file) return std::string();
  return model::parse_runtime_file(std::move(file->text), path);
}

// What the shim finds if no file says anything.
std::string usual_program(const Tree& tree, const std::string& shim) {
  for (const char* name : model::kLowLevelRuntimes)
    for (const char* directory : model::kProgramDirectories) {
      std::string path = join(directory, name);
      const auto status = tree.status(path);
      if (status && model::why_not_to_run(path, *status, tree.status(shim)).empty()) return path;
    }
  return "";
}

// A pod sees some directories of its node, and those of programs are none of them: what is not
// there may be on the node all the same.
bool shows_programs(const Tree& tree) {
  return tree.is_host() ||
         std::ranges::any_of(model::kProgramDirectories,
                             [&](const char* directory) { return tree.exists(directory); });
}

bool same_file(const Tree& tree, const std::string& one, const std::string& other) {
  const auto first = tree.status(one);
  const auto second = tree.status(other);
  return first && second && is_same_file(*first, *second);
}

// A shim of ours by its name, or this one by another.
bool is_ours(const Tree& tree, const std::string& path, const std::string& shim) {
  return model::is_shim(path) || same_file(tree, path, shim);
}

}  // namespace

Result<std::string> find_program(const Tree& tree, const NamedProgram& program) {
  const auto cannot = [&](const std::string& reason) {
    return std::unexpected(
        Error(ErrorCode::kSystem, "run what the engine runs for " + program.said_by)
            .reason(reason)
            .hint(what_to_write()));
  };
  const bool is_whole = shows_programs(tree);
  if (program.name.starts_with('/')) {
    if (!is_whole && !tree.holds(program.name).value_or(true)) return program.name;
    if (const auto usable = tree.check_program(program.name); !usable)
      return cannot(usable.error().sentence());
    return program.name;
  }
  std::vector<std::string> directories = program.directories;
  directories.insert(directories.end(), std::begin(model::kProgramDirectories),
                     std::end(model::kProgramDirectories));
  for (const auto& directory : directories) {
    const std::string path = join(directory, program.name);
    if (!tree.exists(path)) continue;
    if (const auto usable = tree.check_program(path); !usable)
      return cannot(usable.error().sentence());
    return path;
  }
  if (!is_whole && !program.directories.empty())
    return join(program.directories.front(), program.name);
  if (!is_whole)
    return cannot(quoted(program.name) + " is no path, and " + tree.root() +
                  " does not show the directories of programs");
  return cannot("there is no program " + quoted(program.name) + " in " + directories.front() +
                " or the usual directories");
}

Result<std::string> shim_program(const Tree& tree, model::Engine engine, const std::string& shim) {
  for (const auto& path : {std::string(model::kRuntimeFile), model::runtime_file_of(engine)}) {
    PINSCOPE_TRY(const auto said, read_runtime_file(tree, path));
    if (!said.empty()) return said;
  }
  return usual_program(tree, shim);
}

Result<std::string> program_to_tell(const Tree& tree, model::Engine engine,
                                    const NamedProgram& program, const std::string& shim) {
  PINSCOPE_TRY(const auto said, read_runtime_file(tree, model::kRuntimeFile));
  if (!said.empty()) return std::string();
  auto wanted = find_program(tree, program);
  // The machine may be made ready before its engine is.
  const bool is_usual = program.name == "runc" && program.directories.empty();
  if (!wanted && is_usual && engine_program(tree, engine).empty()) return std::string();
  if (!wanted) return wanted;
  if (is_ours(tree, *wanted, shim) || same_file(tree, *wanted, usual_program(tree, shim)))
    return std::string();
  return wanted;
}

void examine_program(const Tree& tree, const NamedProgram& program, const std::string& told,
                     const std::string& shim, Report& report) {
  const std::string name = model::engine_name(report.engine);
  const auto runs =
      told.empty() ? shim_program(tree, report.engine, shim) : Result<std::string>(told);
  if (!runs) {
    report.add(Level::kFail, runs.error().sentence(), "mend that file: the shim reads it");
    return;
  }
  if (runs->empty()) {
    report.add(
        Level::kFail,
        "there is no runc or crun for the shim: no container of the runtime \"pinscope\" starts",
        "pinscope engine install --engine " + name + " looks where the engine has it; or " +
            what_to_write());
    return;
  }
  if (const auto usable = tree.check_program(*runs); !usable) {
    report.add(Level::kFail,
               usable.error().sentence() + ": no container of the runtime \"pinscope\" starts",
               "pinscope engine install --engine " + name + "; or " + what_to_write());
    return;
  }
  const auto status = tree.status(*runs);
  const std::string reason =
      status ? model::why_not_to_run(*runs, *status, tree.status(shim)) : std::string();
  if (!reason.empty()) {
    report.add(Level::kFail,
               "the shim cannot run " + *runs + ": " + reason +
                   ": no container of the runtime \"pinscope\" starts",
               "pinscope engine install --engine " + name + "; or " + what_to_write());
    return;
  }
  const auto said = read_runtime_file(tree, model::kRuntimeFile);
  if (said && !said->empty()) {  // the administrator's choice
    if (!told.empty() && !same_file(tree, *said, told))
      report.add(Level::kWarn,
                 std::string(model::kRuntimeFile) + " names " + *said +
                     ", and the shim is told to run " + told +
                     " by its arguments, which count before it",
                 "pinscope engine install --engine " + name);
    return;
  }
  const auto wanted = find_program(tree, program);
  if (!wanted || is_ours(tree, *wanted, shim) || same_file(tree, *wanted, *runs)) return;
  report.add(
      Level::kWarn,
      "the shim runs " + *runs + ", for " + program.said_by + " the engine itself runs " + *wanted,
      "pinscope engine install --engine " + name);
}

}  // namespace pinscope::engine
