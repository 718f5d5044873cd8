#include "plugin/engine/hook_directory.h"

#include <algorithm>
#include <set>

#include "plugin/base/path.h"
#include "plugin/base/text.h"
#include "plugin/engine/hook_file.h"
#include "plugin/engine/wiring/daemon.h"
#include "plugin/engine/wiring/draft.h"

namespace pinscope::engine {
namespace {

using Level = model::Finding::Level;

constexpr const char* kDropInName = "99-pinscope.conf";

std::string path_of_stage(const HookDirectory& wiring, std::string_view stage) {
  return own_directory(wiring) + "/pinscope-" + std::string(stage) + ".json";
}

bool contains(const std::vector<std::string>& list, std::string_view text) {
  return std::find(list.begin(), list.end(), text) != list.end();
}

// The files of a directory that count, by name, with ours where it is or would be.
Status add_drop_ins(const Tree& tree, const HookDirectory& wiring, const std::string& directory,
                    std::vector<std::string>& files) {
  constexpr size_t kMaxFiles = 1024;
  PINSCOPE_TRY(auto names, wiring.below ? tree.entries(directory) : tree.list(directory));
  if (directory == wiring.drop_ins && !contains(names, kDropInName))
    names.emplace_back(kDropInName);
  std::sort(names.begin(), names.end());
  for (const auto& name : names) {
    const std::string path = join(directory, name);
    const auto status = tree.status(path);
    if (status && S_ISDIR(status->st_mode)) {
      PINSCOPE_CHECK(add_drop_ins(tree, wiring, path, files));
    } else if (name.ends_with(wiring.suffix)) {
      files.push_back(path);
    }
    if (files.size() > kMaxFiles)
      return std::unexpected(Error(ErrorCode::kSystem, "read " + quoted(wiring.drop_ins))
                                 .reason("there are too many files below it"));
  }
  return {};
}

// The files that the engine reads, in its order, with our drop-in.
Result<std::vector<std::string>> config_files(const Tree& tree, const HookDirectory& wiring) {
  std::vector<std::string> files(wiring.configs.begin(), wiring.configs.end());
  PINSCOPE_CHECK(add_drop_ins(tree, wiring, wiring.drop_ins, files));
  return files;
}

struct List {
  std::vector<std::string> items = {kDefaultHooksDirectory};
  bool append = false;
  // What a file says about the list. `append` holds for the files behind it, too.
  void take(const Toml::Texts& texts) {
    if (texts.append) append = *texts.append;
    if (!append) items.clear();
    items.insert(items.end(), texts.items.begin(), texts.items.end());
  }
};

std::string drop_in_text(const HookDirectory& wiring, const std::vector<std::string>& others) {
  const std::string name = model::engine_name(wiring.engine);
  std::string list;
  for (const auto& directory : others) list += toml_string(directory) + ", ";
  list += toml_string(own_directory(wiring));
  std::string table;
  for (size_t i = 0; i + 1 < wiring.key.size(); ++i)
    table += (i == 0 ? "" : ".") + std::string(wiring.key[i]);
  return "# Made by `pinscope engine install --engine " + name +
         "`; `pinscope engine remove --engine " + name + "` takes it away.\n# " + wiring.title +
         " reads hooks from these directories: those that it read before, and Pinscope's.\n[" +
         table + "]\n" + std::string(wiring.key.back()) + " = [" + list + "]\n";
}

// A hook file whose program is missing is passed over by the engine without a word.
void examine_programs(const Tree& tree, const Receipt& receipt, const HookDirectory& wiring,
                      Report& report) {
  std::set<std::string> programs;
  for (const auto& made : receipt.files) {
    if (!made.path.ends_with(".json")) continue;
    const auto file = tree.read(made.path);
    if (!file || !*file) continue;  // said already
    const auto program = program_of_hook_file((*file)->text, made.path);
    if (program)
      programs.insert(*program);
    else
      report.add(Level::kFail, program.error().sentence(), "install again with --force");
  }
  for (const auto& program : programs)
    if (const auto usable = tree.check_program(program); !usable)
      report.add(Level::kFail,
                 usable.error().sentence() + "; " + wiring.title +
                     " passes over such hooks without a word",
                 "put the program there, or install the wiring again with --hook");
}

// What the engine is started with takes the place of what its files say: a list of other
// directories, or other files. Nothing if ours is read all the same.
std::string elsewhere(const Tree& tree, const HookDirectory& wiring) {
  const std::string own = own_directory(wiring);
  for (const auto& command : daemon_commands(tree, wiring.engine)) {
    const auto said = [&](const char* option, const std::string& value) {
      return wiring.title + std::string(" is started with ") + option + " " + one_line(value) +
             " (" + command.where + ")";
    };
    const auto variable = [&](const char* name) -> std::vector<std::string> {
      const auto found = command.environment.find(name);
      if (found == command.environment.end() || found->second.empty()) return {};
      return {found->second};
    };
    const auto lists = command.values_of({"hooks-dir"});
    std::vector<std::string> directories;
    for (const auto& list : lists.empty() ? variable(wiring.list_variable) : lists)
      for (const auto directory : split(list, ',')) directories.emplace_back(directory);
    if (!directories.empty() && !contains(directories, own))
      return said(lists.empty() ? wiring.list_variable : "--hooks-dir", directories.front());
    const auto places = command.values_of({"config-dir", "d"});
    for (const auto& directory : places.empty() ? variable(wiring.drop_ins_variable) : places)
      if (directory != wiring.drop_ins)
        return said(places.empty() ? wiring.drop_ins_variable : "--config-dir", directory);
  }
  return "";
}

// Other files that the engine is told to read: what they say is not looked at.
void examine_other_files(const Tree& tree, const HookDirectory& wiring, Report& report) {
  for (const auto& command : daemon_commands(tree, wiring.engine)) {
    const auto unclear = [&](const std::string& name, const std::string& value) {
      report_unclear(report, "what " + std::string(wiring.title) + " reads: it is started with " +
                                 name + " " + one_line(value) + " (" + command.where + ")");
    };
    for (const auto& file : command.values_of({"config", "c"}))
      if (file != wiring.configs.front()) unclear("--config", file);
    for (const auto name : wiring.other_variables)
      if (const auto found = command.environment.find(name);
          found != command.environment.end() && !found->second.empty())
        unclear(found->first, found->second);
  }
}

}  // namespace

std::string own_directory(const HookDirectory& wiring) {
  return std::string("/etc/pinscope/hooks.d/") + model::engine_name(wiring.engine);
}

std::string drop_in(const HookDirectory& wiring) {
  return join(wiring.drop_ins, kDropInName);
}

Result<HooksDirectories> read_hooks_directories(const Tree& tree, const HookDirectory& wiring) {
  PINSCOPE_TRY(const auto files, config_files(tree, wiring));
  List with;
  List without;
  HooksDirectories result;
  bool behind_ours = false;
  for (const auto& path : files) {
    if (path == drop_in(wiring)) behind_ours = true;
    PINSCOPE_TRY(const auto file, tree.read(path));
    if (!file) continue;
    PINSCOPE_TRY(const auto toml, Toml::parse(file->text, path));
    if (toml.has(wiring.key) && !toml.texts(wiring.key))
      return std::unexpected(Error(ErrorCode::kSystem, "read " + quoted(path))
                                 .reason(std::string(wiring.key.back()) + " is not an array"));
    const auto texts = toml.texts(wiring.key);
    if (!texts) continue;
    with.take(*texts);
    if (path == drop_in(wiring)) continue;
    if (behind_ours && !without.append && !texts->append.value_or(false) &&
        !contains(texts->items, own_directory(wiring)))
      result.set_again_by = path;
    without.take(*texts);
  }
  result.all = with.items;
  result.others = without.items;
  std::erase(result.others, own_directory(wiring));
  return result;
}

Result<WiringPlan> install_hooks(const Tree& tree, const Options& options,
                                 const HookDirectory& wiring) {
  PINSCOPE_CHECK(tree.check_program(options.hook, "--hook"));
  if (const auto where = elsewhere(tree, wiring); !where.empty())
    return std::unexpected(
        Error(ErrorCode::kSystem, std::string("wire ") + wiring.title)
            .reason(where + " and reads no other directory")
            .hint("add --hooks-dir " + own_directory(wiring) + " there, restart it and try again"));
  PINSCOPE_TRY(const auto directories, read_hooks_directories(tree, wiring));
  if (!directories.set_again_by.empty())
    return std::unexpected(
        Error(ErrorCode::kSystem, std::string("wire ") + wiring.title)
            .reason(quoted(directories.set_again_by) + " sets " + std::string(wiring.key.back()) +
                    " and is read after " + quoted(drop_in(wiring)))
            .hint("add " + quoted(own_directory(wiring)) + " to its list, or rename it"));
  PINSCOPE_TRY(auto draft, WiringDraft::start(tree, wiring.engine, options.force));
  std::vector<std::string> arguments = options.hook_arguments;
  arguments.insert(arguments.begin(), {"--engine", model::engine_name(wiring.engine)});
  for (const auto stage : wiring.stages)
    PINSCOPE_CHECK(
        draft.make_file(path_of_stage(wiring, stage), hook_file(options.hook, arguments, stage)));
  PINSCOPE_CHECK(draft.make_file(drop_in(wiring), drop_in_text(wiring, directories.others)));
  WiringPlan plan;
  PINSCOPE_TRY(plan.changes, draft.finish());
  if (!plan.changes.empty()) plan.next = wiring.next;
  return plan;
}

Result<WiringPlan> remove_hooks(const Tree& tree, const Options& options,
                                const HookDirectory& wiring) {
  WiringPlan plan;
  PINSCOPE_TRY(plan.changes,
               removal(tree, wiring.engine, options.force,
                       [](const std::string& text) -> Result<std::string> { return text; }));
  if (!plan.changes.empty()) plan.next = wiring.next;
  return plan;
}

void examine_hooks(const Tree& tree, const Receipt& receipt, const HookDirectory& wiring,
                   Report& report) {
  examine_programs(tree, receipt, wiring, report);
  const std::string own = own_directory(wiring);
  if (const auto where = elsewhere(tree, wiring); !where.empty())
    report.add(Level::kFail, where + ", and does not read " + own,
               "add --hooks-dir " + own + " there");
  examine_other_files(tree, wiring, report);
  const auto directories = read_hooks_directories(tree, wiring);
  if (!directories) {
    report.add(Level::kFail, directories.error().sentence(),
               "mend that file: the engine cannot read it either");
    return;
  }
  const auto place = std::find(directories->all.begin(), directories->all.end(), own);
  if (place == directories->all.end()) {
    report.add(
        Level::kFail,
        std::string(wiring.title) + " does not read " + own +
            (directories->set_again_by.empty()
                 ? ""
                 : ": " + directories->set_again_by + " sets " + std::string(wiring.key.back())),
        directories->set_again_by.empty()
            ? std::string("install the wiring again")
            : "add " + own + " to the list in " + directories->set_again_by);
    return;
  }
  // A file of the same name in a later directory takes the place of ours.
  for (auto later = place + 1; later < directories->all.end(); ++later)
    for (const auto stage : wiring.stages) {
      const std::string rival = join(*later, base_name(path_of_stage(wiring, stage)));
      if (tree.exists(rival))
        report.add(Level::kFail, rival + " takes the place of Pinscope's hook", "rename it");
    }
  for (const auto& other : directories->others)
    if (!contains(directories->all, other))
      report.add(Level::kWarn,
                 wiring.title + std::string(" does not read ") + other +
                     ", which is configured: " + drop_in(wiring) + " was made before",
                 "install the wiring again");
}

}  // namespace pinscope::engine
