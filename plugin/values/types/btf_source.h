// The types of a map as libbpf's object, from the descriptor of its BTF. No privilege is needed.
#pragma once

#include <bpf/btf.h>

#include <cstddef>
#include <memory>
#include <span>
#include <vector>

#include "plugin/base/result.h"

namespace pinscope::values {

struct FreeBtf {
  void operator()(btf* types) const { btf__free(types); }
};
using Btf = std::unique_ptr<btf, FreeBtf>;

// BPF_OBJ_GET_INFO_BY_FD of the BTF, at most 64 MiB.
Result<std::vector<std::byte>> btf_bytes(int btf_fd);

// kInternal with the reason if libbpf does not understand it.
Result<Btf> parse_btf(std::span<const std::byte> bytes);

// The kernel's own, from /sys/kernel/btf/vmlinux, which everybody may read.
Result<Btf> kernel_btf();

}  // namespace pinscope::values
