// bpf(2) itself, for the files of this folder and plugin/values/read.
#pragma once

#include <linux/bpf.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cstdint>
#include <cstring>

#include "plugin/model/object.h"

namespace pinscope::kernel {

inline long call_bpf(int command, void* attributes, size_t size) {
  return ::syscall(SYS_bpf, command, attributes, size);
}

inline uint64_t as_address(const void* pointer) {
  return reinterpret_cast<uintptr_t>(pointer);
}

// BPF_OBJ_GET_INFO_BY_FD; false with errno. The kernel copies as much as both sides know and
// zero-fills nothing: `info` is zero, or has what a kind's info asks with.
template <typename Info>
bool read_info(int object, Info& info) {
  union bpf_attr attributes;  // NOLINT(cppcoreguidelines-pro-type-member-init): set below
  std::memset(&attributes, 0, sizeof attributes);
  attributes.info.bpf_fd = static_cast<uint32_t>(object);
  attributes.info.info_len = sizeof info;
  attributes.info.info = as_address(&info);
  return call_bpf(BPF_OBJ_GET_INFO_BY_FD, &attributes, sizeof attributes) == 0;
}

// What the kernel's structs say, in ours.
model::ObjectInfo described(const struct bpf_map_info& info);
model::ObjectInfo described(const struct bpf_prog_info& info);
model::ObjectInfo described(const struct bpf_link_info& info);

}  // namespace pinscope::kernel
