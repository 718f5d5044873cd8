// The names of capabilities in config.json. Internal to oci/.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace pinscope::oci {

// The number of "CAP_BPF" (linux/capability.h), as runtimes read it: crun, with libcap, in lower
// case and as a number, too. Nothing for a name that Linux 6.18 does not know.
std::optional<uint32_t> capability_number(std::string_view name);

// Whether a name that is not known is one of a newer kernel. Anything else may be read by libcap as
// a capability that is known: "0x26", "CAP_BPF=ep".
bool is_plain_capability(std::string_view name);

}  // namespace pinscope::oci
