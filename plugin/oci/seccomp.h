// What config.json's seccomp profile does with bpf(2). Internal to oci/.
#pragma once

#include "plugin/base/json.h"
#include "plugin/model/container.h"

namespace pinscope::oci {

// `linux` is config.json's object of that name.
Result<model::SeccompBpf> read_seccomp_bpf(const JsonView& linux);

}  // namespace pinscope::oci
