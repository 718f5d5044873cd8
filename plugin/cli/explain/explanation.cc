#include "plugin/cli/explain/explanation.h"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>

#include "plugin/advice/limits.h"
#include "plugin/base/clock.h"
#include "plugin/base/text.h"
#include "plugin/cli/explain/next_policies.h"
#include "plugin/kernel/bpf/map_limits.h"
#include "plugin/kernel/mount/mountinfo.h"
#include "plugin/kernel/mount/mounts.h"
#include "plugin/kernel/probe.h"
#include "plugin/record/store.h"

namespace pinscope::cli {
namespace {

using advice::Remark;

Result<oci::PodLabels> read_pod_labels(const std::vector<std::string>& texts) {
  oci::PodLabels labels;
  for (const auto& text : texts) PINSCOPE_CHECK(oci::add_pod_label(labels, text));
  return labels;
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

// The host's own pins and kernel, where they are looked at.
HostPins look_of(const ExplainOptions& options) {
  return options.no_host ? HostPins::kIgnore : HostPins::kOpen;
}

// A name that nobody could have given a container, or that a directory has, is a bundle's.
bool is_bundle(const std::string& word) {
  struct stat status {};
  return word.find('/') != std::string::npos ||
         (::stat(word.c_str(), &status) == 0 && S_ISDIR(status.st_mode));
}

// What is to be explained, once it is clear which container is meant.
struct Subject {
  std::string bundle;
  std::string id;
  std::string engine;
};

Result<Subject> find_subject(const Settings& settings, const ExplainOptions& options,
                             Explained& explained) {
  if (!options.container.empty() && !options.bundle.empty())
    return std::unexpected(Error(ErrorCode::kUsage, "explain " + quoted(options.container))
                               .reason("--bundle names another one"));
  if (options.container.empty() || is_bundle(options.container))
    return Subject{options.container.empty() ? options.bundle : options.container, options.id,
                   options.engine};
  auto search = inventory::search_container(options.container, settings.hook.state_directory);
  explained.unanswered = search.failed;
  PINSCOPE_TRY(auto found, inventory::only_one(std::move(search)));
  if (found.bundle.empty())
    return std::unexpected(
        Error(ErrorCode::kRecord, "explain container " + inventory::title_of(found))
            .reason("it has no bundle now" +
                    (found.state.empty() ? "" : ": it is " + one_line(found.state)))
            .hint("its engine makes one when it starts it; until then describe it by options: "
                  "pinscope explain --help"));
  explained.found = found;
  return Subject{found.bundle, options.id.empty() ? found.id : options.id,
                 options.engine.empty() ? model::engine_name(found.engine) : options.engine};
}

// What the maps close by themselves, as far as they were opened.
void remark_on_limits(Explained& explained) {
  std::vector<advice::MapLimits> limits(explained.start.decision.grants.size());
  const auto& sources = explained.start.sources;
  for (size_t i = 0; i < std::min(limits.size(), sources.size()); ++i) {
    const auto& info = sources[i].info;
    if (!info || info->kind != model::ObjectKind::kMap) continue;
    const auto found = kernel::limits_of_map(info->id);
    limits[i] = {found.frozen == model::Probe::kYes, found.exclusive == model::Probe::kYes,
                 info->map_flags};
  }
  for (auto& remark : advice::remarks_on_limits(explained.start.decision, limits))
    explained.remarks.push_back(std::move(remark));
}

// They are the running container's alone.
void remark_on_exceptions(const Settings& settings, Explained& explained) {
  const auto store = record::Store::open(settings.hook.state_directory, false);
  if (!explained.found || !store) return;
  const auto records = store->find(explained.found->id);
  if (!records) return;
  for (const auto& found : records->found)
    for (const auto& one : found.record.exceptions)
      explained.remarks.push_back(
          {Remark::Kind::kNote, "exception",
           "the container that runs now has " + model::text_of(one, wall_clock_ns()),
           "it ends with that container: a start gets what the policies say"});
}

void remark_on_user(const ExplainOptions& options, Explained& explained) {
  if (options.no_host || ::geteuid() == 0 || explained.start.sources.empty()) return;
  explained.remarks.push_back(
      {Remark::Kind::kNote, "not-root",
       "not root: pins that only root may open look wrong here, because the hook is root",
       "run it as root, or with --no-host"});
}

}  // namespace

model::Features features_of_host() {
  model::Features features = kernel::quick_features();
  for (const auto& probe : kernel::probe_all()) {
    if (probe.name == kernel::kDetachedTreesProbe && probe.answer == model::Probe::kNo)
      features.detached_trees = false;
    if (probe.name == kernel::kAttributesProbe)
      features.pin_attributes = probe.answer == model::Probe::kYes;
  }
  return features;
}

bool Explained::starts() const {
  return start.errors.empty() &&
         std::ranges::find(remarks, Remark::Kind::kRefuses, &Remark::kind) == remarks.end();
}

bool Explained::holds() const {
  return std::ranges::none_of(remarks, [](const Remark& remark) {
    return remark.kind == Remark::Kind::kVoid || remark.kind == Remark::Kind::kUnreachable;
  });
}

void add_explain_options(Command& command, Settings& settings, ExplainOptions& options) {
  command
      .optional_argument("CONTAINER", options.container,
                         "The container: its id, the beginning of one, or the name that its engine "
                         "gave it; or the directory of its bundle")
      .option("-b,--bundle", options.bundle, "DIR",
              "The container's OCI bundle: the directory that holds its config.json")
      .choice("--engine", options.engine, {"podman", "docker", "containerd", "crio", "host"},
              "The engine that starts the container (default: the one that knows it)")
      .option("--id", options.id, "TEXT", "The container's id (default: the bundle's name)")
      .repeatable_option(
          "--label,--pod-label", options.pod_labels, "KEY=VALUE",
          "A label of the container's pod, as the NRI plugin would pass it on (repeatable)")
      .flag("--no-host", options.no_host,
            "Explain the policy alone, without this host's pins and kernel")
      .shared_options(settings, {"policy", "cache-dir", "state-dir"})
      .output_options(settings);
}

Result<Explained> explain(const Settings& settings, const ExplainOptions& options) {
  Explained explained;
  PINSCOPE_CHECK(check_given_path(settings, "policy"));
  if (options.container.empty() && options.bundle.empty())
    return std::unexpected(Error(ErrorCode::kUsage, "explain a container")
                               .reason("none is named")
                               .hint("write its id, its name, or --bundle DIR"));
  PINSCOPE_TRY(const Subject subject, find_subject(settings, options, explained));
  PINSCOPE_TRY(auto next, read_next_policies(settings));
  const auto& policies = next.policies;
  explained.diagnostics = std::move(next.diagnostics);
  explained.last_good = next.last_good;
  const auto engine = model::engine_from_name(subject.engine).value_or(model::Engine::kUnknown);
  PINSCOPE_TRY(const auto pod_labels, read_pod_labels(options.pod_labels));
  const auto features = options.no_host ? model::Features{} : features_of_host();
  PINSCOPE_TRY(explained.start, pinscope::explain(policies, subject.bundle, subject.id, engine,
                                                  pod_labels, features, look_of(options)));
  explained.remarks = advice::remarks_on(
      explained.start.seen, with_what_is_there(explained.start),
      options.no_host ? std::vector<std::string>{kernel::kUsualBpffs} : kernel::bpffs_places(),
      {explained.start.commands, explained.start.still_refused},
      options.no_host ? policy::Surroundings::Mounts() : kernel::are_on_different_mounts);
  remark_on_limits(explained);
  remark_on_exceptions(settings, explained);
  remark_on_user(options, explained);
  return explained;
}

Result<Explained> explain(const Settings& settings, const ExplainOptions& options,
                          const Description& description) {
  Explained explained;
  PINSCOPE_CHECK(check_given_path(settings, "policy"));
  PINSCOPE_TRY(const auto pod_labels, read_pod_labels(options.pod_labels));
  PINSCOPE_TRY(auto described, read_description(description, options.engine, pod_labels));
  if (!options.id.empty()) described.container.id = options.id;
  PINSCOPE_TRY(auto next, read_next_policies(settings));
  const auto& policies = next.policies;
  explained.diagnostics = std::move(next.diagnostics);
  explained.last_good = next.last_good;
  PINSCOPE_TRY(explained.start,
               explain_described(policies, described.container, described.told, look_of(options)));
  explained.remarks = std::move(described.remarks);
  remark_on_limits(explained);
  remark_on_user(options, explained);
  return explained;
}

}  // namespace pinscope::cli
