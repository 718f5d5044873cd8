// `pinscope node run|remove|ready`: the agent of a Kubernetes node (config/kubernetes,
// docs/engines/kubernetes.md).
#include <memory>

#include "plugin/base/path.h"
#include "plugin/base/text.h"
#include "plugin/cli/commands.h"
#include "plugin/engine/engines.h"
#include "plugin/host/file.h"
#include "plugin/host/installed.h"
#include "plugin/host/programs.h"
#include "plugin/node/agent.h"

namespace pinscope::cli {
namespace {

constexpr const char* kStatusFile = "/run/pinscope-node/status";

struct NodeOptions {
  std::string action;
  std::vector<std::string> engines;
  node::AgentOptions agent;
};

// For an exec probe: what the agent last wrote.
Result<ExitStatus> show_status(const std::string& path) {
  PINSCOPE_TRY(const std::string text, text_of_file(path, size_t{1} << 16));
  print(text + "\n");
  return text == "ready" ? kExitOk : kExitFailure;
}

Result<ExitStatus> run_node(const Settings& settings, NodeOptions options) {
  node::AgentOptions& agent = options.agent;
  if (options.action == "ready") return show_status(agent.status_file);
  for (const auto& name : options.engines) {
    const auto engine = model::engine_from_name(name);
    if (!engine || *engine == model::Engine::kUnknown)
      return std::unexpected(Error(ErrorCode::kUsage, "wire engine " + quoted(name))
                                 .reason("there is no engine of this name"));
    agent.engines.push_back(*engine);
  }
  agent.policies.directory = settings.hook.policy.policy_path;
  agent.policies.cache_directory = settings.hook.policy.cache_directory;
  agent.records = {settings.hook.state_directory, settings.hook.audit.path};
  agent.hook_arguments = arguments_for(settings.hook);
  agent.shim_arguments = arguments_for(settings.hook, kShimPrefix);
  if (agent.programs.empty()) agent.programs = installation_directory();
  if (options.action == "remove") {
    PINSCOPE_CHECK(node::remove(agent));
    return kExitOk;
  }
  if (agent.volume.empty())
    return std::unexpected(Error(ErrorCode::kUsage, "run the agent of a node")
                               .reason("say where the policies are, with --policies"));
  PINSCOPE_CHECK(node::run(agent));
  return kExitOk;
}

}  // namespace

void add_node(CLI::App& root, Program& program) {
  auto options = std::make_shared<NodeOptions>();
  options->agent.status_file = kStatusFile;
  add_command(root, program, "node",
              "Run the agent of a Kubernetes node, which installs programs, wiring and the "
              "policies of a ConfigMap",
              [&program, options] { return run_node(program.settings, *options); })
      .choice_argument("action", options->action, {"run", "remove", "ready"},
                       "run: install, then follow the ConfigMap; remove: undo everything; ready: "
                       "print the agent's last status")
      .option("--root", options->agent.root, "DIR",
              "Where the node's root directory is mounted (default /)")
      .option("--policies", options->agent.volume, "DIR",
              "Where the ConfigMap with the policies is mounted")
      .repeatable_option("--engine", options->engines, "containerd|crio|podman|docker",
                         "An engine to wire; can be given several times")
      .option("--programs", options->agent.programs, "DIR",
              "The programs to install (default: the directory of this program)")
      .option("--prefix", options->agent.prefix, "DIR",
              "Where to put the programs on the node (default /opt/pinscope)")
      .option("--status-file", options->agent.status_file, "FILE",
              std::string("What ready reads (default ") + kStatusFile + ")")
      .option("--containerd-config", options->agent.containerd_config, "PATH",
              "containerd's main configuration file (default: the one that is found)")
      .option("--containerd-version", options->agent.containerd_version, "VERSION",
              "containerd's version (required if it has no configuration file)")
      .flag("--remove-on-exit", options->agent.remove_on_exit,
            "Remove everything at SIGTERM; otherwise it stays in force")
      .flag("--wait", options->agent.wait,
            "With remove: wait until no container needs the programs, then remove them")
      .shared_options(program.settings)
      .footer(
          "--prefix, --policy, --state-dir, --cache-dir, --audit and --containerd-config are paths "
          "on the node, the others are paths here.\nExit status: 0 done, or ready; 1 failure, or "
          "not ready; 2 usage error.");
}

}  // namespace pinscope::cli
