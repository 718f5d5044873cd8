#include "plugin/cli/explain/explanation.h"

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>

#include "plugin/base/path.h"
#include "plugin/base/text.h"
#include "plugin/kernel/mount/mountinfo.h"
#include "plugin/kernel/probe.h"
#include "plugin/policy/set/cache.h"
#include "plugin/policy/set/install.h"

namespace pinscope::cli {
namespace {

using advice::Remark;

Result<std::string> resolve_bundle(const std::string& bundle) {
  const std::unique_ptr<char, decltype(&std::free)> resolved(::realpath(bundle.c_str(), nullptr),
                                                             &std::free);
  if (!resolved) return std::unexpected(Error::system("open bundle " + quoted(bundle), errno));
  return std::string(resolved.get());
}

// The policies that the next start would use: the files, if they have no errors and can come into
// force; otherwise the set in force.
Result<std::vector<model::Policy>> read_policies(const Settings& settings, Explained& explained) {
  const policy::StoreOptions& store = settings.hook.policy;
  const bool installed = store.policy_path == policy::StoreOptions().policy_path;
  policy::Loaded loaded =
      policy::load_for_install(store.policy_path, store.cache_directory,
                               installed ? policy::Trust::kRequired : policy::Trust::kIgnored);
  if (loaded.ok()) {
    auto why = policy::not_taken_up(store.policy_path, store.cache_directory);
    if (!why) return std::move(loaded.policies);
    loaded.diagnostics = {*std::move(why)};
  }
  explained.diagnostics = std::move(loaded.diagnostics);
  const auto cached =
      policy::CachedSet::open(store.cache_directory, store.policy_path, policy::kSetSuffix);
  if (!cached) return std::unexpected(cached.error());
  if (!*cached)
    return std::unexpected(
        Error(ErrorCode::kPolicyUnavailable, "use the policies in " + quoted(store.policy_path))
            .reason("they have errors, and no earlier set is in force")
            .hint("pinscope check shows the errors"));
  explained.last_good = true;
  return (*cached)->set().all();
}

model::Features features_of_host() {
  model::Features features = kernel::quick_features();
  for (const auto& probe : kernel::probe_all())
    if (probe.name == "detached mount trees" && probe.answer == model::Probe::kNo)
      features.detached_trees = false;
  return features;
}

// The decision, with what the sources are on this host beside what policies expect of them.
model::Decision with_what_is_there(const Explanation& explanation) {
  auto decision = explanation.decision;
  for (size_t i = 0; i < explanation.sources.size(); ++i) {
    const auto& info = explanation.sources[i].info;
    if (!info) continue;
    auto& expect = decision.grants[i].expect;
    expect.kind = info->kind;
    if (info->kind == model::ObjectKind::kMap) expect.map_type = info->type;
    if (info->kind == model::ObjectKind::kProgram) expect.program_type = info->type;
    if (info->kind == model::ObjectKind::kLink) expect.link_type = info->type;
  }
  return decision;
}

}  // namespace

bool Explained::starts() const {
  return start.errors.empty() &&
         std::ranges::find(remarks, Remark::Kind::kRefuses, &Remark::kind) == remarks.end();
}

void add_explain_options(Command& command, Settings& settings, ExplainOptions& options) {
  command
      .required_option("-b,--bundle", options.bundle, "DIR",
                       "The container's OCI bundle: the directory that holds its config.json")
      .choice("--engine", options.engine, {"podman", "docker", "containerd", "crio", "host"},
              "The engine that starts the container")
      .option("--id", options.id, "TEXT", "The container's id (default: the bundle's name)")
      .repeatable_option(
          "--pod-label", options.pod_labels, "KEY=VALUE",
          "A label of the container's pod, as the NRI plugin would pass it on (repeatable)")
      .flag("--no-host", options.no_host,
            "Explain the policy alone, without this host's pins and kernel")
      .shared_options(settings, {"policy", "cache-dir"})
      .output_options(settings);
}

Result<Explained> explain(const Settings& settings, const ExplainOptions& options) {
  Explained explained;
  PINSCOPE_CHECK(check_given_path(settings, "policy"));
  PINSCOPE_TRY(const std::string bundle, resolve_bundle(options.bundle));
  PINSCOPE_TRY(const auto policies, read_policies(settings, explained));
  const std::string id = options.id.empty() ? std::string(base_name(bundle)) : options.id;
  const auto engine = model::engine_from_name(options.engine).value_or(model::Engine::kUnknown);
  oci::PodLabels pod_labels;
  for (const auto& label : options.pod_labels)
    PINSCOPE_CHECK(oci::add_pod_label(pod_labels, label));
  const auto features = options.no_host ? model::Features{} : features_of_host();
  const auto look = options.no_host ? HostPins::kIgnore : HostPins::kOpen;
  PINSCOPE_TRY(explained.start,
               pinscope::explain(policies, bundle, id, engine, pod_labels, features, look));
  explained.remarks = advice::remarks_on(
      explained.start.seen, with_what_is_there(explained.start),
      options.no_host ? std::vector<std::string>{kernel::kUsualBpffs} : kernel::bpffs_places(),
      {explained.start.commands, explained.start.still_refused});
  if (!options.no_host && ::geteuid() != 0 && !explained.start.sources.empty())
    explained.remarks.push_back(
        {Remark::Kind::kNote, "not-root",
         "not root: pins that only root may open look wrong here, because the hook is root",
         "run it as root, or with --no-host"});
  return explained;
}

}  // namespace pinscope::cli
