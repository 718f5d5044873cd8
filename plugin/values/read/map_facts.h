// What the kernel says of a map, as far as reading and showing its entries needs it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

#include "plugin/base/fd.h"
#include "plugin/base/result.h"

namespace pinscope::values {

// Sizes in bytes; ids are 0 where there is nothing.
struct MapFacts {
  uint32_t type = 0;  // enum bpf_map_type
  uint32_t id = 0;
  uint32_t key_size = 0;
  uint32_t value_size = 0;  // of one CPU
  uint32_t max_entries = 0;
  uint32_t flags = 0;
  uint32_t btf_id = 0;
  uint32_t btf_key_type_id = 0;
  uint32_t btf_value_type_id = 0;
  uint32_t btf_vmlinux_value_type_id = 0;  // of struct_ops maps: a type of the kernel's own BTF
  std::string name;                        // up to 15 bytes that the creator chose
  friend bool operator==(const MapFacts&, const MapFacts&) = default;
};

// BPF_OBJ_GET_INFO_BY_FD. Needs no privilege; kSystem if the descriptor is of no map.
Result<MapFacts> map_facts(int map);

// BPF_BTF_GET_FD_BY_ID of the types of a map; invalid if it has none. Needs CAP_SYS_ADMIN.
Result<Fd> open_btf(const MapFacts& facts);
// BPF_MAP_GET_FD_BY_ID, for reading only. Needs CAP_SYS_ADMIN; errno ENOENT: there is none.
Result<Fd> open_map(uint32_t id);

// Whether each CPU has a value of its own.
bool is_per_cpu(uint32_t type);
// How many values a per-CPU map gives: the CPUs that this machine could have, as in
// /sys/devices/system/cpu/possible. Read once; at least 1.
uint32_t possible_cpus();
// Bytes from one CPU's value to the next: value_size rounded up to 8.
size_t value_stride(const MapFacts& facts);
// Bytes of what one look-up gives: value_size, or value_stride for each CPU.
size_t value_bytes(const MapFacts& facts);

}  // namespace pinscope::values
