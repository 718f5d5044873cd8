// The whole flow, one function for each hook point: start reading here. The stages do not know each
// other; they meet in pipeline.cc, which decides nothing itself.
//
//   state JSON --oci--> Container --policy--> Decision --plan--> Plan --apply--> the view
//                                             record: intent before, outcome after; audit: one line
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "plugin/base/result.h"
#include "plugin/kernel/bpf.h"
#include "plugin/model/container.h"
#include "plugin/model/decision.h"
#include "plugin/model/features.h"
#include "plugin/model/plan.h"
#include "plugin/oci/pod_labels.h"
#include "plugin/policy/store.h"
#include "plugin/record/audit.h"

namespace pinscope {

struct HookOptions {
  policy::StoreOptions policy;
  std::string state_directory = "/run/pinscope";
  record::AuditOptions audit;
  model::Engine engine = model::Engine::kUnknown;
  oci::PodLabels pod_labels;
  // Policies that must select the container, or it must not start: what the start asked for.
  std::vector<std::string> required_policies;
};

// The createRuntime hook (prestart for old engines): gives the container its view, or leaves it
// alone if no policy selects it. On an error the container must not start; nothing of ours is left
// in it. Needs root; changes this process's mount namespace and gives up its privileges on the way.
Status create_runtime(const HookOptions& options, std::string state_json);

// A start that is refused before there is a state to read: tells the audit trail, which is all that
// an operator sees where the runtime hides stderr.
void report_refused_start(const HookOptions& options, const Error& error);

// The poststop hook: forgets the container. Its view went with its mount namespace.
Status poststop(const HookOptions& options, std::string state_json);

// What create_runtime would do for a bundle, and why, without doing it: for explain and plan.
struct Explanation {
  model::Container container;

  struct Verdict {
    model::Rule policy;
    bool selects = false;
    std::string why_not;  // the first key that does not match
  };
  std::vector<Verdict> verdicts;

  // What would stop the start; empty if the container would start.
  std::vector<Error> errors;
  model::Decision decision;
  model::Plan plan;

  // For each grant of the decision, in its order: what its source is on this host now.
  struct Source {
    std::optional<kernel::ObjectInfo> info;
    std::optional<Error> error;
    bool skipped = false;  // missing, and the policy says skip
  };
  std::vector<Source> sources;
};

// Whether the host's pins are looked at. kIgnore explains policies on a machine that is not the one
// they are for: globs match nothing, `sources` stays empty, no grant counts as missing.
enum class HostPins { kOpen, kIgnore };

// `policies`: the set in force, or any other to try out. Works without root as far as the sources
// can be opened without it. An error only if the bundle cannot be read.
Result<Explanation> explain(const std::vector<model::Policy>& policies, const std::string& bundle,
                            const std::string& id, model::Engine engine,
                            const oci::PodLabels& pod_labels, const model::Features& features,
                            HostPins pins = HostPins::kOpen);

}  // namespace pinscope
