// bpf(2) on pins: open, pin again, ask what an object is. The calls are made directly: the hook is
// static and small, and libbpf of the oldest distribution we build on (1.1) knows no path
// descriptors.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "plugin/base/fd.h"
#include "plugin/base/result.h"
#include "plugin/model/object.h"

namespace pinscope::kernel {

// BPF_OBJ_GET of `path`, relative to the working directory. `read_only` asks for BPF_F_RDONLY,
// which the kernel honours for maps, ignores for programs and refuses (EINVAL) for links.
Result<Fd> get_object(const std::string& path, bool read_only);

// The same relative to `dirfd`, by BPF_F_PATH_FD or, where the kernel lacks it (before 6.5), by
// making it the working directory.
Result<Fd> get_object_at(int dirfd, const std::string& path, bool read_only, bool by_path_fd);

// BPF_OBJ_PIN at `name` in the directory `dirfd`, by BPF_F_PATH_FD or, where the kernel lacks it
// (before 6.5), through the descriptor's magic link below `proc_self_fd`.
Status pin_object(int object, int dirfd, const std::string& name, bool by_path_fd,
                  int proc_self_fd);

// BPF_OBJ_GET_INFO_BY_FD. The kind comes from the descriptor's link target below `proc_self_fd`,
// the only place where the kernel tells it before the info can be read.
Result<model::ObjectInfo> object_info(int object, int proc_self_fd);

// The kind of object that the link of a descriptor in /proc/PID/fd names; nothing for another thing
// than an object.
std::optional<model::ObjectKind> kind_of_link(std::string_view target);

// The first two fields of every kind's info. Reading them costs half of object_info, but does not
// tell the kind.
struct ShortInfo {
  uint32_t type;
  uint32_t id;
};
Result<ShortInfo> short_info(int object);

// The id of a map's BTF; 0: it has none.
Result<uint32_t> btf_id_of(int map);
// BPF_BTF_GET_FD_BY_ID; needs CAP_SYS_ADMIN.
Result<Fd> open_btf(uint32_t id);
// BPF_MAP_GET_FD_BY_ID, for reading only; needs CAP_SYS_ADMIN. Errno ENOENT: there is none.
Result<Fd> open_map(uint32_t id);

// Whether the kernel knows BPF_F_PATH_FD. Costs one system call, which opens nothing.
bool has_path_fd();

}  // namespace pinscope::kernel
