// The types of a map as text in C.
#pragma once

#include <bpf/btf.h>

#include <cstdint>
#include <string>
#include <vector>

namespace pinscope::values {

// By libbpf's btf_dump: the definitions of the type and of what it contains. Empty if libbpf
// cannot. The names are the kernel's identifiers.
std::string c_definitions(const btf* types, const std::vector<uint32_t>& ids);

// How C calls the type: "struct flow_key", "__u32", "char[16]".
std::string c_name(const btf* types, uint32_t id);

}  // namespace pinscope::values
