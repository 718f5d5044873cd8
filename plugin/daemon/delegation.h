// What a policy that delegates (BPF tokens) needs in a container's configuration besides the hook.
// The plugin sees a container before everything is known of it, so this errs towards nothing.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "plugin/model/policy.h"
#include "plugin/nri/nri.pb.h"

namespace pinscope::daemon {

// Whether it has a user namespace, without which nothing is delegated (the hook refuses it).
bool has_user_namespace(const nri::Container& container);

inline constexpr const char* kTokenVariable = "LIBBPF_BPF_TOKEN_PATH";

// The value of kTokenVariable for a container that these policies may select: where the bpffs that
// gives tokens will be, if libbpf would not look there by itself and the container does not say it.
// Nothing unless a policy that delegates selects the container whatever else turns out: libbpf
// loads no program at all if the variable leads nowhere.
std::optional<std::string> token_path(const std::vector<model::Policy>& policies,
                                      const nri::Container& container);

}  // namespace pinscope::daemon
