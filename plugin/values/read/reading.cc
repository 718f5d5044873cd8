#include "plugin/values/read/reading.h"

#include <linux/bpf.h>

#include <array>

#include "plugin/model/bpf_names.h"

namespace pinscope::values {
namespace {

constexpr const char* kNoKeys = nullptr;
constexpr const char* kStorage =
    "has a value for each task, file, socket or cgroup, and gives it only for a descriptor of that";
constexpr const char* kMapped =
    "is read through a memory map by the program that takes its records, which takes them away";
constexpr const char* kNumbersOnly = "has no values that the kernel shows";

struct Row {
  ReadWay way;
  const char* reason;  // of kRefused
};
constexpr Row kKeys{ReadWay::kKeys, kNoKeys};
constexpr Row kHead{ReadWay::kHead, kNoKeys};
constexpr Row refused(const char* reason) {
  return {ReadWay::kRefused, reason};
}

// The index is the number of the type, less one, as in model::kMapTypes. Who has which operation
// stands in kernel/bpf/{hashtab,arraymap,...}.c and net/core/sock_map.c, net/xdp/xskmap.c.
constexpr auto kRows = std::to_array<Row>({
    kKeys,                  // hash
    kKeys,                  // array
    kKeys,                  // prog_array
    refused(kNumbersOnly),  // perf_event_array
    kKeys,                  // percpu_hash
    kKeys,                  // percpu_array
    kKeys,                  // stack_trace
    refused(kNumbersOnly),  // cgroup_array
    kKeys,                  // lru_hash
    kKeys,                  // lru_percpu_hash
    kKeys,                  // lpm_trie
    kKeys,                  // array_of_maps
    kKeys,                  // hash_of_maps
    kKeys,                  // devmap
    kKeys,                  // sockmap
    kKeys,                  // cpumap
    refused(kNumbersOnly),  // xskmap
    kKeys,                  // sockhash
    kKeys,                  // cgroup_storage
    kKeys,                  // reuseport_sockarray
    kKeys,                  // percpu_cgroup_storage
    kHead,                  // queue
    kHead,                  // stack
    refused(kStorage),      // sk_storage
    kKeys,                  // devmap_hash
    kKeys,                  // struct_ops
    refused(kMapped),       // ringbuf
    refused(kStorage),      // inode_storage
    refused(kStorage),      // task_storage
    refused("keeps no values: it only answers whether one may have been added"),    // bloom_filter
    refused("is written by a process and read by programs, through a memory map"),  // user_ringbuf
    refused(kStorage),                                                              // cgrp_storage
    refused("is memory that programs and processes map; it has no entries"),        // arena
    kKeys,                                                                          // insn_array
    kKeys,                                                                          // rhash
});
static_assert(kRows.size() == model::names::kMapTypes.size());

// What a map of sockets says of one is its cookie, if there is room for it.
bool has_no_room_for_cookies(const MapFacts& facts) {
  const bool sockets = facts.type == BPF_MAP_TYPE_SOCKMAP || facts.type == BPF_MAP_TYPE_SOCKHASH ||
                       facts.type == BPF_MAP_TYPE_REUSEPORT_SOCKARRAY;
  return sockets && facts.value_size < sizeof(uint64_t);
}

Reading refusal(const MapFacts& facts, const char* why) {
  return {ReadWay::kRefused, "a map of type " + model::map_type_name(facts.type) + " " + why};
}

}  // namespace

Reading reading_of(const MapFacts& facts) {
  if (facts.type == 0 || facts.type > kRows.size()) return {ReadWay::kKeys};
  const Row& row = kRows[facts.type - 1];
  if (row.way == ReadWay::kRefused) return refusal(facts, row.reason);
  if (has_no_room_for_cookies(facts))
    return refusal(facts, "shows the cookies of its sockets only if its values have 8 bytes");
  return {row.way};
}

const char* id_in_value(uint32_t type) {
  switch (type) {
    case BPF_MAP_TYPE_ARRAY_OF_MAPS:
    case BPF_MAP_TYPE_HASH_OF_MAPS:
      return "map_id";
    case BPF_MAP_TYPE_PROG_ARRAY:
      return "program_id";
    case BPF_MAP_TYPE_SOCKMAP:
    case BPF_MAP_TYPE_SOCKHASH:
    case BPF_MAP_TYPE_REUSEPORT_SOCKARRAY:
      return "socket_cookie";
    default:
      return "";
  }
}

}  // namespace pinscope::values
