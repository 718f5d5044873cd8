#include "plugin/model/bpf_types.h"

#include <array>

namespace pinscope::model {
namespace {

using Names = std::span<const std::string_view>;

// The index is the number of the type, less one: 0 is "unspec", which no object has.
constexpr auto kProgramTypes = std::to_array<std::string_view>({
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

constexpr auto kLinkTypes = std::to_array<std::string_view>({
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
});

std::string name_in(Names names, uint32_t type) {
  if (type == 0 || type > names.size()) return "type " + std::to_string(type);
  return std::string(names[type - 1]);
}

std::optional<uint32_t> type_in(Names names, std::string_view name) {
  for (uint32_t i = 0; i < names.size(); ++i)
    if (names[i] == name) return i + 1;
  return std::nullopt;
}

}  // namespace

std::string program_type_name(uint32_t type) {
  return name_in(kProgramTypes, type);
}
std::string link_type_name(uint32_t type) {
  return name_in(kLinkTypes, type);
}

std::optional<uint32_t> program_type_from_name(std::string_view name) {
  return type_in(kProgramTypes, name);
}
std::optional<uint32_t> link_type_from_name(std::string_view name) {
  return type_in(kLinkTypes, name);
}

Names program_type_names() {
  return kProgramTypes;
}
Names link_type_names() {
  return kLinkTypes;
}

}  // namespace pinscope::model
