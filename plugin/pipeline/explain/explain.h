// The pipeline up to the plan, for explain and plan: nothing is done, and every reason is kept.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "plugin/base/result.h"
#include "plugin/model/bpf_commands.h"
#include "plugin/model/container.h"
#include "plugin/model/decision.h"
#include "plugin/model/features.h"
#include "plugin/model/object.h"
#include "plugin/model/plan.h"
#include "plugin/oci/pod_labels.h"
#include "plugin/policy/decide/past_view.h"
#include "plugin/policy/decide/told.h"

namespace pinscope {

// What create_runtime would do for a bundle, and why, without doing it: for explain and plan.
struct Explanation {
  model::Container container;
  // The same, with the mounts' sources and destinations as links and dots resolve, and namespaces
  // that it joins by the path of the host's as the host's.
  model::Container seen;

  struct Verdict {
    model::Rule policy;
    bool selects = false;
    std::string why_not;  // the first key that does not match
    // Whether it selects depends on keys that the description does not tell: these are they.
    std::string depends_on = {};
  };
  std::vector<Verdict> verdicts;

  // What would stop the start; empty if the container would start.
  std::vector<Error> errors;
  model::Decision decision;
  model::Plan plan;

  // For each grant of the decision, in its order: what its source is on this host now.
  struct Source {
    std::optional<model::ObjectInfo> info;
    std::optional<Error> error;
    bool skipped = false;  // missing, and the policy says skip
  };
  std::vector<Source> sources;

  // Commands of bpf(2) that the grants need, and those of them that the seccomp profile would still
  // refuse if the shim or the precreate stage had widened it.
  model::BpfCommands commands;
  model::BpfCommands still_refused;

  // What the container has whatever policies grant; nothing known of one that is described.
  policy::PastView past_view;

  // There is no config.json, but a description: whether the container would start, and whether its
  // view would hold, is not known.
  bool is_described = false;
};

// Whether the host's pins are looked at. kIgnore explains policies on a machine that is not the one
// they are for: globs match nothing, `sources` stays empty, no grant counts as missing.
enum class HostPins { kOpen, kIgnore };

// `policies`: the set in force, or any other to try out. `id`: empty for the bundle's name. Works
// without root as far as the sources can be opened without it. An error only if the bundle cannot
// be read.
Result<Explanation> explain(const std::vector<model::Policy>& policies, const std::string& bundle,
                            const std::string& id, model::Engine engine,
                            const oci::PodLabels& pod_labels, const model::Features& features,
                            HostPins pins = HostPins::kOpen);

// The same for a container of which nothing is there but what `container` says, as far as `told`
// goes: the decision is that of the policies that select it whatever the rest may be. No plan.
Result<Explanation> explain_described(const std::vector<model::Policy>& policies,
                                      const model::Container& container, const policy::Told& told,
                                      HostPins pins = HostPins::kOpen);

}  // namespace pinscope
