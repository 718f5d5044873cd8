#include "plugin/cli/explain/explanation.h"

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>

#include "plugin/base/path.h"
#include "plugin/base/text.h"
#include "plugin/kernel/mount/mounts.h"
#include "plugin/kernel/probe.h"
#include "plugin/policy/set/cache.h"
#include "plugin/policy/set/install.h"

namespace pinscope::cli {
namespace {

constexpr size_t kMostOfMountinfo = size_t{16} << 20;
constexpr const char* kUsualHostBpffs = "/sys/fs/bpf";

Result<std::string> resolve_bundle(const std::string& bundle) {
  const std::unique_ptr<char, decltype(&std::free)> resolved(::realpath(bundle.c_str(), nullptr),
                                                             &std::free);
  if (!resolved) return std::unexpected(Error::system("open bundle " + quoted(bundle), errno));
  return std::string(resolved.get());
}

// The policies that the next start would use: the files, if they have no errors and can come into
// force; otherwise the set in force.
Result<std::vector<model::Policy>> read_policies(const Settings& settings,
                                                 Explanation& explanation) {
  const bool installed = settings.hook.policy.policy_path == HookOptions().policy.policy_path;
  policy::Loaded loaded = policy::load_for_install(
      settings.hook.policy.policy_path, settings.hook.policy.cache_directory,
      installed ? policy::Trust::kRequired : policy::Trust::kIgnored);
  if (loaded.ok()) {
    auto why = policy::not_taken_up(settings.hook.policy.policy_path,
                                    settings.hook.policy.cache_directory);
    if (!why) return std::move(loaded.policies);
    loaded.diagnostics = {*std::move(why)};
  }
  explanation.diagnostics = std::move(loaded.diagnostics);
  const auto cached = policy::CachedSet::open(settings.hook.policy.cache_directory,
                                              settings.hook.policy.policy_path, policy::kSetSuffix);
  if (!cached) return std::unexpected(cached.error());
  if (!*cached)
    return std::unexpected(Error(ErrorCode::kPolicyUnavailable,
                                 "use the policies in " + quoted(settings.hook.policy.policy_path))
                               .reason("they have errors, and no earlier set is in force")
                               .hint("pinscope check shows the errors"));
  explanation.last_good = true;
  return (*cached)->set().all();
}

model::Features features_of_host() {
  model::Features features = kernel::quick_features();
  for (const auto& probe : kernel::probe_all())
    if (probe.name == "detached mount trees" && probe.answer == model::Probe::kNo)
      features.detached_trees = false;
  return features;
}

}  // namespace

std::vector<std::string> host_bpffs_mounts() {
  std::vector<std::string> places = {kUsualHostBpffs};
  const auto mounts = kernel::read_mounts("/proc/self/mountinfo", kMostOfMountinfo);
  if (!mounts) return places;
  for (const auto& mount : *mounts)
    if (mount.is_bpf && mount.mount_point != kUsualHostBpffs) places.push_back(mount.mount_point);
  return places;
}

bool Explanation::starts() const {
  return errors.empty() && std::none_of(remarks.begin(), remarks.end(), [](const Remark& remark) {
           return remark.kind == Remark::Kind::kRefuses;
         });
}

void add_explain_options(Command& command, Settings& settings, ExplainOptions& options) {
  command
      .required_option("-b,--bundle", options.bundle, "DIR",
                       "The container's OCI bundle: the directory that holds its config.json")
      .choice("--engine", options.engine, {"podman", "docker", "containerd", "crio", "host"},
              "The engine that starts the container, as the hook's --engine says it")
      .option("--id", options.id, "TEXT", "The container's id (default: the bundle's name)")
      .repeatable_option("--pod-label", options.pod_labels, "KEY=VALUE",
                         "A label of the container's pod, as the NRI plugin would hand it on "
                         "(repeatable)")
      .flag("--no-host", options.no_host,
            "Do not look at this host's pins and kernel: explain the policy alone")
      .shared_options(settings, {"policy", "cache-dir"})
      .output_options(settings);
}

// The decision, with what the sources are on this host beside what policies expect of them.
static model::Decision with_what_is_there(const pinscope::Explanation& explanation) {
  auto decision = explanation.decision;
  for (size_t i = 0; i < explanation.sources.size(); ++i) {
    const auto& info = explanation.sources[i].info;
    if (!info) continue;
    auto& expect = decision.grants[i].expect;
    expect.kind = info->kind;
    if (info->kind == model::ObjectKind::kMap) expect.map_type = info->type;
    if (info->kind == model::ObjectKind::kProgram) expect.program_type = info->type;
  }
  return decision;
}

Result<Explanation> explain(const Settings& settings, const ExplainOptions& options) {
  Explanation explanation;
  PINSCOPE_TRY(const std::string bundle, resolve_bundle(options.bundle));
  PINSCOPE_TRY(const auto policies, read_policies(settings, explanation));
  const std::string id = options.id.empty() ? std::string(base_name(bundle)) : options.id;
  const auto engine = model::engine_from_name(options.engine).value_or(model::Engine::kUnknown);
  oci::PodLabels pod_labels;
  for (const auto& label : options.pod_labels)
    PINSCOPE_CHECK(oci::add_pod_label(pod_labels, label));
  const auto features = options.no_host ? model::Features{} : features_of_host();
  const auto look = options.no_host ? HostPins::kIgnore : HostPins::kOpen;
  PINSCOPE_TRY(static_cast<pinscope::Explanation&>(explanation),
               pinscope::explain(policies, bundle, id, engine, pod_labels, features, look));
  explanation.remarks =
      remarks_on(explanation.seen, with_what_is_there(explanation),
                 options.no_host ? std::vector<std::string>{kUsualHostBpffs} : host_bpffs_mounts(),
                 {explanation.commands, explanation.still_refused});
  if (!options.no_host && ::geteuid() != 0 && !explanation.sources.empty())
    explanation.remarks.push_back(
        {Remark::Kind::kNote, "not-root",
         "this is not root, and the hook is: pins that only root may open look wrong here",
         "run it as root, or with --no-host"});
  return explanation;
}

}  // namespace pinscope::cli
