#include "plugin/kernel/bpf/objects.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <optional>
#include <string_view>

#include "plugin/base/fd.h"
#include "plugin/kernel/bpf/call.h"

namespace pinscope::kernel {
namespace {

using model::ObjectKind;

// Nobody's program uses more maps (MAX_USED_MAPS, kernel/bpf/verifier.c).
constexpr size_t kMaxMaps = 64;
// Of what is in one map that holds others; reading all of a map of a million would hold up
// everyone.
constexpr size_t kMaxElements = 1024;

struct Commands {
  int next;
  int open;
  const char* noun;
};

Commands commands_of(ObjectKind kind) {
  switch (kind) {
    case ObjectKind::kMap:
      return {BPF_MAP_GET_NEXT_ID, BPF_MAP_GET_FD_BY_ID, "maps"};
    case ObjectKind::kProgram:
      return {BPF_PROG_GET_NEXT_ID, BPF_PROG_GET_FD_BY_ID, "programs"};
    case ObjectKind::kLink:
      return {BPF_LINK_GET_NEXT_ID, BPF_LINK_GET_FD_BY_ID, "links"};
  }
  return {};
}

union bpf_attr zeroed() {
  union bpf_attr attributes;  // NOLINT(cppcoreguidelines-pro-type-member-init): set below
  std::memset(&attributes, 0, sizeof attributes);
  return attributes;
}

// The id behind `id`; nothing with errno ENOENT behind the last.
std::optional<uint32_t> id_behind(uint32_t id, int command) {
  auto attributes = zeroed();
  attributes.start_id = id;
  if (call_bpf(command, &attributes, sizeof attributes) != 0) return std::nullopt;
  return attributes.next_id;
}

Fd open_by_id(uint32_t id, int command) {
  auto attributes = zeroed();
  attributes.map_id = id;  // the first member of each kind's part of the union
  if (command == BPF_MAP_GET_FD_BY_ID) attributes.open_flags = BPF_F_RDONLY;
  return Fd(static_cast<int>(call_bpf(command, &attributes, sizeof attributes)));
}

// What is in a map that holds others, if its elements are read as ids.
std::optional<ObjectKind> held_kind(uint32_t map_type) {
  switch (map_type) {
    case BPF_MAP_TYPE_ARRAY_OF_MAPS:
    case BPF_MAP_TYPE_HASH_OF_MAPS:
      return ObjectKind::kMap;
    case BPF_MAP_TYPE_PROG_ARRAY:
      return ObjectKind::kProgram;
    default:
      return std::nullopt;
  }
}

void read_elements(int map, ObjectKind held, KernelObject& object) {
  std::vector<char> key(object.info.key_size);
  std::vector<char> next(object.info.key_size);
  for (size_t i = 0; i <= kMaxElements; ++i) {
    auto attributes = zeroed();
    attributes.map_fd = static_cast<uint32_t>(map);
    attributes.key = i == 0 ? 0 : as_address(key.data());
    attributes.next_key = as_address(next.data());
    if (call_bpf(BPF_MAP_GET_NEXT_KEY, &attributes, sizeof attributes) != 0) return;
    key.swap(next);
    uint32_t id = 0;
    attributes = zeroed();
    attributes.map_fd = static_cast<uint32_t>(map);
    attributes.key = as_address(key.data());
    attributes.value = as_address(&id);
    if (call_bpf(BPF_MAP_LOOKUP_ELEM, &attributes, sizeof attributes) == 0)
      object.uses.push_back({held, id});
  }
  object.uses_more = true;
}

// Each reads one object; false if it cannot be told.
bool read_map(int fd, KernelObject& object) {
  struct bpf_map_info info {};
  if (!read_info(fd, info)) return false;
  object.info = described(info);
  const auto held = held_kind(info.type);
  if (held && info.value_size == sizeof(uint32_t)) read_elements(fd, *held, object);
  return true;
}

bool read_program(int fd, KernelObject& object) {
  std::array<uint32_t, kMaxMaps> maps{};
  struct bpf_prog_info info {};
  info.nr_map_ids = maps.size();
  info.map_ids = as_address(maps.data());
  if (!read_info(fd, info)) return false;
  object.info = described(info);
  object.uses_more = info.nr_map_ids > maps.size();
  for (size_t i = 0; i < std::min<size_t>(info.nr_map_ids, maps.size()); ++i)
    object.uses.push_back({ObjectKind::kMap, maps.at(i)});
  return true;
}

bool read_link(int fd, KernelObject& object) {
  struct bpf_link_info info {};
  if (!read_info(fd, info)) return false;
  object.info = described(info);
  if (info.prog_id != 0) object.uses.push_back({ObjectKind::kProgram, info.prog_id});
  if (info.type != BPF_LINK_TYPE_ITER) return true;
  std::array<char, 64> target{};  // "bpf_map_elem", "task", …
  struct bpf_link_info iterator {};
  iterator.iter.target_name = as_address(target.data());
  iterator.iter.target_name_len = target.size();
  if (!read_info(fd, iterator)) return true;
  // kernel/bpf/map_iter.c and net/core/bpf_sk_storage.c: these two keep the map.
  const std::string_view name(target.data());
  if (name == "bpf_map_elem" || name == "bpf_sk_storage_map")
    object.uses.push_back({ObjectKind::kMap, iterator.iter.map.map_id});
  return true;
}

bool read_object(int fd, ObjectKind kind, KernelObject& object) {
  switch (kind) {
    case ObjectKind::kMap:
      return read_map(fd, object);
    case ObjectKind::kProgram:
      return read_program(fd, object);
    case ObjectKind::kLink:
      return read_link(fd, object);
  }
  return false;
}

}  // namespace

std::optional<KernelObject> find_object(const model::ObjectIdentity& identity) {
  const Fd fd = open_by_id(identity.id, commands_of(identity.kind).open);
  KernelObject object;
  if (!fd.valid() || !read_object(fd.get(), identity.kind, object)) return std::nullopt;
  return object;
}

Result<std::vector<KernelObject>> list_objects(ObjectKind kind) {
  const auto commands = commands_of(kind);
  std::vector<KernelObject> objects;
  auto id = id_behind(0, commands.next);
  for (; id; id = id_behind(*id, commands.next)) {
    const Fd fd = open_by_id(*id, commands.open);
    KernelObject object;
    if (fd.valid() && read_object(fd.get(), kind, object)) objects.push_back(std::move(object));
  }
  if (errno != ENOENT)
    return std::unexpected(
        Error::system(std::string("list the ") + commands.noun + " of the machine", errno)
            .hint("it takes CAP_SYS_ADMIN"));
  return objects;
}

}  // namespace pinscope::kernel
