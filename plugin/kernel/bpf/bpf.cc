#include "plugin/kernel/bpf/bpf.h"

#include <linux/bpf.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <string_view>

#include "plugin/base/text.h"
#include "plugin/kernel/bpf/call.h"
#include "plugin/kernel/uapi.h"

namespace pinscope::kernel {
namespace {

Result<Fd> get_object(const std::string& path, uapi::BpfObjAttr& attributes, size_t size) {
  attributes.pathname = as_address(path.c_str());
  Fd fd(static_cast<int>(call_bpf(BPF_OBJ_GET, &attributes, size)));
  if (!fd.valid()) return std::unexpected(Error::system("open pin " + quoted(path), errno));
  return fd;
}

std::string bounded(const char* text, size_t size) {
  return {text, ::strnlen(text, size)};
}

}  // namespace

Result<Fd> get_object(const std::string& path, bool read_only) {
  uapi::BpfObjAttr attributes{};
  attributes.file_flags = read_only ? uint32_t{BPF_F_RDONLY} : 0U;
  // Without the path_fd field, which older kernels would have to find zero.
  return get_object(path, attributes, offsetof(uapi::BpfObjAttr, path_fd));
}

Result<Fd> get_object_at(int dirfd, const std::string& path, bool read_only, bool by_path_fd) {
  if (!by_path_fd) {
    if (::fchdir(dirfd) != 0)
      return std::unexpected(Error::system("change to the descriptor directory", errno));
    return get_object(path, read_only);
  }
  uapi::BpfObjAttr attributes{};
  attributes.file_flags = uapi::kBpfPathFd | (read_only ? uint32_t{BPF_F_RDONLY} : 0U);
  attributes.path_fd = dirfd;
  return get_object(path, attributes, offsetof(uapi::BpfObjAttr, padding));
}

Status pin_object(int object, int dirfd, const std::string& name, bool by_path_fd,
                  int proc_self_fd) {
  uapi::BpfObjAttr attributes{};
  attributes.bpf_fd = static_cast<uint32_t>(object);
  std::string path = name;
  size_t size = offsetof(uapi::BpfObjAttr, path_fd);
  if (by_path_fd) {
    attributes.file_flags = uapi::kBpfPathFd;
    attributes.path_fd = dirfd;
    size = offsetof(uapi::BpfObjAttr, padding);
  } else {
    if (::fchdir(proc_self_fd) != 0)
      return std::unexpected(Error::system("change to the descriptor directory", errno));
    path = std::to_string(dirfd) + "/" + name;
  }
  attributes.pathname = as_address(path.c_str());
  if (call_bpf(BPF_OBJ_PIN, &attributes, size) != 0)
    return std::unexpected(Error::system("pin object as " + quoted(name), errno));
  return {};
}

model::ObjectInfo described(const struct bpf_map_info& info) {
  model::ObjectInfo result;
  result.kind = model::ObjectKind::kMap;
  result.type = info.type;
  result.id = info.id;
  result.key_size = info.key_size;
  result.value_size = info.value_size;
  result.max_entries = info.max_entries;
  result.map_flags = info.map_flags;
  result.name = bounded(info.name, sizeof info.name);
  return result;
}

model::ObjectInfo described(const struct bpf_prog_info& info) {
  model::ObjectInfo result;
  result.kind = model::ObjectKind::kProgram;
  result.type = info.type;
  result.id = info.id;
  result.name = bounded(info.name, sizeof info.name);
  return result;
}

model::ObjectInfo described(const struct bpf_link_info& info) {
  model::ObjectInfo result;
  result.kind = model::ObjectKind::kLink;
  result.type = info.type;
  result.id = info.id;
  return result;
}

Result<model::ObjectInfo> object_info(int object, int proc_self_fd) {
  char target[64];
  const std::string link = std::to_string(object);
  const ssize_t length = ::readlinkat(proc_self_fd, link.c_str(), target, sizeof target);
  if (length < 0) return std::unexpected(Error::system("tell the kind of a BPF object", errno));
  const auto kind = kind_of_link({target, static_cast<size_t>(length)});
  if (!kind)
    return std::unexpected(
        Error(ErrorCode::kSourceMismatch, "tell the kind of a BPF object")
            .reason("the kernel calls it " + quoted({target, static_cast<size_t>(length)})));
  const auto read = [&]<typename Info>(Info info) -> Result<model::ObjectInfo> {
    if (read_info(object, info)) return described(info);
    return std::unexpected(Error::system("read the info of a BPF object", errno));
  };
  switch (*kind) {
    case model::ObjectKind::kMap:
      return read(bpf_map_info{});
    case model::ObjectKind::kProgram:
      return read(bpf_prog_info{});
    case model::ObjectKind::kLink:
      return read(bpf_link_info{});
  }
  return std::unexpected(Error::system("read the info of a BPF object", EINVAL));
}

std::optional<model::ObjectKind> kind_of_link(std::string_view target) {
  if (target == "anon_inode:bpf-map") return model::ObjectKind::kMap;
  if (target == "anon_inode:bpf-prog") return model::ObjectKind::kProgram;
  if (target == "anon_inode:bpf_link" || target == "anon_inode:bpf-link" ||
      target == "anon_inode:[bpf-link]")
    return model::ObjectKind::kLink;
  return std::nullopt;
}

Result<ShortInfo> short_info(int object) {
  ShortInfo info{};
  static_assert(offsetof(struct bpf_map_info, id) == offsetof(ShortInfo, id));
  static_assert(offsetof(struct bpf_prog_info, id) == offsetof(ShortInfo, id));
  static_assert(offsetof(struct bpf_link_info, id) == offsetof(ShortInfo, id));
  if (!read_info(object, info))
    return std::unexpected(Error::system("read the info of a BPF object", errno));
  return info;
}

Result<uint32_t> btf_id_of(int map) {
  struct bpf_map_info info {};
  if (!read_info(map, info))
    return std::unexpected(Error::system("read the info of a BPF object", errno));
  return info.btf_id;
}

Result<Fd> open_btf(uint32_t id) {
  union bpf_attr attributes;  // NOLINT(cppcoreguidelines-pro-type-member-init): set below
  std::memset(&attributes, 0, sizeof attributes);
  attributes.btf_id = id;
  Fd btf(static_cast<int>(call_bpf(BPF_BTF_GET_FD_BY_ID, &attributes, sizeof attributes)));
  if (!btf.valid()) return std::unexpected(Error::system("open the types of a map", errno));
  return btf;
}

Result<Fd> open_map(uint32_t id) {
  union bpf_attr attributes;  // NOLINT(cppcoreguidelines-pro-type-member-init): set below
  std::memset(&attributes, 0, sizeof attributes);
  attributes.map_id = id;
  attributes.open_flags = BPF_F_RDONLY;
  Fd map(static_cast<int>(call_bpf(BPF_MAP_GET_FD_BY_ID, &attributes, sizeof attributes)));
  if (!map.valid()) return std::unexpected(Error::system("open map " + std::to_string(id), errno));
  return map;
}

bool has_path_fd() {
  uapi::BpfObjAttr attributes{};
  attributes.pathname = as_address("x");
  attributes.file_flags = uapi::kBpfPathFd;
  attributes.path_fd = -1;
  call_bpf(BPF_OBJ_GET, &attributes, offsetof(uapi::BpfObjAttr, padding));
  return errno == EBADF;
}

}  // namespace pinscope::kernel
