#include "tests/support/bpf/map_of_type.h"

#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <linux/bpf.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <memory>
#include <string>
#include <vector>

#include "tests/support/bpf/bpf_objects.h"
#include "tests/support/machine/check.h"

namespace pinscope::test {
namespace {

// Newer than the headers of the oldest distribution that builds this.
constexpr uint32_t kUserRingbuf = 31, kCgrpStorage = 32, kArena = 33, kInsnArray = 34, kRhash = 35;
constexpr uint32_t kMapHasLink = 1U << 13;

using Btf = std::unique_ptr<struct btf, decltype(&btf__free)>;

Fd created(uint32_t type, uint32_t key, uint32_t value, uint32_t entries,
           const bpf_map_create_opts& options) {
  return Fd(
      bpf_map_create(static_cast<bpf_map_type>(type), "test_map", key, value, entries, &options));
}

// The storages ask for the types of their keys and values.
Fd make_storage(uint32_t type) {
  const Btf btf(btf__new_empty(), btf__free);
  const int key = btf__add_int(btf.get(), "int", 4, BTF_INT_SIGNED);
  const int value = btf__add_int(btf.get(), "long", 8, BTF_INT_SIGNED);
  if (btf__load_into_kernel(btf.get()) != 0) return {};
  LIBBPF_OPTS(bpf_map_create_opts, options);
  options.btf_fd = static_cast<uint32_t>(btf__fd(btf.get()));
  options.btf_key_type_id = static_cast<uint32_t>(key);
  options.btf_value_type_id = static_cast<uint32_t>(value);
  options.map_flags = BPF_F_NO_PREALLOC;
  return created(type, 4, 8, 0, options);
}

const btf_member* member_called(const btf* types, const btf_type* of, const std::string& name,
                                uint32_t& index) {
  const btf_member* members = btf_members(of);
  for (index = 0; index < btf_vlen(of); ++index)
    if (name == btf__name_by_offset(types, members[index].name_off)) return &members[index];
  return nullptr;
}

Fd load_operation(int structure, uint32_t member) {
  bpf_insn code[2] = {};
  code[0].code = BPF_ALU64 | BPF_MOV | BPF_K;
  code[1].code = BPF_JMP | BPF_EXIT;
  LIBBPF_OPTS(bpf_prog_load_opts, options);
  options.attach_btf_id = static_cast<uint32_t>(structure);
  options.expected_attach_type = static_cast<bpf_attach_type>(member);
  return Fd(bpf_prog_load(BPF_PROG_TYPE_STRUCT_OPS, "test_op", "GPL", code, 2, &options));
}

Fd make_struct_ops() {
  const Btf types(btf__load_vmlinux_btf(), btf__free);
  if (!types) return {};
  const int structure = btf__find_by_name_kind(types.get(), "tcp_congestion_ops", BTF_KIND_STRUCT);
  const int value =
      btf__find_by_name_kind(types.get(), "bpf_struct_ops_tcp_congestion_ops", BTF_KIND_STRUCT);
  if (structure < 0 || value < 0) return {};
  const btf_type* value_type = btf__type_by_id(types.get(), static_cast<uint32_t>(value));
  const btf_type* type = btf__type_by_id(types.get(), static_cast<uint32_t>(structure));
  uint32_t index = 0;
  const btf_member* data = member_called(types.get(), value_type, "data", index);
  const btf_member* name = member_called(types.get(), type, "name", index);
  if (data == nullptr || name == nullptr) return {};

  const Btf own(btf__new_empty(), btf__free);  // the kernel wants some, and asks nothing of it
  btf__add_int(own.get(), "int", 4, BTF_INT_SIGNED);
  if (btf__load_into_kernel(own.get()) != 0) return {};
  LIBBPF_OPTS(bpf_map_create_opts, options);
  options.btf_fd = static_cast<uint32_t>(btf__fd(own.get()));
  options.btf_vmlinux_value_type_id = static_cast<uint32_t>(value);
  options.map_flags = kMapHasLink;
  Fd map = created(BPF_MAP_TYPE_STRUCT_OPS, 4, value_type->size, 1, options);
  if (!map.valid()) return map;
  std::vector<char> content(value_type->size);
  char* start = content.data() + data->offset / 8;
  std::strcpy(start + name->offset / 8, "pinscope_test");
  std::vector<Fd> programs;
  for (const char* operation : {"ssthresh", "cong_avoid", "undo_cwnd"}) {
    const btf_member* member = member_called(types.get(), type, operation, index);
    const Fd& program = programs.emplace_back(load_operation(structure, index));
    if (member == nullptr || !program.valid()) return {};
    const auto descriptor = static_cast<uint64_t>(program.get());
    std::memcpy(start + member->offset / 8, &descriptor, sizeof descriptor);
  }
  const uint32_t key = 0;
  if (bpf_map_update_elem(map.get(), &key, content.data(), 0) != 0) return {};
  return map;
}

Fd make(uint32_t type) {
  LIBBPF_OPTS(bpf_map_create_opts, options);
  const auto page = static_cast<uint32_t>(::getpagesize());
  switch (type) {
    case BPF_MAP_TYPE_LPM_TRIE:
      options.map_flags = BPF_F_NO_PREALLOC;
      return created(type, 8, 8, 16, options);
    case BPF_MAP_TYPE_PROG_ARRAY:
    case BPF_MAP_TYPE_PERF_EVENT_ARRAY:
    case BPF_MAP_TYPE_CGROUP_ARRAY:
    case BPF_MAP_TYPE_DEVMAP:
    case BPF_MAP_TYPE_DEVMAP_HASH:
    case BPF_MAP_TYPE_CPUMAP:
    case BPF_MAP_TYPE_XSKMAP:
      return created(type, 4, 4, type == BPF_MAP_TYPE_CPUMAP ? 1 : 16, options);
    case BPF_MAP_TYPE_ARRAY_OF_MAPS:
    case BPF_MAP_TYPE_HASH_OF_MAPS: {
      const Fd inner = make_map();
      options.inner_map_fd = static_cast<uint32_t>(inner.get());
      return created(type, 4, 4, 16, options);
    }
    case BPF_MAP_TYPE_CGROUP_STORAGE:
    case BPF_MAP_TYPE_PERCPU_CGROUP_STORAGE:
      return created(type, sizeof(bpf_cgroup_storage_key), 8, 0, options);
    case BPF_MAP_TYPE_QUEUE:
    case BPF_MAP_TYPE_STACK:
    case BPF_MAP_TYPE_BLOOM_FILTER:
      return created(type, 0, 8, 16, options);
    case BPF_MAP_TYPE_SK_STORAGE:
    case BPF_MAP_TYPE_INODE_STORAGE:
    case BPF_MAP_TYPE_TASK_STORAGE:
    case kCgrpStorage:
      return make_storage(type);
    case BPF_MAP_TYPE_STRUCT_OPS:
      return make_struct_ops();
    case BPF_MAP_TYPE_RINGBUF:
    case kUserRingbuf:
      return created(type, 0, 0, page, options);
    case kArena:
      options.map_flags = BPF_F_MMAPABLE;
      return created(type, 0, 0, 1, options);
    case kInsnArray:
      return created(type, 4, 16, 1, options);
    case kRhash:
      options.map_flags = BPF_F_NO_PREALLOC;
      return created(type, 4, 8, 16, options);
    default:
      return created(type, 4, 8, 16, options);
  }
}

}  // namespace

std::optional<Fd> make_map_of_type(uint32_t type) {
  Fd map = make(type);
  if (!map.valid()) return std::nullopt;
  return map;
}

Fd make_stream_verdict() {
  bpf_insn code[2] = {};
  code[0].code = BPF_ALU64 | BPF_MOV | BPF_K;
  code[0].imm = 1;  // SK_PASS
  code[1].code = BPF_JMP | BPF_EXIT;
  LIBBPF_OPTS(bpf_prog_load_opts, options);
  options.expected_attach_type = BPF_SK_SKB_STREAM_VERDICT;
  return Fd(check(bpf_prog_load(BPF_PROG_TYPE_SK_SKB, "test_verdict", "GPL", code, 2, &options),
                  "load a stream verdict"));
}

}  // namespace pinscope::test
