// `pinscope cdi`: the CDI specification through which users ask engines for a view by name: write
// it, list its devices and whether they are up to date.
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <map>
#include <memory>
#include <optional>

#include "plugin/base/path.h"
#include "plugin/base/text.h"
#include "plugin/cli/commands.h"
#include "plugin/cli/term/json_output.h"
#include "plugin/cli/term/table.h"
#include "plugin/engine/cdi/cdi.h"
#include "plugin/host/installed.h"
#include "plugin/model/shapes.h"
#include "plugin/policy/language/load.h"
#include "plugin/policy/set/install.h"

namespace pinscope::cli {
namespace {

struct CdiOptions {
  std::string action;
  std::string directory = engine::kCdiDirectory;
  std::string hook;  // empty: pinscope-hook beside this program
  std::string engine;
  bool dry_run = false;

  [[nodiscard]] std::string spec_file() const { return join(directory, engine::kCdiFileName); }
};

Error cannot_use(const char* option, const std::string& reason) {
  return Error(ErrorCode::kUsage, std::string("use ") + option).reason(reason);
}

// The policies that can be asked for, by name. What is written to engines must not come from files
// that others may write: a dry run is only shown.
Result<std::map<std::string, model::Policy>> device_policies(const Settings& settings, bool trust) {
  PINSCOPE_CHECK(check_given_path(settings, "policy"));
  auto loaded = policy::load_for_install(
      settings.hook.policy.policy_path, settings.hook.policy.cache_directory,
      trust ? policy::Trust::kRequired : policy::Trust::kIgnored);
  if (!loaded.ok())
    return std::unexpected(Error(ErrorCode::kPolicyInvalid,
                                 "use the policies in " + quoted(settings.hook.policy.policy_path))
                               .reason("they have errors")
                               .hint("pinscope check shows them"));
  std::map<std::string, model::Policy> policies;
  for (auto& policy : loaded.policies)
    if (policy.cdi) policies.emplace(policy.name, std::move(policy));
  return policies;
}

model::Engine engine_of(const CdiOptions& options) {
  return model::engine_from_name(options.engine).value_or(model::Engine::kUnknown);
}

Result<std::string> hook_path(const CdiOptions& options) {
  if (options.hook.starts_with('/')) return options.hook;
  if (!options.hook.empty())
    return std::unexpected(cannot_use("--hook", quoted(options.hook) + " is not absolute"));
  return program_beside("pinscope-hook");
}

bool is_program(const std::string& path) {
  return ::access(path.c_str(), X_OK) == 0;
}

std::vector<std::string> hook_arguments(const Settings& settings, const CdiOptions& options) {
  HookOptions hook = settings.hook;
  hook.engine = engine_of(options);
  return arguments_for(std::move(hook));
}

// Why these hooks can never find that the policy selects a container; empty if they may.
std::string why_never(const model::Select& select, model::Engine engine) {
  const bool has_engine = std::ranges::find(select.engines, engine) != select.engines.end();
  if (!select.engines.empty() && !has_engine)
    return engine == model::Engine::kUnknown
               ? "it selects by engine, and these hooks are not told theirs (see --engine)"
               : "it selects other engines";
  if (!select.kubernetes_labels.empty())
    return "it selects by pod labels, which only the NRI plugin passes on";
  const bool has_identity = engine == model::Engine::kContainerd || engine == model::Engine::kCrio;
  const bool wants_identity = !select.kubernetes_namespaces.empty() ||
                              !select.kubernetes_pods.empty() ||
                              !select.kubernetes_containers.empty() || !select.images.empty();
  if (wants_identity && !has_identity)
    return "it selects by kubernetes or image, which only --engine containerd and crio establish";
  return "";
}

void remark_on(const std::map<std::string, model::Policy>& policies, const CdiOptions& options) {
  const auto engine = engine_of(options);
  for (const auto& [name, policy] : policies)
    if (const auto why = why_never(policy.select, engine); !why.empty())
      report("warning: a container that asks for " + engine::cdi_device(name) +
             " will not start: " + why);
  if (!options.engine.empty())
    report("warning: with --engine " + options.engine +
           ", these hooks believe what that engine writes into a container's configuration: no "
           "other engine may read " +
           quoted(options.directory));
}

struct Written {
  std::string state;  // written, unchanged, removed, nothing
  std::string text;
};

Result<Written> write_spec(const std::vector<std::string>& names, const Settings& settings,
                           const CdiOptions& options) {
  Written result;
  if (names.empty()) {
    if (options.dry_run) return result;
    PINSCOPE_TRY(const bool removed, engine::remove_cdi_file(options.directory));
    result.state = removed ? "removed" : "nothing";
    return result;
  }
  PINSCOPE_TRY(const std::string hook, hook_path(options));
  result.text = engine::cdi_spec(names, {hook, hook_arguments(settings, options)});
  if (options.dry_run) return result;
  if (!is_program(hook))
    return std::unexpected(Error(ErrorCode::kSystem, "write " + quoted(options.spec_file()))
                               .reason("there is no program " + quoted(hook))
                               .hint("--hook says where it is"));
  PINSCOPE_TRY(const bool written, engine::write_cdi_file(options.directory, result.text));
  result.state = written ? "written" : "unchanged";
  return result;
}

Result<ExitStatus> generate(const Settings& settings, const CdiOptions& options) {
  PINSCOPE_TRY(const auto policies, device_policies(settings, !options.dry_run));
  std::vector<std::string> names;
  names.reserve(policies.size());
  for (const auto& [name, policy] : policies) names.push_back(name);
  PINSCOPE_TRY(const auto written, write_spec(names, settings, options));
  remark_on(policies, options);
  if (settings.json()) {
    JsonWriter json = begin_output();
    json.field("spec_file", options.spec_file())
        .field("dry_run", options.dry_run)
        .field("state", options.dry_run ? "dry-run" : written.state)
        .key("devices")
        .array();
    for (const auto& name : names) json.value(engine::cdi_device(name));
    json.end().field("spec", written.text);
    print(end_output(std::move(json)));
    return kExitOk;
  }
  if (options.dry_run) {
    if (names.empty()) report("no policy asks for a device (spec.cdi: true)");
    print(written.text);
    return kExitOk;
  }
  const std::string file = one_line(options.spec_file());
  if (names.empty()) {
    print("no policy asks for a device (spec.cdi: true): " +
          (written.state == "removed" ? "removed " + file : file + " is not there") + "\n");
    return kExitOk;
  }
  print((written.state == "written" ? "wrote " : "unchanged: ") + file + "\n");
  for (const auto& name : names) print("  " + engine::cdi_device(name) + "\n");
  return kExitOk;
}

struct Device {
  std::optional<model::Rule> rule;  // the policy; nothing: none asks for it
  std::optional<std::string> hook;  // nothing: it is not in the specification

  [[nodiscard]] std::string state() const {
    if (!hook) return "not generated";
    if (!rule) return "stale";
    if (hook->empty()) return "altered";
    return is_program(*hook) ? "ready" : "hook missing";
  }
};

void add_device(JsonWriter& json, const std::string& name, const Device& device) {
  json.object().field("device", engine::cdi_device(name)).field("policy", name);
  if (device.rule) {
    json.key("rule");
    model::write_rule(json, *device.rule);
  }
  json.field("hook", device.hook.value_or("")).field("state", device.state()).end();
}

Result<ExitStatus> list(const Settings& settings, const CdiOptions& options) {
  const bool installed = settings.hook.policy.policy_path == HookOptions().policy.policy_path;
  PINSCOPE_TRY(const auto policies, device_policies(settings, installed));
  PINSCOPE_TRY(const auto file, engine::read_cdi_file(options.directory));
  std::map<std::string, Device> devices;
  for (const auto& [name, policy] : policies) devices[name].rule = {name, policy.place};
  if (file)
    for (const auto& device : file->devices) devices[device.policy].hook = device.hook;
  const bool ready = std::ranges::all_of(
      devices, [](const auto& entry) { return entry.second.state() == "ready"; });
  if (settings.json()) {
    JsonWriter json = begin_output();
    json.field("spec_file", options.spec_file())
        .field("present", file.has_value())
        .field("ready", ready)
        .key("devices")
        .array();
    for (const auto& [name, device] : devices) add_device(json, name, device);
    json.end();
    print(end_output(std::move(json)));
    return ready ? kExitOk : kExitFailure;
  }
  Table table({"DEVICE", "POLICY", "SPEC FILE", "STATE"});
  for (const auto& [name, device] : devices)
    table.add({engine::cdi_device(name), device.rule ? to_string(device.rule->place) : "-",
               device.hook ? options.spec_file() : "-",
               Cell(device.state(), device.state() == "ready" ? Colour::kGreen : Colour::kRed)});
  print(table.empty() ? "no devices\n" : table.text(settings.palette()));
  if (!ready) report("the devices are not up to date (pinscope cdi generate)");
  return ready ? kExitOk : kExitFailure;
}

}  // namespace

void add_cdi(CLI::App& root, Program& program) {
  auto options = std::make_shared<CdiOptions>();
  add_command(root, program, "cdi", "Offer views as CDI devices, each named after its policy",
              [&settings = program.settings, options] {
                return options->action == "list" ? list(settings, *options)
                                                 : generate(settings, *options);
              })
      .choice_argument("ACTION", options->action, {"generate", "list"},
                       "generate: write the specification for the policies with cdi: true. list: "
                       "show its devices and whether they are up to date")
      .option("--spec-dir", options->directory, "DIR",
              "Where engines look for specifications (default /etc/cdi)")
      .option("--hook", options->hook, "PATH",
              "The hook that a device runs (default: pinscope-hook beside this program)")
      .choice("--engine", options->engine, {"podman", "docker", "containerd", "crio"},
              "Tell the hooks which engine runs them, and so whose annotations to trust. Only for "
              "a directory that no other engine reads")
      .flag("-n,--dry-run", options->dry_run, "Print the specification, write nothing")
      .shared_options(program.settings)
      .output_options(program.settings)
      .footer(
          "Ask for a device with --device pinscope.dev/view=NAME. Asking is not permission: if the "
          "policy does not select the container, it does not start.\n"
          "Exit status: 0 done; 1 failure, or a device that is not up to date; 2 usage error.");
}

}  // namespace pinscope::cli
