// The names of BPF program and link types, as bpftool spells them, and their numbers; those of maps
// are in map_types.h with what else is known of them. Spelled out here rather than taken from
// <linux/bpf.h>, so that a policy may name a type that is newer than the headers of the machine
// that built us. Numbers are the kernel's ABI (include/uapi/linux/bpf.h: enum bpf_prog_type,
// bpf_link_type) and never change.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "plugin/model/map_types.h"

namespace pinscope::model {

// "xdp" for 6; "type 99" for a number that has no name here.
std::string program_type_name(uint32_t type);
std::string link_type_name(uint32_t type);

// 6 for "xdp"; nothing for a word that names no type ("unspec" and "type 99" do not).
std::optional<uint32_t> program_type_from_name(std::string_view name);
std::optional<uint32_t> link_type_from_name(std::string_view name);

// All names, in the order of their numbers, without "unspec".
std::span<const std::string_view> program_type_names();
std::span<const std::string_view> link_type_names();

}  // namespace pinscope::model
