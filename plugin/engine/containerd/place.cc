#include "plugin/engine/containerd/place.h"

#include <algorithm>

#include "plugin/base/path.h"
#include "plugin/base/text.h"

namespace pinscope::engine {
namespace {

// Below the data directory of k3s or RKE2, wherever that is.
constexpr std::string_view kGenerated = "/agent/etc/containerd/config.toml";

const std::vector<ContainerdPlace>& places() {
  static const std::vector<ContainerdPlace> all = {
      {"/etc/containerd/config.toml",
       "systemctl restart containerd (containers go on running)",
       false,
       {}},
      {"/var/lib/rancher/k3s/agent/etc/containerd/config.toml",
       "systemctl restart k3s (on an agent: k3s-agent)",
       true,
       {kDistributions[0]}},
      {"/var/lib/rancher/rke2/agent/etc/containerd/config.toml",
       "systemctl restart rke2-server (on an agent: rke2-agent)",
       true,
       {kDistributions[1]}},
      {"/var/snap/microk8s/current/args/containerd-template.toml",
       "snap restart microk8s.daemon-containerd",
       false,
       {kDistributions[2]}}};
  return all;
}

ContainerdPlace place_of(const std::string& root) {
  for (const auto& place : places())
    if (root == place.root) return place;
  if (!root.ends_with(kGenerated)) return {root, places().front().restart, false, {}};
  const std::string data = root.substr(0, root.size() - kGenerated.size());
  return {root, "restart k3s or RKE2", true, {join(data, "data/current/bin"), join(data, "bin")}};
}

std::string root_of(const DaemonCommand& command) {
  std::string root = places().front().root;
  for (const auto& file : command.values_of({"config", "c"})) root = join("/", file);
  return root;
}

// The commands of containerds that are their own.
std::vector<DaemonCommand> own_commands(const Tree& tree) {
  auto commands = daemon_commands(tree, model::Engine::kContainerd);
  std::erase_if(commands, [](const auto& command) { return !is_own_containerd(command); });
  return commands;
}

}  // namespace

bool is_own_containerd(const DaemonCommand& command) {
  return !root_of(command).contains("/docker/containerd/");
}

Result<ContainerdPlace> choose_containerd(const Tree& tree, const std::string& wanted) {
  if (!wanted.empty()) return place_of(wanted);
  std::vector<ContainerdPlace> found;
  for (const auto& place : places())
    if (tree.exists(place.root)) found.push_back(place);
  if (found.empty()) {
    const auto commands = own_commands(tree);
    if (commands.empty()) return places().front();
    const std::string root = root_of(commands.front());
    if (commands.front().process == 0 || root == places().front().root) return place_of(root);
    return std::unexpected(Error(ErrorCode::kSystem, "wire containerd")
                               .reason("it reads " + one_line(root) + " (" +
                                       commands.front().where + "), which no unit says")
                               .hint("say which file it is to be, with --containerd-config"));
  }
  if (found.size() == 1) return found.front();
  std::string list;
  for (const auto& place : found) list += (list.empty() ? "" : " or ") + place.root;
  return std::unexpected(Error(ErrorCode::kSystem, "wire containerd")
                             .reason("this machine has more than one")
                             .hint("say which with --containerd-config: " + list));
}

std::string containerd_drop_in(const Receipt& receipt) {
  for (const auto& made : receipt.files)
    if (base_name(made.path) == kContainerdDropIn) return made.path;
  return "";
}

ContainerdPlace containerd_of(const Tree& tree, const Receipt& receipt,
                              const std::string& drop_in) {
  if (!receipt.edits.empty()) return place_of(receipt.edits.back().path);
  for (const auto& place : places())
    if (tree.exists(place.root) && drop_in.starts_with(parent_of(place.root))) return place;
  const std::string beside = join(parent_of(parent_of(drop_in)), "config.toml");
  return beside.ends_with(kGenerated) ? place_of(beside) : places().front();
}

std::string other_containerd_root(const Tree& tree, const std::string& root) {
  // The one of MicroK8s is made of the template that we edit.
  if (root == places().back().root) return "";
  std::string other;
  for (const auto& command : own_commands(tree)) {
    const bool is_unit = command.process == 0;
    const std::string path = root_of(command);
    // Of more than one that run, one is enough; what the unit starts is another matter.
    if (path == root && !is_unit) return "";
    if (path != root && other.empty()) other = one_line(path) + " (" + command.where + ")";
    if (path != root && is_unit) return other;
  }
  return other;
}

}  // namespace pinscope::engine
