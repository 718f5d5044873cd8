// containerd: an additional runtime for its CRI plugin whose OCI runtime is our shim; Kubernetes
// selects it by a RuntimeClass. From containerd 2.0 on, a drop-in file does it, which the root file
// must import. Before, imported sections do not merge (see containerd_config.h), so the root file
// gets a marked block. k3s and RKE2 write their root file anew at each start, so there only a
// drop-in is of use. Nothing is needed for `ctr` and nerdctl: they are told which runtime to use.
#include <algorithm>
#include <array>

#include "plugin/base/path.h"
#include "plugin/base/text.h"
#include "plugin/engine/containerd_config.h"
#include "plugin/engine/draft.h"
#include "plugin/engine/wiring.h"

namespace pinscope::engine {
namespace {

constexpr const char* kDropIns = "/etc/containerd/conf.d";
constexpr const char* kDropInName = "99-pinscope.toml";

// Where containerds keep their root file.
struct Place {
  const char* root;
  const char* restart;
  bool generated;  // at each start, by somebody else
};
constexpr std::array kPlaces = {
    Place{"/etc/containerd/config.toml", "systemctl restart containerd (containers go on running)",
          false},
    Place{"/var/lib/rancher/k3s/agent/etc/containerd/config.toml",
          "systemctl restart k3s (on an agent: k3s-agent)", true},
    Place{"/var/lib/rancher/rke2/agent/etc/containerd/config.toml",
          "systemctl restart rke2-server (on an agent: rke2-agent)", true},
    Place{"/var/snap/microk8s/current/args/containerd-template.toml",
          "snap restart microk8s.daemon-containerd", false},
};

// The settings of the runtime that we stand in for; what they mean, ours must mean, too.
constexpr std::array<std::string_view, 7> kCopied = {
    "base_runtime_spec",
    "cni_conf_dir",
    "cni_max_conf_num",
    "container_annotations",
    "privileged_without_host_devices",
    "privileged_without_host_devices_all_devices_allowed",
    "snapshotter",
};

// What k3s and RKE2 make their root file from.
std::string template_of(const std::string& root, int64_t version) {
  return join(parent_of(root), version >= 3 ? "config-v3.toml.tmpl" : "config.toml.tmpl");
}

Error cannot_wire() {
  return Error(ErrorCode::kSystem, "wire containerd");
}

Result<Place> choose(const Tree& tree, const std::string& wanted) {
  if (!wanted.empty()) {
    for (const auto& place : kPlaces)
      if (wanted == place.root) return place;
    return Place{wanted.c_str(), kPlaces[0].restart, false};
  }
  std::vector<Place> found;
  for (const auto& place : kPlaces)
    if (tree.exists(place.root)) found.push_back(place);
  if (found.empty()) return kPlaces[0];
  if (found.size() == 1) return found.front();
  std::string list;
  for (const auto& place : found) list += (list.empty() ? "" : " or ") + std::string(place.root);
  return std::unexpected(cannot_wire()
                             .reason("this machine has more than one")
                             .hint("say which with --containerd-config: " + list));
}

// The first number of "1.7.24" or "v2.1.0"; 0 if it is not known.
int64_t major_of(const std::string& version) {
  std::string_view text = version;
  if (text.starts_with('v')) text.remove_prefix(1);
  return static_cast<int64_t>(parse_unsigned(split(text, '.').front()).value_or(0));
}

// The runtime whose place ours takes: the default one, if it is one of runc's kind.
std::string model_runtime(const ContainerdConfig& config) {
  const auto name = config.text({"containerd", "default_runtime_name"}).value_or("runc");
  const auto type = config.text({"containerd", "runtimes", name, "runtime_type"});
  return name != kPinscopeRuntime && type == "io.containerd.runc.v2" ? name : "runc";
}

std::string table(int64_t version, const std::string& below) {
  return "[plugins." + toml_string(cri_plugin(version)) + ".containerd" + below + "]\n";
}

// The whole table: a drop-in without runtime_type stops every container from starting.
std::string runtime_tables(const ContainerdConfig& config, int64_t version,
                           const std::string& shim) {
  const std::string model = model_runtime(config);
  const std::string ours = std::string(".runtimes.") + kPinscopeRuntime;
  std::string text = table(version, ours) + "runtime_type = \"io.containerd.runc.v2\"\n";
  for (const auto key : kCopied)
    if (const auto line = config.written({"containerd", "runtimes", model, key}); !line.empty())
      text += line + "\n";
  text += table(version, ours + ".options") + "BinaryName = " + toml_string(shim) + "\n";
  const auto cgroup = config.written({"containerd", "runtimes", model, "options", "SystemdCgroup"});
  if (!cgroup.empty()) text += cgroup + "\n";
  return text;
}

// containerd 1.x forgets its built-in runc as soon as the file names any runtime.
std::string built_in_runc(int64_t version) {
  return table(version, ".runtimes.runc") + "runtime_type = \"io.containerd.runc.v2\"\n";
}

std::string header() {
  return "# Made by `pinscope engine install --engine containerd`; `pinscope engine remove "
         "--engine "
         "containerd` takes it away.\n# Its version is the one of the file that imports it.\n";
}

struct Target {
  Place place;
  std::string root;
  std::string directory;  // of the drop-in
  [[nodiscard]] std::string drop_in() const { return join(directory, kDropInName); }
  [[nodiscard]] std::string pattern() const { return directory + "/*.toml"; }
};

// What an earlier installation has touched, so that it is not taken for somebody else's.
std::string drop_in_of(const Tree& tree) {
  const auto receipt = read_receipt(tree, model::Engine::kContainerd);
  if (!receipt || !*receipt) return "";
  for (const auto& made : (*receipt)->files)
    if (base_name(made.path) == kDropInName) return made.path;
  return "";
}

// Our shim runs runc, or what pinscope-runtime(8) says: not what another default runtime would run.
Status check_default(const ContainerdConfig& config, const Options& options) {
  if (!options.set_default || options.force) return {};
  const auto refuse = [](const std::string& reason) {
    return std::unexpected(cannot_wire().reason(reason).hint(
        "pinscope would run runc in its place; --force makes pinscope the default anyway"));
  };
  const auto name = config.text({"containerd", "default_runtime_name"}).value_or("runc");
  if (name != "runc" && name != kPinscopeRuntime)
    return refuse("its default runtime is " + quoted(name));
  const auto program =
      config.text({"containerd", "runtimes", "runc", "options", "BinaryName"}).value_or("");
  if (!program.empty() && base_name(program) != "runc")
    return refuse("its default runtime is the program " + quoted(program));
  return {};
}

Result<Changes> install_drop_in(const Tree& tree, const Options& options, const Target& target,
                                const ContainerdConfig& config) {
  // A drop-in must not be of a later version than the file that imports it.
  const int64_t version = config.exists() ? config.version() : 3;
  PINSCOPE_TRY(auto draft, Draft::start(tree, model::Engine::kContainerd, options.force));
  std::string text = header() + "version = " + std::to_string(version) + "\n" +
                     runtime_tables(config, version, options.shim);
  if (options.set_default)
    text += table(version, "") + "default_runtime_name = " + toml_string(kPinscopeRuntime) + "\n";
  PINSCOPE_CHECK(draft.make_file(target.drop_in(), text));
  const auto& imported = config.import_directories();
  const auto receipt = read_receipt(tree, model::Engine::kContainerd);
  const bool edited = receipt && *receipt && (*receipt)->edited(target.root) != nullptr;
  const bool covered =
      std::find(imported.begin(), imported.end(), target.directory) != imported.end();
  if (edited || !covered) {
    if (target.place.generated)
      return std::unexpected(
          cannot_wire()
              .reason(quoted(target.root) + " is written anew at each start and does not import " +
                      quoted(target.pattern()))
              .hint("add that import to " + quoted(template_of(target.root, version)) +
                    ", restart, and try again"));
    const Editor editor = {.take_out = [&](const std::string& content) -> Result<std::string> {
                             return take_out_ours(content, target.pattern());
                           },
                           .put_in = [&](const std::string& content) -> Result<std::string> {
                             if (content.empty())
                               return header() + "version = " + std::to_string(version) +
                                      "\nimports = [" + toml_string(target.pattern()) + "]\n";
                             return add_import(content, target.pattern(), target.root);
                           }};
    PINSCOPE_CHECK(draft.edit_file(target.root, editor));
  }
  return draft.finish();
}

Result<Changes> install_block(const Tree& tree, const Options& options, const Target& target,
                              const ContainerdConfig& config) {
  if (target.place.generated)
    return std::unexpected(
        cannot_wire()
            .reason(
                quoted(target.root) +
                " is written anew at each start, and containerd before 2.0 cannot merge a drop-in")
            .hint("put the runtime into " + quoted(template_of(target.root, 2)) +
                  "; docs/engines/containerd.md has the text"));
  if (const auto rival = config.import_with_cri(); !rival.empty())
    return std::unexpected(
        cannot_wire()
            .reason("containerd before 2.0 takes the whole section of its CRI plugin from " +
                    quoted(rival) + " and nothing of it from " + quoted(target.root))
            .hint("install with --containerd-config " + rival));
  constexpr int64_t kVersion = 2;
  const Editor editor = {
      .take_out = [&](const std::string& content) -> Result<std::string> {
        return take_out_ours(content, target.pattern());
      },
      .put_in = [&](const std::string& content) -> Result<std::string> {
        std::string text = content.empty() ? header() + "version = 2\n" : content;
        PINSCOPE_TRY(const auto before, Toml::parse(text, target.root));
        const bool has_runtimes =
            before.has({"plugins", cri_plugin(kVersion), "containerd", "runtimes"});
        const std::string block = (has_runtimes ? "" : built_in_runc(kVersion)) +
                                  runtime_tables(config, kVersion, options.shim);
        if (options.set_default) {
          PINSCOPE_TRY(text, set_default_runtime(text, kVersion, target.root));
        }
        return add_block(text, block, target.root);
      }};
  PINSCOPE_TRY(auto draft, Draft::start(tree, model::Engine::kContainerd, options.force));
  PINSCOPE_CHECK(draft.edit_file(target.root, editor));
  return draft.finish();
}

Result<Plan> install(const Tree& tree, const Options& options) {
  PINSCOPE_CHECK(tree.check_program(options.shim, "--runtime-shim"));
  if (!options.hook_arguments.empty())
    return std::unexpected(
        cannot_wire()
            .reason("it gives its runtime no arguments such as " + options.hook_arguments.front())
            .hint("keep policies, records and the audit trail in their default places"));
  PINSCOPE_TRY(const auto place, choose(tree, options.containerd_config));
  Target target{place, place.root, kDropIns};
  const std::string ours = drop_in_of(tree);
  PINSCOPE_TRY(const auto config, ContainerdConfig::read(tree, target.root, ours));
  if (const auto file = config.disables_cri(); !file.empty())
    return std::unexpected(
        cannot_wire()
            .reason(quoted(file) + " switches its CRI plugin off")
            .hint(
                "Docker's containerd: wire Docker instead (--engine docker); for Kubernetes, take "
                "the plugin out of disabled_plugins; ctr and nerdctl need no wiring"));
  if (config.exists() && config.version() < 2)
    return std::unexpected(cannot_wire()
                               .reason(quoted(target.root) + " is of version 1 or says none")
                               .hint("`containerd config migrate` prints it in a later version"));
  PINSCOPE_CHECK(check_default(config, options));
  // A directory that is imported already is better than a line more in the root file.
  const auto& imported = config.import_directories();
  if (!ours.empty()) {
    target.directory = parent_of(ours);
  } else if (!imported.empty() &&
             std::find(imported.begin(), imported.end(), target.directory) == imported.end()) {
    target.directory = imported.back();
  } else if (place.generated) {
    target.directory = std::string(parent_of(target.root)) + "/" +
                       (config.version() >= 3 ? "config-v3.toml.d" : "config.toml.d");
  }
  const int64_t major = major_of(options.containerd_version);
  const bool merges = config.version() >= 3 || major >= 2;
  if (!config.exists() && major == 0)
    return std::unexpected(
        cannot_wire()
            .reason("there is no " + quoted(target.root) + " and containerd's version is not known")
            .hint("say it with --containerd-version, as `containerd --version` prints it"));
  Plan plan;
  PINSCOPE_TRY(plan.changes, merges ? install_drop_in(tree, options, target, config)
                                    : install_block(tree, options, target, config));
  if (plan.changes.empty()) return plan;
  if (!place.generated) plan.checked_file = target.root;
  plan.next = {place.restart};
  if (!options.set_default)
    plan.next.emplace_back(
        "for Kubernetes, make a RuntimeClass with the handler \"pinscope\" and name it in the pods "
        "that may get a view (docs/engines/containerd.md)");
  return plan;
}

Result<Plan> remove(const Tree& tree, const Options& options) {
  const auto take_out = [&tree](const std::string& text) -> Result<std::string> {
    const std::string ours = drop_in_of(tree);
    return take_out_ours(text, ours.empty() ? std::string(kDropIns) + "/*.toml"
                                            : std::string(parent_of(ours)) + "/*.toml");
  };
  Plan plan;
  PINSCOPE_TRY(const auto receipt, read_receipt(tree, model::Engine::kContainerd));
  PINSCOPE_TRY(plan.changes, removal(tree, model::Engine::kContainerd, options.force, take_out));
  if (plan.changes.empty()) return plan;
  std::string restart = kPlaces[0].restart;
  if (receipt)
    for (const auto& place : kPlaces) {
      const std::string near(parent_of(place.root));
      const auto touched = [&](const auto& entry) { return entry.path.starts_with(near + "/"); };
      if (std::any_of(receipt->files.begin(), receipt->files.end(), touched) ||
          std::any_of(receipt->edits.begin(), receipt->edits.end(), touched))
        restart = place.restart;
    }
  plan.next = {"delete the RuntimeClass and the pods that use it", restart};
  return plan;
}

void examine(const Tree& tree, const Receipt& receipt, Report& report) {
  const auto add = [&](Remark::Level level, std::string text, std::string action) {
    report.remarks.push_back({level, std::move(text), std::move(action)});
  };
  // The root file is the one that we have a part in, or the one that is there.
  std::string root;
  std::string drop_in;
  for (const auto& edit : receipt.edits) root = edit.path;
  for (const auto& made : receipt.files)
    if (base_name(made.path) == kDropInName) drop_in = made.path;
  if (root.empty()) {
    for (const auto& place : kPlaces)
      if (tree.exists(place.root) && drop_in.starts_with(parent_of(place.root))) root = place.root;
    if (root.empty()) root = kPlaces[0].root;
  }
  const auto config = ContainerdConfig::read(tree, root, "");
  if (!config) {
    add(Remark::Level::kFail, config.error().sentence(), "mend that file: containerd cannot start");
    return;
  }
  if (const auto file = config->disables_cri(); !file.empty())
    add(Remark::Level::kFail, file + " switches the CRI plugin off", "take it out there");
  const TomlPath options = {"containerd", "runtimes", kPinscopeRuntime, "options", "BinaryName"};
  const auto shim = config->text(options);
  if (!shim) {
    add(Remark::Level::kFail,
        drop_in.empty() ? root + " has no runtime \"pinscope\" any more"
                        : root + " does not import " + drop_in,
        "pinscope engine install --engine containerd");
    return;
  }
  if (drop_in.empty())
    if (const auto rival = config->import_with_cri(); !rival.empty())
      add(Remark::Level::kFail,
          "containerd before 2.0 takes its CRI plugin's section from " + rival + ", not from " +
              root,
          "install again with --containerd-config " + rival);
  for (const auto& file : config->files())
    if (file.version > config->version())
      add(Remark::Level::kFail,
          file.path + " is of version " + std::to_string(file.version) + ", " + root +
              " of version " + std::to_string(config->version()) + ": containerd does not start",
          "install the wiring again");
  if (const auto usable = tree.check_program(*shim); !usable)
    add(Remark::Level::kFail, usable.error().sentence(),
        "put the program there: no container of the runtime \"pinscope\" starts without it");
  if (config->text({"containerd", "default_runtime_name"}) != kPinscopeRuntime)
    add(Remark::Level::kOk, "only containers of the runtime \"pinscope\" meet Pinscope", "");
}

}  // namespace

const Wiring kContainerdWiring = {install, remove, examine};

}  // namespace pinscope::engine
