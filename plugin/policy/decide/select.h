// Whether a policy selects a container. Pure, like decide.h.
#pragma once

#include <string>

#include "plugin/model/container.h"
#include "plugin/model/policy.h"
#include "plugin/policy/decide/host_view.h"

namespace pinscope::policy {

// Whether the policy selects the container: its `select` matches, and no item of its `exclude`.
// `why_not` (may be null) receives the first key that did not match, or the item that did, for
// explain: `item 2 of "exclude" at agents.yaml:9:7 matches it`.
bool selects(const model::Policy& policy, const model::Container& container, const HostView& host,
             std::string* why_not);

// The reason where an item of `exclude`, counted from 0, matches.
std::string excluded_by(const model::Policy& policy, size_t item);

// Whether every key matches the container. Keys that need an identity fact which this engine does
// not establish do not match. `namespaces: host` also matches a container that joins the host's
// namespace by path, `private` one that joins another than the host's. `why_not` as above:
// `kubernetes.namespace is "web", wanted "db-*"`.
bool matches(const model::Select& select, const model::Container& container, const HostView& host,
             std::string* why_not);

// Whether the container's namespace of this kind is the host's, however it comes by it.
bool shares_host_namespace(const model::Container& container, model::NamespaceKind kind,
                           const HostView& host);

}  // namespace pinscope::policy
