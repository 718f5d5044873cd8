// The names of the kernel's enumerations around bpf(2): its commands, the types of maps, programs
// and links, and attach types. Names only; what follows from them is judged in policy/decide.
//
// They are those of include/uapi/linux/bpf.h without their prefix, in lower case: so bpftool spells
// types and the kernel prints the options of a bpffs that delegates. The numbers are the kernel's
// ABI and never change; spelled out here, so that a policy may name what is newer than the headers
// of the machine that built us. tests/unit/model/bpf_names_test.cc turns red where a header or the
// running kernel has a name that is not here.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace pinscope::model {

// The names of one enumeration: those of the numbers from `first` on, without a gap.
struct BpfNames {
  std::span<const std::string_view> names;
  uint32_t first = 0;

  // Empty for a number that has no name here.
  [[nodiscard]] constexpr std::string_view name_of(uint32_t number) const {
    return number < first || number - first >= names.size() ? "" : names[number - first];
  }
  [[nodiscard]] constexpr std::optional<uint32_t> number_of(std::string_view name) const {
    for (uint32_t i = 0; i < names.size(); ++i)
      if (names[i] == name) return i + first;
    return std::nullopt;
  }
};

namespace names {

// enum bpf_cmd
inline constexpr auto kBpfCommands = std::to_array<std::string_view>({
    "map_create",                   // 0
    "map_lookup_elem",              // 1
    "map_update_elem",              // 2
    "map_delete_elem",              // 3
    "map_get_next_key",             // 4
    "prog_load",                    // 5
    "obj_pin",                      // 6
    "obj_get",                      // 7
    "prog_attach",                  // 8
    "prog_detach",                  // 9
    "prog_test_run",                // 10
    "prog_get_next_id",             // 11
    "map_get_next_id",              // 12
    "prog_get_fd_by_id",            // 13
    "map_get_fd_by_id",             // 14
    "obj_get_info_by_fd",           // 15
    "prog_query",                   // 16
    "raw_tracepoint_open",          // 17
    "btf_load",                     // 18
    "btf_get_fd_by_id",             // 19
    "task_fd_query",                // 20
    "map_lookup_and_delete_elem",   // 21
    "map_freeze",                   // 22
    "btf_get_next_id",              // 23
    "map_lookup_batch",             // 24
    "map_lookup_and_delete_batch",  // 25
    "map_update_batch",             // 26
    "map_delete_batch",             // 27
    "link_create",                  // 28
    "link_update",                  // 29
    "link_get_fd_by_id",            // 30
    "link_get_next_id",             // 31
    "enable_stats",                 // 32
    "iter_create",                  // 33
    "link_detach",                  // 34
    "prog_bind_map",                // 35
    "token_create",                 // 36
    "prog_stream_read_by_fd",       // 37
    "prog_assoc_struct_ops",        // 38
});

// enum bpf_map_type
inline constexpr auto kMapTypes = std::to_array<std::string_view>({
    "hash",                   // 1
    "array",                  // 2
    "prog_array",             // 3
    "perf_event_array",       // 4
    "percpu_hash",            // 5
    "percpu_array",           // 6
    "stack_trace",            // 7
    "cgroup_array",           // 8
    "lru_hash",               // 9
    "lru_percpu_hash",        // 10
    "lpm_trie",               // 11
    "array_of_maps",          // 12
    "hash_of_maps",           // 13
    "devmap",                 // 14
    "sockmap",                // 15
    "cpumap",                 // 16
    "xskmap",                 // 17
    "sockhash",               // 18
    "cgroup_storage",         // 19
    "reuseport_sockarray",    // 20
    "percpu_cgroup_storage",  // 21
    "queue",                  // 22
    "stack",                  // 23
    "sk_storage",             // 24
    "devmap_hash",            // 25
    "struct_ops",             // 26
    "ringbuf",                // 27
    "inode_storage",          // 28
    "task_storage",           // 29
    "bloom_filter",           // 30
    "user_ringbuf",           // 31
    "cgrp_storage",           // 32
    "arena",                  // 33
    "insn_array",             // 34
    "rhash",                  // 35
});

// enum bpf_prog_type
inline constexpr auto kProgramTypes = std::to_array<std::string_view>({
    "socket_filter",            // 1
    "kprobe",                   // 2
    "sched_cls",                // 3
    "sched_act",                // 4
    "tracepoint",               // 5
    "xdp",                      // 6
    "perf_event",               // 7
    "cgroup_skb",               // 8
    "cgroup_sock",              // 9
    "lwt_in",                   // 10
    "lwt_out",                  // 11
    "lwt_xmit",                 // 12
    "sock_ops",                 // 13
    "sk_skb",                   // 14
    "cgroup_device",            // 15
    "sk_msg",                   // 16
    "raw_tracepoint",           // 17
    "cgroup_sock_addr",         // 18
    "lwt_seg6local",            // 19
    "lirc_mode2",               // 20
    "sk_reuseport",             // 21
    "flow_dissector",           // 22
    "cgroup_sysctl",            // 23
    "raw_tracepoint_writable",  // 24
    "cgroup_sockopt",           // 25
    "tracing",                  // 26
    "struct_ops",               // 27
    "ext",                      // 28
    "lsm",                      // 29
    "sk_lookup",                // 30
    "syscall",                  // 31
    "netfilter",                // 32
});

// enum bpf_link_type
inline constexpr auto kLinkTypes = std::to_array<std::string_view>({
    "raw_tracepoint",  // 1
    "tracing",         // 2
    "cgroup",          // 3
    "iter",            // 4
    "netns",           // 5
    "xdp",             // 6
    "perf_event",      // 7
    "kprobe_multi",    // 8
    "struct_ops",      // 9
    "netfilter",       // 10
    "tcx",             // 11
    "uprobe_multi",    // 12
    "netkit",          // 13
    "sockmap",         // 14
    "tracing_multi",   // 15
});

// enum bpf_attach_type
inline constexpr auto kAttachTypes = std::to_array<std::string_view>({
    "cgroup_inet_ingress",             // 0
    "cgroup_inet_egress",              // 1
    "cgroup_inet_sock_create",         // 2
    "cgroup_sock_ops",                 // 3
    "sk_skb_stream_parser",            // 4
    "sk_skb_stream_verdict",           // 5
    "cgroup_device",                   // 6
    "sk_msg_verdict",                  // 7
    "cgroup_inet4_bind",               // 8
    "cgroup_inet6_bind",               // 9
    "cgroup_inet4_connect",            // 10
    "cgroup_inet6_connect",            // 11
    "cgroup_inet4_post_bind",          // 12
    "cgroup_inet6_post_bind",          // 13
    "cgroup_udp4_sendmsg",             // 14
    "cgroup_udp6_sendmsg",             // 15
    "lirc_mode2",                      // 16
    "flow_dissector",                  // 17
    "cgroup_sysctl",                   // 18
    "cgroup_udp4_recvmsg",             // 19
    "cgroup_udp6_recvmsg",             // 20
    "cgroup_getsockopt",               // 21
    "cgroup_setsockopt",               // 22
    "trace_raw_tp",                    // 23
    "trace_fentry",                    // 24
    "trace_fexit",                     // 25
    "modify_return",                   // 26
    "lsm_mac",                         // 27
    "trace_iter",                      // 28
    "cgroup_inet4_getpeername",        // 29
    "cgroup_inet6_getpeername",        // 30
    "cgroup_inet4_getsockname",        // 31
    "cgroup_inet6_getsockname",        // 32
    "xdp_devmap",                      // 33
    "cgroup_inet_sock_release",        // 34
    "xdp_cpumap",                      // 35
    "sk_lookup",                       // 36
    "xdp",                             // 37
    "sk_skb_verdict",                  // 38
    "sk_reuseport_select",             // 39
    "sk_reuseport_select_or_migrate",  // 40
    "perf_event",                      // 41
    "trace_kprobe_multi",              // 42
    "lsm_cgroup",                      // 43
    "struct_ops",                      // 44
    "netfilter",                       // 45
    "tcx_ingress",                     // 46
    "tcx_egress",                      // 47
    "trace_uprobe_multi",              // 48
    "cgroup_unix_connect",             // 49
    "cgroup_unix_sendmsg",             // 50
    "cgroup_unix_recvmsg",             // 51
    "cgroup_unix_getpeername",         // 52
    "cgroup_unix_getsockname",         // 53
    "netkit_primary",                  // 54
    "netkit_peer",                     // 55
    "trace_kprobe_session",            // 56
    "trace_uprobe_session",            // 57
    "trace_fsession",                  // 58
    "trace_fentry_multi",              // 59
    "trace_fexit_multi",               // 60
    "trace_fsession_multi",            // 61
});

}  // namespace names

// Types begin at 1: 0 is "unspec", which no object has.
inline constexpr BpfNames kBpfCommands{names::kBpfCommands, 0};
inline constexpr BpfNames kMapTypes{names::kMapTypes, 1};
inline constexpr BpfNames kProgramTypes{names::kProgramTypes, 1};
inline constexpr BpfNames kLinkTypes{names::kLinkTypes, 1};
inline constexpr BpfNames kAttachTypes{names::kAttachTypes, 0};

// "BPF_OBJ_GET" for 7; "command 99" for a number that has no name here.
std::string bpf_command_name(uint32_t command);
// "lru_hash" for 9; "type 99".
std::string map_type_name(uint32_t type);
std::string program_type_name(uint32_t type);
std::string link_type_name(uint32_t type);

}  // namespace pinscope::model
