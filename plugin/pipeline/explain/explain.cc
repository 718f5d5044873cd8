#include "plugin/pipeline/explain/explain.h"

#include <utility>

#include "plugin/base/path.h"
#include "plugin/kernel/bpf/delegation.h"
#include "plugin/kernel/bpf/source.h"
#include "plugin/kernel/mount/mountinfo.h"
#include "plugin/kernel/mount/mounts.h"
#include "plugin/kernel/sys.h"
#include "plugin/oci/edit.h"
#include "plugin/oci/state.h"
#include "plugin/pipeline/explain/prediction.h"
#include "plugin/pipeline/host_view.h"
#include "plugin/pipeline/identify.h"
#include "plugin/pipeline/sources.h"
#include "plugin/plan/build.h"
#include "plugin/policy/decide/bypass.h"
#include "plugin/policy/decide/commands.h"
#include "plugin/policy/decide/decide.h"
#include "plugin/policy/decide/grantable.h"
#include "plugin/policy/decide/match_notes.h"
#include "plugin/policy/decide/reach.h"
#include "plugin/policy/decide/select.h"

namespace pinscope {
namespace {

using namespace model;

// What the sources are, as far as they were looked at.
policy::KnownObjects objects_of(const Explanation& explanation) {
  policy::KnownObjects objects;
  for (const auto& source : explanation.sources) {
    auto& object = objects.emplace_back();
    if (source.info) object = ObjectType{source.info->kind, source.info->type};
  }
  return objects;
}

// The same, and else what the policies expect of them.
policy::KnownObjects known_objects(const Explanation& explanation) {
  auto objects = policy::expected_objects(explanation.decision);
  const auto seen = objects_of(explanation);
  for (size_t i = 0; i < seen.size(); ++i)
    if (seen[i]) objects[i] = seen[i];
  return objects;
}

// What the grants need of bpf(2), and what the shim or the precreate stage could do about it.
Status explain_seccomp(const oci::State& state, const std::string& config,
                       Explanation& explanation) {
  explanation.commands = policy::commands_for(explanation.decision, objects_of(explanation));
  PINSCOPE_TRY(const auto edit, oci::edit_config(config, join(state.bundle, "config.json"), {},
                                                 explanation.commands));
  explanation.still_refused = edit.still_refused;
  return {};
}

// What the hook will find when the container's mounts are there, as far as its configuration and
// this host show it.
void explain_reach(const policy::HostView& host, const PredictedMounts& mounts,
                   Explanation& explanation) {
  if (!has_programs(explanation.decision)) return;
  const auto objects = known_objects(explanation);
  auto ways = policy::shared_namespaces(explanation.container, host);
  for (auto& way : ways_out_in(mounts, explanation.container, host)) ways.push_back(std::move(way));
  const auto checked = policy::check_reach(explanation.decision, objects, ways);
  if (!checked) explanation.errors.push_back(checked.error());
}

// What policies may ask of this host.
policy::HostView host_for(HostPins pins) {
  policy::HostView host = host_before_start();
  if (pins == HostPins::kIgnore) {
    host.pins_matching = [](const Pattern&) { return MatchingPins{}; };
    host.compare_objects = {};
    host.objects_at = {};
    host.programs_reach_machine = [] { return false; };
  }
  return host;
}

// Fills in what the sources of the grants are; the decision without those that are left out.
Result<Decision> look_at_sources(HostPins pins, Explanation& explanation) {
  if (pins == HostPins::kIgnore) return explanation.decision;
  PINSCOPE_TRY(const Fd descriptors, kernel::open_descriptor_directory());
  kernel::SourceOpener sources(descriptors.get(), policy::ObjectJudge());
  policy::MatchNotes notes(explanation.decision.notes);
  Decision present = explanation.decision;
  present.grants.clear();
  for (const auto& grant : explanation.decision.grants) {
    Explanation::Source source;
    auto opened = sources.open(grant);
    if (opened) {
      source.info = std::move(opened->info);
    } else if (const LeftOut outcome = left_out(grant, opened.error()); outcome != LeftOut::kNot) {
      source.skipped = true;
      if (outcome == LeftOut::kUngrantable) notes.add(note_of(grant, opened.error()));
    } else {
      Error error = std::move(opened).error().rule(to_string(grant.rule));
      explanation.errors.push_back(error);
      source.error = std::move(error);
    }
    if (!source.skipped) present.grants.push_back(grant);
    explanation.sources.push_back(std::move(source));
  }
  notes.finish();
  return present;
}

policy::Surroundings::Mounts mounts_of_host(HostPins pins) {
  return pins == HostPins::kOpen ? kernel::are_on_different_mounts : policy::Surroundings::Mounts();
}

policy::Surroundings surroundings_of(HostPins pins, const Container& seen) {
  const auto is_host = [&](NamespaceKind kind) {
    return namespace_of(seen, kind).mode == Namespace::Mode::kHost;
  };
  return {is_host(NamespaceKind::kUser), is_host(NamespaceKind::kPid),
          pins == HostPins::kOpen ? kernel::bpffs_places()
                                  : std::vector<std::string>{kernel::kUsualBpffs},
          mounts_of_host(pins)};
}

// What the hook will refuse because the view would be void, as far as the configuration shows it.
void explain_void(const policy::Surroundings& around, Explanation& explanation) {
  const auto found = policy::find_bypasses(explanation.decision, explanation.seen, around,
                                           known_objects(explanation));
  const auto checked = policy::check_void(explanation.decision, policy::kinds_of(found));
  if (!checked) explanation.errors.push_back(checked.error());
}

}  // namespace

Result<Explanation> explain(const std::vector<Policy>& policies, const std::string& bundle,
                            const std::string& id, Engine engine, const oci::PodLabels& pod_labels,
                            const Features& features, HostPins pins) {
  Explanation explanation;
  oci::State state;
  state.bundle = bundle;
  PINSCOPE_TRY(const auto config, read_config_of(state.bundle));
  state.id = id.empty() ? std::string(base_name(state.bundle)) : id;
  PINSCOPE_TRY(explanation.container, container_of(state, config, engine, pod_labels));

  auto mounts = predict_mounts(explanation.container,
                               pins == HostPins::kOpen ? Machine::kThis : Machine::kAny);
  explanation.seen = explanation.container;
  explanation.seen.mounts = mounts.resolved();

  const policy::HostView host = host_for(pins);
  for (const NamespaceKind kind : {NamespaceKind::kPid, NamespaceKind::kNet, NamespaceKind::kUser,
                                   NamespaceKind::kCgroup, NamespaceKind::kIpc})
    if (policy::shares_host_namespace(explanation.container, kind, host))
      namespace_of(explanation.seen, kind).mode = Namespace::Mode::kHost;
  const policy::Surroundings around = surroundings_of(pins, explanation.seen);
  explanation.past_view = policy::find_past_view(explanation.seen, around);
  for (const auto& policy : policies) {
    Explanation::Verdict verdict;
    verdict.policy = {policy.name, policy.place};
    verdict.selects = policy::selects(policy, explanation.container, host, &verdict.why_not);
    explanation.verdicts.push_back(std::move(verdict));
  }

  auto decision = policy::decide(policies, explanation.container, host);
  if (!decision) {
    explanation.errors.push_back(std::move(decision).error());
    return explanation;
  }
  explanation.decision = *std::move(decision);
  if (!explanation.decision.selected()) return explanation;
  const bool has_mount_namespace =
      namespace_of(explanation.container, NamespaceKind::kMount).mode != Namespace::Mode::kHost;
  if (!has_mount_namespace)
    explanation.errors.push_back(Error(ErrorCode::kHostNamespace, "give a view to this container")
                                     .reason("it shares the host's mount namespace"));

  if (explanation.decision.delegation && pins != HostPins::kIgnore) {
    const auto able = kernel::check_delegable(explanation.decision.delegation->rights);
    if (!able && able.error().code() == ErrorCode::kKernelUnsupported)
      explanation.errors.push_back(able.error());
  }

  PINSCOPE_TRY(const Decision present, look_at_sources(pins, explanation));
  if (pins == HostPins::kOpen) explain_reach(host, mounts, explanation);
  explain_void(around, explanation);
  if (auto refusal = foreseen_refusal(mounts, explanation.container, present);
      refusal && has_mount_namespace)
    explanation.errors.push_back(*std::move(refusal));
  PINSCOPE_CHECK(explain_seccomp(state, config, explanation));
  auto plan = plan::build(present, explanation.container, features);
  if (plan) {
    explanation.plan = *std::move(plan);
  } else {
    explanation.errors.push_back(std::move(plan).error());
  }
  return explanation;
}

Result<Explanation> explain_described(const std::vector<Policy>& policies,
                                      const Container& container, const policy::Told& told,
                                      HostPins pins) {
  using Selection = policy::Judgement::Selection;
  Explanation explanation;
  explanation.is_described = true;
  explanation.container = container;
  explanation.seen = container;
  const policy::HostView host = host_for(pins);
  std::vector<Policy> selecting;
  for (const auto& policy : policies) {
    auto judgement = policy::judge(policy, container, told, host);
    const bool depends = judgement.selection == Selection::kDepends;
    const bool selects = judgement.selection == Selection::kSelects;
    if (selects) selecting.push_back(policy);
    explanation.verdicts.push_back({.policy = {policy.name, policy.place},
                                    .selects = selects,
                                    .why_not = depends ? "" : judgement.why,
                                    .depends_on = depends ? judgement.why : ""});
  }
  auto decision = policy::decide(selecting, container, host);
  if (!decision) {
    explanation.errors.push_back(std::move(decision).error());
    return explanation;
  }
  explanation.decision = *std::move(decision);
  PINSCOPE_CHECK(look_at_sources(pins, explanation));
  return explanation;
}

}  // namespace pinscope
