// The numbers are the kernel's ABI: compared with <linux/bpf.h> for every type that the oldest
// header we build with knows, spelled out for the newer ones.
#include "plugin/model/bpf_types.h"

#include <gtest/gtest.h>
#include <linux/bpf.h>

#include <set>

namespace pinscope::model {
namespace {

TEST(BpfTypes, GiveMapTypesTheNumbersOfTheKernel) {
  EXPECT_EQ(map_type_from_name("hash"), BPF_MAP_TYPE_HASH);
  EXPECT_EQ(map_type_from_name("array"), BPF_MAP_TYPE_ARRAY);
  EXPECT_EQ(map_type_from_name("percpu_array"), BPF_MAP_TYPE_PERCPU_ARRAY);
  EXPECT_EQ(map_type_from_name("lru_hash"), BPF_MAP_TYPE_LRU_HASH);
  EXPECT_EQ(map_type_from_name("lpm_trie"), BPF_MAP_TYPE_LPM_TRIE);
  EXPECT_EQ(map_type_from_name("xskmap"), BPF_MAP_TYPE_XSKMAP);
  EXPECT_EQ(map_type_from_name("sk_storage"), BPF_MAP_TYPE_SK_STORAGE);
  EXPECT_EQ(map_type_from_name("ringbuf"), BPF_MAP_TYPE_RINGBUF);
  EXPECT_EQ(map_type_from_name("user_ringbuf"), BPF_MAP_TYPE_USER_RINGBUF);
  EXPECT_EQ(map_type_from_name("cgrp_storage"), 32U);
  EXPECT_EQ(map_type_from_name("arena"), 33U);
  EXPECT_EQ(map_type_from_name("insn_array"), 34U);
  EXPECT_EQ(map_type_from_name("rhash"), 35U);
}

TEST(BpfTypes, GiveProgramAndLinkTypesTheNumbersOfTheKernel) {
  EXPECT_EQ(program_type_from_name("socket_filter"), BPF_PROG_TYPE_SOCKET_FILTER);
  EXPECT_EQ(program_type_from_name("xdp"), BPF_PROG_TYPE_XDP);
  EXPECT_EQ(program_type_from_name("cgroup_sockopt"), BPF_PROG_TYPE_CGROUP_SOCKOPT);
  EXPECT_EQ(program_type_from_name("lsm"), BPF_PROG_TYPE_LSM);
  EXPECT_EQ(program_type_from_name("syscall"), BPF_PROG_TYPE_SYSCALL);
  EXPECT_EQ(program_type_from_name("netfilter"), 32U);
  EXPECT_EQ(link_type_from_name("raw_tracepoint"), BPF_LINK_TYPE_RAW_TRACEPOINT);
  EXPECT_EQ(link_type_from_name("struct_ops"), BPF_LINK_TYPE_STRUCT_OPS);
  EXPECT_EQ(link_type_from_name("sockmap"), 14U);
}

TEST(BpfTypes, NameTheNumberOfATypeThatIsNewerThanUs) {
  EXPECT_EQ(map_type_name(9), "lru_hash");
  EXPECT_EQ(map_type_name(99), "type 99");
  EXPECT_EQ(map_type_name(0), "type 0");
  EXPECT_EQ(program_type_name(6), "xdp");
  EXPECT_EQ(program_type_name(4294967295U), "type 4294967295");
  EXPECT_EQ(link_type_name(3), "cgroup");
  EXPECT_EQ(link_type_name(15), "type 15");
}

TEST(BpfTypes, RefuseWordsThatNameNoType) {
  EXPECT_EQ(map_type_from_name("hashmap"), std::nullopt);
  EXPECT_EQ(map_type_from_name("unspec"), std::nullopt);
  EXPECT_EQ(map_type_from_name(""), std::nullopt);
  EXPECT_EQ(program_type_from_name("hash"), std::nullopt);
  EXPECT_EQ(link_type_from_name("Cgroup"), std::nullopt);
}

TEST(BpfTypes, EveryNameReadsBackAsItsNumber) {
  for (const auto name : map_type_names())
    EXPECT_EQ(map_type_name(map_type_from_name(name).value_or(0)), name);
  for (const auto name : program_type_names())
    EXPECT_EQ(program_type_name(program_type_from_name(name).value_or(0)), name);
  for (const auto name : link_type_names())
    EXPECT_EQ(link_type_name(link_type_from_name(name).value_or(0)), name);
  const auto names = map_type_names();
  EXPECT_EQ(std::set(names.begin(), names.end()).size(), names.size());
}

}  // namespace
}  // namespace pinscope::model
