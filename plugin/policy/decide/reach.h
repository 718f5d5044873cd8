// Which programs a container may not have because of what it could attach them to, and which grants
// not beside programs of its own. One piece for the decision, which knows what policies say; for
// the hook, which has opened the objects and seen the container's mounts; and for explain.
#pragma once

#include <optional>
#include <vector>

#include "plugin/base/result.h"
#include "plugin/model/container.h"
#include "plugin/model/decision.h"
#include "plugin/model/reach.h"
#include "plugin/policy/decide/host_view.h"

namespace pinscope::policy {

// The types of the objects of a decision's grants, in their order, as far as they are known.
using KnownObjects = std::vector<std::optional<model::ObjectType>>;

// The types that the policies expect, before the objects are opened.
KnownObjects expected_objects(const model::Decision& decision);

// The namespaces of the host's that the container shares, in which programs attach; and the
// capability that opens cgroups outside of its own.
std::vector<model::WayOut> shared_namespaces(const model::Container& container,
                                             const HostView& host);

// kDelegation, with the reason: a program that is granted or delegated attaches outside of the
// container by one of `ways`, or a granted object takes programs that are delegated.
Status check_reach(const model::Decision& decision, const KnownObjects& objects,
                   const std::vector<model::WayOut>& ways);

// What a container with these rights could do with such an object, if it is granted read-write: the
// end of a sentence. Null if it is nothing but to write it.
const char* takes_programs(const model::TokenRights& rights, const model::ObjectType& object);

}  // namespace pinscope::policy
