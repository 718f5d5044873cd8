// `pinscope engine install|status|remove`: wires Pinscope into a container engine, says whether the
// wiring works, and takes it away without a trace.
#include <unistd.h>

#include <algorithm>
#include <memory>
#include <optional>

#include "plugin/base/text.h"
#include "plugin/cli/commands.h"
#include "plugin/cli/term/json_output.h"
#include "plugin/cli/term/table.h"
#include "plugin/engine/wiring/daemon.h"
#include "plugin/health/engine_status.h"
#include "plugin/host/installed.h"
#include "plugin/host/programs.h"
#include "plugin/model/shapes.h"

namespace pinscope::cli {
namespace {

using engine::Tree;
using engine::WiringPlan;

struct EngineOptions {
  std::string action;
  std::string engine;
  std::string root = "/";
  std::string hook;
  std::string shim;
  std::string containerd_config;
  std::string containerd_version;
  bool dry_run = false;
  bool set_default = false;
  bool no_set_default = false;
  bool force = false;
};

Error usage(const std::string& operation, std::string reason) {
  return Error(ErrorCode::kUsage, operation).reason(std::move(reason));
}

engine::Options wiring_options(const Settings& settings, const EngineOptions& options,
                               const Tree& tree) {
  engine::Options result;
  result.hook = options.hook.empty() ? program_beside("pinscope-hook") : options.hook;
  result.shim =
      options.shim.empty() ? program_beside("pinscope-runtime-" + options.engine) : options.shim;
  result.hook_arguments = arguments_for(settings.hook);
  result.shim_arguments = arguments_for(settings.hook, kShimPrefix);
  if (options.set_default || options.no_set_default) result.set_default = options.set_default;
  result.force = options.force;
  result.containerd_config = options.containerd_config;
  result.containerd_version = options.containerd_version;
  // Nothing of another machine's is run.
  if (options.engine == "containerd" && result.containerd_version.empty() && tree.is_host())
    if (const auto program = engine::engine_program(tree, model::Engine::kContainerd);
        !program.empty())
      result.containerd_version = health::version_number(version_of(program));
  return result;
}

// What an engine says of the configuration that it would start with: nothing if it takes it.
std::optional<std::string> objection(model::Engine engine, const std::string& program,
                                     const WiringPlan& plan) {
  std::vector<std::string> command = {program, "--config", plan.checked_file, "config", "dump"};
  if (engine == model::Engine::kDocker) {
    command = {program, "--config-file", plan.checked_file};
    command.insert(command.end(), plan.checked_with.begin(), plan.checked_with.end());
    command.emplace_back("--validate");  // the last word: without it, dockerd would start
  }
  const auto answer = ask(command, Listen::kErrors);
  // That dockerd before 23 cannot check says nothing about the file.
  if (answer.ok || answer.output.contains("unknown flag: --validate")) return std::nullopt;
  return std::string(split(answer.output, '\n').front());
}

// Does the changes. An engine that liked its configuration before must like it afterwards, too.
Status apply_and_ask(const Tree& tree, model::Engine engine, const WiringPlan& plan) {
  const std::string program = engine::engine_program(tree, engine);
  const bool can_ask = !plan.checked_file.empty() && !program.empty() && tree.is_host();
  const bool liked =
      can_ask && (!tree.exists(plan.checked_file) || !objection(engine, program, plan));
  return engine::make_changes(tree, plan.changes, [&]() -> Status {
    const auto refused = liked ? objection(engine, program, plan) : std::optional<std::string>();
    if (!refused) return {};
    return std::unexpected(
        Error(ErrorCode::kSystem, "wire " + std::string(model::engine_name(engine)))
            .reason(program + " refuses the new configuration: " + *refused)
            .hint("everything is as it was before"));
  });
}

void add_change(JsonWriter& json, const engine::Change& change) {
  json.object();
  if (const auto* make = std::get_if<engine::CreateDirectory>(&change))
    json.field("kind", "make-directory").field("path", make->path);
  if (const auto* write = std::get_if<engine::WriteFile>(&change)) {
    json.field("kind", write->before ? "change-file" : "create-file")
        .field("path", write->path)
        .field("content", write->file.text);
    if (write->before) json.field("before", write->before->text);
  }
  if (const auto* remove = std::get_if<engine::RemoveFile>(&change))
    json.field("kind", "remove-file").field("path", remove->path);
  if (const auto* remove = std::get_if<engine::RemoveDirectory>(&change))
    json.field("kind", "remove-directory").field("path", remove->path);
  json.end();
}

// What the caller may not have meant.
std::vector<std::string> warnings_of(const Tree& tree, const EngineOptions& options,
                                     const WiringPlan& plan) {
  const auto engine = *model::engine_from_name(options.engine);
  auto warnings = plan.warnings;
  if (options.action == "install" && engine::engine_program(tree, engine).empty())
    warnings.push_back(
        options.engine +
        " was not found on this machine; the wiring takes effect once the engine is installed");
  if (options.action == "install" && !options.dry_run)
    for (const auto& what : engine::examine(engine, tree).unclear)
      warnings.push_back("cannot tell " + what +
                         ": see for yourself that a container gets its view");
  return warnings;
}

std::string to_json(const WiringPlan& plan, const EngineOptions& options,
                    const std::vector<std::string>& warnings) {
  JsonWriter json = begin_output();
  json.field("engine", options.engine)
      .field("action", options.action)
      .field("dry_run", options.dry_run)
      .key("changes")
      .array();
  for (const auto& change : plan.changes) add_change(json, change);
  json.end().key("next");
  model::write_texts(json, plan.next);
  json.key("warnings");
  model::write_texts(json, warnings);
  return end_output(std::move(json));
}

std::string to_text(const WiringPlan& plan, const EngineOptions& options,
                    const std::vector<std::string>& warnings) {
  std::string text;
  if (plan.changes.empty()) {
    text = options.engine + (options.action == "install" ? " is wired already: nothing to change\n"
                                                         : " is not wired: nothing to remove\n");
  } else if (options.dry_run) {
    text = engine::describe(plan.changes);
  } else {
    for (const auto& change : plan.changes) text += engine::headline(change) + "\n";
  }
  if (!plan.changes.empty())
    for (const auto& step : plan.next) text += "next: " + one_line(step) + "\n";
  for (const auto& warning : warnings) text += "warning: " + one_line(warning) + "\n";
  return text;
}

Result<ExitStatus> change_wiring(const Settings& settings, const EngineOptions& options,
                                 const Tree& tree) {
  const auto engine = *model::engine_from_name(options.engine);
  const auto wiring = wiring_options(settings, options, tree);
  PINSCOPE_TRY(const WiringPlan plan, options.action == "install"
                                          ? engine::plan_install(engine, tree, wiring)
                                          : engine::plan_remove(engine, tree, wiring));
  if (!options.dry_run) PINSCOPE_CHECK(apply_and_ask(tree, engine, plan));
  const auto warnings = warnings_of(tree, options, plan);
  print(settings.json() ? to_json(plan, options, warnings) : to_text(plan, options, warnings));
  return kExitOk;
}

const char* state_of(const health::EngineStatus& status) {
  if (!status.report.wired) return "no";
  if (!status.report.unclear.empty()) return "unclear";
  return status.report.effective() ? "yes" : "broken";
}

std::string install_command(const health::EngineStatus& status) {
  return "pinscope engine install --engine " +
         std::string(model::engine_name(status.report.engine));
}

std::string to_json(const std::vector<health::EngineStatus>& all, bool ok) {
  JsonWriter json = begin_output();
  json.field("ok", ok).key("engines").array();
  for (const auto& status : all) {
    json.object()
        .field("engine", model::engine_name(status.report.engine))
        .field("installed", !status.program.empty())
        .field("program", status.program)
        .field("version", status.version)
        .field("wired", status.report.wired)
        .field("effective", status.report.effective())
        .key("files");
    model::write_texts(json, status.report.files);
    json.key("remarks").array();
    for (const auto& finding : status.report.findings)
      json.object()
          .field("level", name_of(finding.level))
          .field("text", finding.detail)
          .field("action", finding.action)
          .end();
    json.end().end();
  }
  json.end();
  return end_output(std::move(json));
}

std::string to_text(const std::vector<health::EngineStatus>& all, const Palette& palette) {
  Table table({"ENGINE", "WIRED", "VERSION"});
  Table found({"", "", "FOUND"});
  Table actions({"", "WHAT TO DO"});
  for (const auto& status : all) {
    const std::string name = model::engine_name(status.report.engine);
    const bool present = !status.program.empty() || status.report.wired;
    const Colour colour = !present                    ? Colour::kDim
                          : status.report.effective() ? Colour::kGreen
                          : status.report.wired       ? Colour::kRed
                                                      : Colour::kYellow;
    table.add({name, Cell(state_of(status), colour),
               !status.version.empty()   ? status.version
               : !status.program.empty() ? status.program
                                         : std::string("not installed")});
    for (const auto& finding : status.report.findings) {
      found.add({name, Cell(name_of(finding.level), colour_of(finding.level)), finding.detail});
      if (!finding.action.empty()) actions.add({name, finding.action});
    }
    if (!status.report.wired && !status.program.empty())
      actions.add({name, install_command(status)});
  }
  std::string text = table.text(palette);
  if (!found.empty()) text += "\n" + found.text(palette);
  if (!actions.empty()) text += "\n" + actions.text(palette);
  return text;
}

Result<ExitStatus> show_status(const Settings& settings, const EngineOptions& options,
                               const Tree& tree) {
  std::vector<health::EngineStatus> all;
  for (const auto engine : engine::engines())
    if (options.engine.empty() || options.engine == model::engine_name(engine))
      all.push_back(health::look_at(tree, engine));
  bool any = false;
  bool ok = true;
  for (const auto& status : all) {
    if (status.program.empty() && !status.report.wired) continue;
    any = true;
    ok = ok && status.report.effective();
  }
  ok = ok && any;
  print(settings.json() ? to_json(all, ok) : to_text(all, settings.palette()));
  return ok ? kExitOk : kExitFailure;
}

Result<ExitStatus> run_engine(const Settings& settings, const EngineOptions& options) {
  PINSCOPE_TRY(const Tree tree, Tree::open(options.root));
  if (options.action == "status") return show_status(settings, options, tree);
  const std::string operation = options.action + " the wiring";
  if (options.engine.empty())
    return std::unexpected(usage(operation, "say of which engine, with --engine"));
  if (options.set_default && options.no_set_default)
    return std::unexpected(usage(operation, "--set-default or --no-set-default, not both"));
  if (options.set_default && options.engine != "docker" && options.engine != "containerd")
    return std::unexpected(usage(operation, "--set-default is for docker and containerd; " +
                                                options.engine +
                                                " runs the hook for every container anyway"));
  return change_wiring(settings, options, tree);
}

}  // namespace

void add_engine(CLI::App& root, Program& program) {
  auto options = std::make_shared<EngineOptions>();
  std::vector<std::string> names;
  for (const auto engine : engine::engines()) names.emplace_back(model::engine_name(engine));
  add_command(root, program, "engine",
              "Wire Pinscope into a container engine, show the wiring, or remove it",
              [&program, options] { return run_engine(program.settings, *options); })
      .choice_argument("action", options->action, {"install", "status", "remove"},
                       "install, show the status of, or remove the wiring")
      .choice("--engine", options->engine, names, "Which engine (status: all, if it is left out)")
      .flag("-n,--dry-run", options->dry_run, "Say exactly what would be changed, change nothing")
      .option("--root", options->root, "DIR",
              "The root directory of the engine's machine (default /)")
      .option("--hook", options->hook, "PATH",
              "Where pinscope-hook is on that machine (default: beside this program)")
      .option("--runtime-shim", options->shim, "PATH",
              "Where pinscope-runtime-ENGINE is on that machine (default: beside this program)")
      .flag("--set-default", options->set_default,
            "docker, containerd: make \"pinscope\" the default runtime, so that Pinscope also "
            "handles containers that name no runtime. Later installations keep it")
      .flag("--no-set-default", options->no_set_default, "Restore the earlier default runtime")
      .flag("--force", options->force,
            "Overwrite or remove Pinscope's files even if someone edited them")
      .option("--containerd-config", options->containerd_config, "PATH",
              "containerd's main configuration file (default: the one that is found)")
      .option("--containerd-version", options->containerd_version, "VERSION",
              "containerd's version (default: containerd is asked; required with --root)")
      .shared_options(program.settings)
      .output_options(program.settings)
      .footer(
          "--policy, --state-dir, --cache-dir and --audit are passed on to the hook if they are "
          "not the defaults.\nExit status: 0 done; 1 failure; 2 usage error. status: 0 if every "
          "engine on the machine is wired and uses the wiring, otherwise 1.");
}

}  // namespace pinscope::cli
