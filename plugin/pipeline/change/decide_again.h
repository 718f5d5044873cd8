// What the policies would give a container that runs if it were started now: the steps of the hook
// up to the plan, with what is left of what the hook saw. Changes nothing but the working directory
// (see kernel::SourceOpener).
#pragma once

#include <sys/types.h>

#include <optional>
#include <string>
#include <vector>

#include "plugin/base/result.h"
#include "plugin/kernel/process/process.h"
#include "plugin/model/container.h"
#include "plugin/model/decision.h"
#include "plugin/model/features.h"
#include "plugin/model/policy.h"
#include "plugin/model/record.h"
#include "plugin/oci/state.h"
#include "plugin/pipeline/sources.h"

namespace pinscope {

// A container by the configuration that it was started with.
struct StartedContainer {
  model::Container container;
  // The configuration runs pinscope-hook, which was told the engine and the labels of the pod.
  bool has_hook = false;
};
// Where the hook was not told the engine, it is `engine`; if that is not known, the one that wrote
// the configuration says so in an annotation. That is enough to tell people about a container, not
// to give it something. kSystem: there is no config.json (any more).
Result<StartedContainer> read_started(oci::State state, model::Engine engine);

// The container of a record, as the hook saw it: from its bundle, or its user if it is a session.
Result<model::Container> container_of(const model::Record& record);
inline bool is_session(const model::Record& record) {
  return record.given.uid.has_value();
}

struct Restart {
  // Nothing if the policies disagree: see `refusal`.
  std::optional<model::Decision> decision;
  // For each of its grants: whether it is left out, and what it would give if not.
  std::vector<LeftOut> left_out;
  std::vector<std::optional<model::ObjectInfo>> objects;
  // Whether anything would be done for it.
  bool makes_view = false;
  // Why it would not start: the first reason, as far as it shows without its mounts.
  std::optional<Error> refusal;
};

// `policies`: in the order of their files. `exceptions`: those in force. `container`: with the
// process id of the running one, whose namespaces are looked at. kProcessGone: it has ended
// meanwhile.
Result<Restart> decide_again(const std::vector<model::Policy>& policies,
                             const model::Container& container, bool is_session,
                             const model::Features& features,
                             const std::vector<model::Exception>& exceptions = {});

// How ids are mapped where the container's view is. By its process, unless that has gone to a user
// namespace of its own making, whose map it chose itself: then as `container` has it from
// config.json. kProcessGone if that does not say.
Status take_id_maps(const kernel::ContainerProcess& process, model::Container& container);

// Opens the source of each grant of the decision, and fills in the rest by what it finds.
void look_at_sources(const model::Features& features, Restart& restart);

// The decision without what would be left out. There must be one.
model::Decision present(const Restart& restart);

}  // namespace pinscope
