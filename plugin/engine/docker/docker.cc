#include "plugin/engine/docker/docker.h"

#include "plugin/base/text.h"
#include "plugin/engine/docker/json.h"
#include "plugin/engine/docker/start.h"
#include "plugin/engine/wiring/draft.h"
#include "plugin/engine/wiring/low_level_runtime.h"
#include "plugin/engine/wiring/wiring.h"
#include "plugin/model/low_level_runtime.h"

namespace pinscope::engine {
namespace {

using Level = model::Finding::Level;

constexpr const char* kInstall = "pinscope engine install --engine docker";
constexpr const char* kTellRuntime = "--pinscope-runtime";
constexpr const char* kReload = "systemctl reload docker (containers go on running)";
// A setting that is no longer in the file keeps its value over a reload: Docker 28.5 was asked.
constexpr const char* kRestart =
    "systemctl restart docker (at a reload dockerd forgets no runtime; with live-restore "
    "containers go on running)";

Error cannot_wire() {
  return Error(ErrorCode::kSystem, "wire docker");
}

// The runtime whose place ours takes.
struct Model {
  std::string name = "runc";
  NamedProgram program = {.name = "runc", .directories = {}, .said_by = "its default runtime"};
  std::vector<std::string> arguments;
  bool can_be_run = true;  // by the shim; if not, the shim would run runc in its place
};

// `daemon` is without our part.
Result<Model> find_model(const DockerJson& daemon, const DockerStart& start, bool force) {
  Model model;
  if (!start.default_runtime.empty() && start.default_runtime != kDockerRuntime)
    model.name = start.default_runtime;
  else if (!daemon.default_runtime().empty())
    model.name = daemon.default_runtime();
  if (model.name == "runc" || model.name == "io.containerd.runc.v2") return model;
  PINSCOPE_TRY(auto runtime, daemon.runtime(model.name));
  if (const auto added = start.runtimes.find(model.name); !runtime && added != start.runtimes.end())
    runtime = DockerRuntime{.path = added->second, .arguments = {}, .type = {}};
  if (!runtime || !runtime->type.empty() || runtime->path.empty() ||
      (model::has_own_kernel(runtime->path) && !force)) {
    model.can_be_run = false;
    return model;
  }
  model.program.name = runtime->path;
  model.program.said_by = "its default runtime " + quoted(model.name);
  model.arguments = std::move(runtime->arguments);
  return model;
}

// Of the file that an installation has a part in.
std::string file_of(const Receipt& receipt) {
  return receipt.edits.empty() ? DockerStart().config_file : receipt.edits.front().path;
}

Result<DockerJson> read_daemon(const Tree& tree, const std::string& path) {
  PINSCOPE_TRY(const auto file, tree.read(path));
  return DockerJson::parse(file ? file->text : "", path);
}

// The default runtime that the backup remembers.
Result<std::string> default_before(const Tree& tree, const Receipt& receipt) {
  if (receipt.edits.empty() || receipt.edits.front().backup.empty()) return std::string();
  PINSCOPE_TRY(const auto daemon, read_daemon(tree, receipt.edits.front().backup));
  return daemon.default_runtime();
}

Result<std::string> take_out(const std::string& content, const std::string& path,
                             const std::string& was) {
  PINSCOPE_TRY(const auto daemon, DockerJson::parse(content, path));
  return daemon.without_ours(was);
}

std::vector<std::string> arguments_for(const Options& options, const std::string& program,
                                       const Model& model) {
  std::vector<std::string> arguments;
  if (!program.empty()) arguments = {kTellRuntime, program};
  arguments.insert(arguments.end(), options.shim_arguments.begin(), options.shim_arguments.end());
  arguments.insert(arguments.end(), model.arguments.begin(), model.arguments.end());
  return arguments;
}

// dockerd does not start with a default runtime on its command line and another one, or the same,
// in its file.
Status check_default(const DockerStart& start, const Model& model, bool force) {
  if (!start.default_runtime.empty() && start.default_runtime != kDockerRuntime)
    return std::unexpected(
        cannot_wire()
            .reason("dockerd is started with --default-runtime " + one_line(start.default_runtime) +
                    " (" + start.default_where +
                    ") and does not start if its configuration has a default runtime, too")
            .hint("take it out there, restart docker and try again; or write --default-runtime "
                  "pinscope in its place"));
  if (!model.can_be_run && !force)
    return std::unexpected(cannot_wire()
                               .reason("its default runtime is " + quoted(model.name))
                               .hint("pinscope would run runc in its place; --force makes pinscope "
                                     "the default anyway, and remove brings " +
                                     quoted(model.name) + " back"));
  return {};
}

Result<std::string> put_in(const Tree& tree, const std::string& content, const Options& options,
                           const DockerStart& start, bool as_default) {
  PINSCOPE_TRY(const auto daemon, DockerJson::parse(content, start.config_file));
  PINSCOPE_TRY(const auto present, daemon.runtime(kDockerRuntime));
  if (present && !options.force)
    return std::unexpected(cannot_wire()
                               .reason(quoted(start.config_file) +
                                       " has a runtime \"pinscope\" that pinscope did not make")
                               .hint("take it out, or use --force"));
  PINSCOPE_TRY(const auto model, find_model(daemon, start, options.force && as_default));
  if (as_default) PINSCOPE_CHECK(check_default(start, model, options.force));
  PINSCOPE_TRY(const auto program,
               program_to_tell(tree, model::Engine::kDocker, model.program, options.shim));
  return daemon.with_ours({options.shim, arguments_for(options, program, model), {}},
                          as_default && start.default_runtime.empty());
}

Result<WiringPlan> install(const Tree& tree, const Options& options) {
  PINSCOPE_CHECK(tree.check_program(options.shim, "--runtime-shim"));
  PINSCOPE_TRY(auto draft, WiringDraft::start(tree, model::Engine::kDocker, options.force));
  const Receipt& receipt = draft.old_receipt();
  const DockerStart start = docker_start(tree);
  if (!receipt.edits.empty() && file_of(receipt) != start.config_file)
    return std::unexpected(cannot_wire()
                               .reason("dockerd reads " + quoted(start.config_file) + " (" +
                                       start.where + "), and the wiring is in " +
                                       quoted(file_of(receipt)))
                               .hint("`pinscope engine remove --engine docker`, then try again"));
  PINSCOPE_TRY(const std::string was, default_before(tree, receipt));
  PINSCOPE_TRY(const auto now, read_daemon(tree, start.config_file));
  const bool as_default = wants_default(
      options, receipt,
      now.default_runtime() == kDockerRuntime || start.default_runtime == kDockerRuntime);
  draft.set_default(as_default);
  const Editor editor = {
      .take_out = [&](const std::string& text) { return take_out(text, start.config_file, was); },
      .put_in =
          [&](const std::string& text) { return put_in(tree, text, options, start, as_default); }};
  PINSCOPE_CHECK(draft.edit_file(start.config_file, editor));
  WiringPlan plan;
  PINSCOPE_TRY(plan.changes, draft.finish());
  if (plan.changes.empty()) return plan;
  plan.checked_file = start.config_file;
  plan.checked_with = start.checked_with;
  if (!start.other_file.empty())
    plan.warnings.push_back("dockerd reads " + start.other_file +
                            ", which no unit says: the wiring is in " + start.config_file);
  plan.next = {kReload};
  if (!as_default)
    plan.next.emplace_back(
        "docker run --runtime pinscope … (without it, a container does not meet "
        "Pinscope; --set-default makes it the default)");
  return plan;
}

Result<WiringPlan> remove(const Tree& tree, const Options& options) {
  PINSCOPE_TRY(const auto receipt, read_receipt(tree, model::Engine::kDocker));
  PINSCOPE_TRY(const std::string was, default_before(tree, receipt.value_or(Receipt())));
  const std::string path = file_of(receipt.value_or(Receipt()));
  WiringPlan plan;
  PINSCOPE_TRY(plan.changes,
               removal(tree, model::Engine::kDocker, options.force,
                       [&](const std::string& text) { return take_out(text, path, was); }));
  if (!plan.changes.empty())
    plan.next = {
        "remove the containers that were made with the runtime \"pinscope\": they cannot "
        "start any more",
        kRestart};
  return plan;
}

// Whether a container that names no runtime gets ours.
void examine_default(const DockerJson& daemon, const DockerStart& start, const Receipt& receipt,
                     Report& report) {
  const auto& by_flag = start.default_runtime;
  const auto& in_file = daemon.default_runtime();
  if (!by_flag.empty() && !in_file.empty())
    report.add(Level::kFail,
               "there is a default runtime in " + file_of(receipt) +
                   " and on dockerd's command line (" + start.default_where +
                   "): dockerd does not start with both",
               "take --default-runtime out there");
  const std::string name = !by_flag.empty() ? by_flag : in_file.empty() ? "runc" : in_file;
  if (name == kDockerRuntime) return;
  const std::string where = by_flag.empty() ? file_of(receipt) : start.default_where;
  if (receipt.set_default)
    report_lost_default(report, where + " makes " + quoted(name) + " the default runtime",
                        by_flag.empty() ? kInstall
                                        : "take --default-runtime out there, or write "
                                          "--default-runtime pinscope");
  else
    report.add(Level::kOk, "only containers of the runtime \"pinscope\" meet Pinscope");
}

// The program that the shim is told to run.
std::string told_program(const DockerRuntime& ours) {
  for (size_t i = 0; i + 1 < ours.arguments.size(); ++i)
    if (ours.arguments[i] == kTellRuntime) return ours.arguments[i + 1];
  return "";
}

void examine_shim(const Tree& tree, const DockerJson& daemon, const DockerStart& start,
                  const DockerRuntime& ours, const Receipt& receipt, Report& report) {
  const auto was = default_before(tree, receipt);
  const auto text = daemon.without_ours(was.value_or(""));
  if (!text) return;
  const auto without = DockerJson::parse(*text, file_of(receipt));
  const auto model = without ? find_model(*without, start, false) : Result<Model>(Model());
  if (model) examine_program(tree, model->program, told_program(ours), ours.path, report);
}

void examine(const Tree& tree, const Receipt& receipt, Report& report) {
  const std::string path = file_of(receipt);
  const auto start = docker_start(tree);
  if (!start.other_file.empty())
    report.add(Level::kFail, "dockerd reads " + start.other_file + ", not " + path,
               "start dockerd without --config-file, or from a docker.service that says it");
  if (start.config_file != path)
    report.add(
        Level::kFail,
        "dockerd reads " + one_line(start.config_file) + " (" + start.where + "), not " + path,
        "pinscope engine remove --engine docker, then install again");
  const auto daemon = read_daemon(tree, path);
  const auto ours = daemon ? daemon->runtime(kDockerRuntime)
                           : Result<std::optional<DockerRuntime>>(std::unexpected(daemon.error()));
  if (!ours) {
    report.add(Level::kFail, ours.error().sentence(), "mend that file: dockerd cannot start");
  } else if (!*ours || (*ours)->path.empty()) {
    report.add(Level::kFail, path + " has no runtime \"pinscope\" any more", kInstall);
  } else if (!model::is_shim((*ours)->path)) {
    report.add(Level::kFail,
               "the runtime \"pinscope\" runs " + (*ours)->path + ", which is not Pinscope's (" +
                   path + ")",
               kInstall);
  } else if (const auto usable = tree.check_program((*ours)->path); !usable) {
    report.add(Level::kFail, usable.error().sentence(),
               "put the program there: no container of the runtime \"pinscope\" starts without it");
  } else {
    examine_default(*daemon, start, receipt, report);
    examine_shim(tree, *daemon, start, **ours, receipt, report);
  }
}

}  // namespace

const Wiring kDockerWiring = {install, remove, examine};

}  // namespace pinscope::engine
