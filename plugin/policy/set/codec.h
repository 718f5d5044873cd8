// One policy as a FlatBuffer of its own, and back. Used by compiled.cc alone.
#pragma once

#include <cstddef>
#include <span>
#include <string>

#include "plugin/base/result.h"
#include "plugin/model/policy.h"

namespace pinscope::policy {

std::string encode(const model::Policy& policy);

// Untrusted bytes, which must be 8-byte aligned: verified first. The memory of what comes out is
// bounded by a multiple of what went in, whatever the bytes say.
Result<model::Policy> decode(std::span<const std::byte> bytes);

// The error for bytes that are not what compile() makes.
Error damaged_set(std::string reason);

}  // namespace pinscope::policy
