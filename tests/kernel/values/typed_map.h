// Maps with types, as compilers make them, for the tests of this folder.
#pragma once

#include <bpf/bpf.h>
#include <linux/bpf.h>

#include <string>

#include "plugin/base/fd.h"
#include "tests/support/bpf/type_table.h"
#include "tests/support/machine/check.h"

namespace pinscope::test {

struct TypedMap {
  bpf_map_type type = BPF_MAP_TYPE_HASH;
  uint32_t key_type = 0;
  uint32_t value_type = 0;
  uint32_t key_size = 4;
  uint32_t value_size = 8;
  uint32_t entries = 16;
  uint32_t flags = 0;
  std::string name = "typed";
};

// Throws when the kernel refuses.
inline Fd make_typed(TypeTable& types, const TypedMap& spec) {
  LIBBPF_OPTS(bpf_map_create_opts, options);
  options.btf_fd = static_cast<uint32_t>(types.load());
  options.btf_key_type_id = spec.key_type;
  options.btf_value_type_id = spec.value_type;
  options.map_flags = spec.flags;
  return Fd(check(bpf_map_create(spec.type, spec.name.c_str(), spec.key_size, spec.value_size,
                                 spec.entries, &options),
                  "make a map with types"));
}

inline void set(const Fd& map, const void* key, const void* value) {
  check(bpf_map_update_elem(map.get(), key, value, BPF_ANY), "update a map");
}

}  // namespace pinscope::test
