// What a policy that delegates (BPF tokens) needs in a container's configuration besides the hook.
// The plugin sees a container before everything is known of it, so this errs towards nothing.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "plugin/model/bpf_commands.h"
#include "plugin/model/policy.h"
#include "plugin/nri/types.h"

namespace pinscope::daemon {

// Whether it has a user namespace, without which nothing is delegated (the hook refuses it).
bool has_user_namespace(const nri::Container& container);

// What making and using tokens of these policies takes of bpf(2); nothing without a user namespace:
// there the same commands would make objects without any token.
model::BpfCommands commands_to_delegate(const std::vector<model::Policy>& policies,
                                        const nri::Container& container);

inline constexpr const char* kTokenVariable = "LIBBPF_BPF_TOKEN_PATH";

// The value of kTokenVariable for a container that these policies may select: where the bpffs that
// gives tokens will be, if libbpf would not look there by itself and the container does not say it.
// Nothing unless a policy that delegates selects the container whatever else turns out: libbpf
// loads no program at all if the variable leads nowhere.
std::optional<std::string> token_path(const std::vector<model::Policy>& policies,
                                      const nri::Container& container);

}  // namespace pinscope::daemon
