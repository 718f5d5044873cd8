// The answers that deciding takes from the host: before the container has a process, and when it
// has. Internal to the pipeline.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "plugin/base/result.h"
#include "plugin/kernel/bpf/name_patterns.h"
#include "plugin/kernel/bpf/source.h"
#include "plugin/kernel/process/process.h"
#include "plugin/model/container.h"
#include "plugin/model/decision.h"
#include "plugin/model/given.h"
#include "plugin/policy/decide/bypass.h"
#include "plugin/policy/decide/host_view.h"
#include "plugin/policy/decide/reach.h"

namespace pinscope {

// What of a glob stands behind its literal part, component by component.
std::vector<kernel::NamePattern> patterns_below(std::string_view glob);

// The host's pins that match: answers policy::HostView::pins_matching.
Result<model::MatchingPins> pins_matching(const model::Pattern& glob);

// What is pinned there: answers policy::HostView::objects_at. Changes the working directory.
Result<std::vector<std::optional<model::ObjectInfo>>> objects_at(
    const std::vector<std::string>& sources);

// The host as far as it can be asked before the container has a process: namespaces are those that
// its configuration names.
policy::HostView host_before_start();

// The container's process. kStateInvalid: the container has none.
Result<kernel::ContainerProcess> find_process(const model::Container& container);

// The host when the container has its process, whose namespaces are looked at. `process` must
// outlive it; of one that was not found no namespace is the one in question.
policy::HostView host_at_start(const Result<kernel::ContainerProcess>& process);

// What is around a container that has its process, as far as it makes a view void.
policy::Surroundings surroundings_of(const model::Container& container, bool is_session,
                                     const kernel::ContainerProcess& process,
                                     const policy::HostView& host);

// What the grants turned out to be.
policy::KnownObjects objects_of(const std::vector<model::PinnedObject>& pins);

// What the sources of the grants are, where the policy does not say what they have to be; nothing
// for one that cannot be opened, which is the hook's to refuse. Changes the working directory.
policy::KnownObjects look_at(const model::Decision& decision, kernel::SourceOpener& sources);

}  // namespace pinscope
