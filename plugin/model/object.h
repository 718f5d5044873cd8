// BPF objects: maps, programs and links, as the kernel tells of them whatever their pins are
// called.
#pragma once

#include <cstdint>
#include <string>

namespace pinscope::model {

enum class ObjectKind { kMap, kProgram, kLink };

// The type of link whose pin shows the output of an iterator to whoever reads it as a file
// (include/uapi/linux/bpf.h: BPF_LINK_TYPE_ITER).
inline constexpr uint32_t kIteratorLink = 4;

// One object. Ids are unique for its kind while it lives.
struct ObjectIdentity {
  ObjectKind kind = ObjectKind::kMap;
  uint32_t id = 0;  // 0: there is none
  friend bool operator==(const ObjectIdentity&, const ObjectIdentity&) = default;
};

// What an object is.
struct ObjectType {
  ObjectKind kind = ObjectKind::kMap;
  uint32_t type = 0;  // enum bpf_map_type, bpf_prog_type or bpf_link_type
  friend bool operator==(const ObjectType&, const ObjectType&) = default;
};

// What the kernel says of an object. Sizes in bytes; fields that the kind does not have are 0.
struct ObjectInfo {
  ObjectKind kind = ObjectKind::kMap;
  uint32_t type = 0;  // as in ObjectType
  uint32_t id = 0;
  uint32_t key_size = 0;
  uint32_t value_size = 0;
  uint32_t max_entries = 0;
  uint32_t map_flags = 0;
  std::string name = {};

  [[nodiscard]] ObjectIdentity identity() const { return {kind, id}; }
  friend bool operator==(const ObjectInfo&, const ObjectInfo&) = default;
};

// "map", "program", "link": the words of policies and of every output.
const char* name_of(ObjectKind kind);

// The kernel's name of the type: "hash" for a map of type 1, "xdp" for a program of type 6.
std::string type_name(const ObjectInfo& object);

}  // namespace pinscope::model
