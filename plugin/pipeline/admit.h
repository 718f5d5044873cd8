// Reasons to refuse a container whatever its grants. Nothing here asks the host; what is known of
// it is passed in.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "plugin/base/result.h"
#include "plugin/kernel/process/process.h"
#include "plugin/model/container.h"
#include "plugin/model/decision.h"
#include "plugin/model/policy.h"
#include "plugin/policy/decide/host_view.h"

namespace pinscope {

// The container's process, as far as it matters here.
struct ProcessFacts {
  std::string program;  // that it runs: its first argument
  bool shares_mount_namespace = false;
  bool shares_user_namespace = false;  // with the host, both
};
ProcessFacts facts_of(const kernel::ContainerProcess& process);

// kHostNamespace: the view would be everybody's. kRuntimeUnsupported: the container does not run on
// this kernel (gVisor, Kata), or CRIU restores it and mounts what its checkpoint holds over the
// view. kDelegation: BPF is delegated to a user namespace, and this is the host's.
Status admit(const model::Decision& decision, const ProcessFacts& process);

// kRuntimeUnsupported: containers of this program have a kernel of their own.
Error runs_elsewhere(std::string_view program);

// kPolicyRequired: the start asked for a policy by its name, and it does not select the container.
// That it was asked for does not make it select, and to start without it is no answer either.
// `policies`: all that are in force, to say why.
Status check_required(const std::vector<std::string>& required,
                      const std::vector<model::Rule>& selected_by,
                      const std::vector<model::Policy>& policies, const model::Container& container,
                      const policy::HostView& host);

// Whether any of the policies can select a container of which nothing but the engine is known.
bool may_concern(const std::vector<model::Policy>& policies, model::Engine engine);

}  // namespace pinscope
