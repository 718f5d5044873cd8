#include "plugin/model/token_rights.h"

#include <algorithm>
#include <span>

#include "plugin/model/bpf_types.h"

namespace pinscope::model {
namespace {

// The index is the number.
constexpr auto kCommands = std::to_array<std::string_view>({
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
static_assert(kCommands[kCommandProgLoad] == "prog_load");
static_assert(kCommands[kCommandBtfLoad] == "btf_load");
static_assert(kCommands[kCommandBtfGetFdById] == "btf_get_fd_by_id");

constexpr auto kAttachTypes = std::to_array<std::string_view>({
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
});

constexpr uint32_t attach(std::string_view name) {
  for (uint32_t i = 0; i < kAttachTypes.size(); ++i)
    if (kAttachTypes[i] == name) return i;
  throw "no attach type of this name";  // when it is compiled
}

consteval uint64_t mask(std::initializer_list<std::string_view> names) {
  uint64_t bits = 0;
  for (const auto name : names) bits |= uint64_t{1} << attach(name);
  return bits;
}

constexpr uint64_t kNone = uint64_t{1} << kAttachNone;
constexpr uint64_t kAny = ~uint64_t{0};

constexpr const char* kTraces =
    "it sees, and some of it changes, what every process of the machine does";
constexpr const char* kDecides = "it decides for the whole machine what is allowed";
constexpr const char* kReplaces = "it replaces a part of the kernel for the whole machine";
constexpr const char* kChangesPrograms = "it changes what other programs do";
constexpr const char* kDevices = "the kernel's functions that it may call reach the host's devices";

// Everything about a type of program that its number decides.
struct ProgramType {
  const char* danger;  // null: may be delegated
  Scope scope;
  uint64_t attach;
};

// The index is the number, less one.
constexpr auto kPrograms = std::to_array<ProgramType>({
    {nullptr, Scope::kSocket, kNone},  // socket_filter
    {kTraces, Scope::kSocket, 0},      // kprobe
    {nullptr, Scope::kNetwork,
     kNone | mask({"tcx_ingress", "tcx_egress", "netkit_primary", "netkit_peer"})},  // sched_cls
    {nullptr, Scope::kNetwork, kNone},                                               // sched_act
    {kTraces, Scope::kSocket, 0},                                                    // tracepoint
    {nullptr, Scope::kNetwork, kNone | mask({"xdp", "xdp_devmap", "xdp_cpumap"})},   // xdp
    {kTraces, Scope::kSocket, 0},                                                    // perf_event
    {nullptr, Scope::kCgroup, mask({"cgroup_inet_ingress", "cgroup_inet_egress"})},  // cgroup_skb
    {nullptr, Scope::kCgroup,
     kNone | mask({"cgroup_inet_sock_create", "cgroup_inet_sock_release", "cgroup_inet4_post_bind",
                   "cgroup_inet6_post_bind"})},                    // cgroup_sock
    {nullptr, Scope::kNetwork, kNone},                             // lwt_in
    {nullptr, Scope::kNetwork, kNone},                             // lwt_out
    {nullptr, Scope::kNetwork, kNone},                             // lwt_xmit
    {nullptr, Scope::kCgroup, kNone | mask({"cgroup_sock_ops"})},  // sock_ops
    {nullptr, Scope::kSocket,
     kNone | mask({"sk_skb_stream_parser", "sk_skb_stream_verdict", "sk_skb_verdict"})},  // sk_skb
    {nullptr, Scope::kCgroup, kNone | mask({"cgroup_device"})},   // cgroup_device
    {nullptr, Scope::kSocket, kNone | mask({"sk_msg_verdict"})},  // sk_msg
    {kTraces, Scope::kSocket, 0},                                 // raw_tracepoint
    {nullptr, Scope::kCgroup,
     mask({"cgroup_inet4_bind", "cgroup_inet6_bind", "cgroup_inet4_connect", "cgroup_inet6_connect",
           "cgroup_unix_connect", "cgroup_inet4_getpeername", "cgroup_inet6_getpeername",
           "cgroup_unix_getpeername", "cgroup_inet4_getsockname", "cgroup_inet6_getsockname",
           "cgroup_unix_getsockname", "cgroup_udp4_sendmsg", "cgroup_udp6_sendmsg",
           "cgroup_unix_sendmsg", "cgroup_udp4_recvmsg", "cgroup_udp6_recvmsg",
           "cgroup_unix_recvmsg"})},    // cgroup_sock_addr
    {nullptr, Scope::kNetwork, kNone},  // lwt_seg6local
    {kDevices, Scope::kSocket, 0},      // lirc_mode2
    {nullptr, Scope::kSocket,
     kNone | mask({"sk_reuseport_select", "sk_reuseport_select_or_migrate"})},  // sk_reuseport
    {nullptr, Scope::kNetwork, kNone | mask({"flow_dissector"})},               // flow_dissector
    {nullptr, Scope::kCgroup, kNone | mask({"cgroup_sysctl"})},                 // cgroup_sysctl
    {kTraces, Scope::kSocket, 0},  // raw_tracepoint_writable
    {nullptr, Scope::kCgroup, mask({"cgroup_getsockopt", "cgroup_setsockopt"})},  // cgroup_sockopt
    {kTraces, Scope::kSocket, 0},                                                 // tracing
    {kReplaces, Scope::kSocket, 0},                                               // struct_ops
    {kChangesPrograms, Scope::kSocket, 0},                                        // ext
    {kDecides, Scope::kSocket, 0},                                                // lsm
    {nullptr, Scope::kNetwork, mask({"sk_lookup"})},                              // sk_lookup
    {kDevices, Scope::kSocket, 0},                                                // syscall
    {nullptr, Scope::kNetwork, mask({"netfilter"})},                              // netfilter
});

constexpr uint64_t kDangerousAttach =
    mask({"trace_raw_tp", "trace_fentry", "trace_fexit", "modify_return", "lsm_mac", "trace_iter",
          "perf_event", "trace_kprobe_multi", "lsm_cgroup", "struct_ops", "trace_uprobe_multi",
          "trace_kprobe_session", "trace_uprobe_session", "lirc_mode2"});

constexpr uint32_t kMapTypeStructOps = 26;

struct SecondName {
  TokenRight right;
  std::string_view name;
  uint32_t number;
};
// The kernel prints the first name of a number that it has.
constexpr auto kSecondNames = std::to_array<SecondName>({
    {TokenRight::kMap, "cgroup_storage_deprecated", 19},
    {TokenRight::kMap, "percpu_cgroup_storage_deprecated", 21},
    {TokenRight::kCommand, "prog_run", 10},
});

// Names and the number of the first.
struct Names {
  std::span<const std::string_view> names;
  uint32_t first = 0;
};

Names names_of(TokenRight right) {
  switch (right) {
    case TokenRight::kCommand:
      return {kCommands, 0};
    case TokenRight::kMap:
      return {map_type_names(), 1};
    case TokenRight::kProgram:
      return {program_type_names(), 1};
    case TokenRight::kAttach:
      return {kAttachTypes, 0};
  }
  return {};
}

const ProgramType* program_type(uint32_t number) {
  return number == 0 || number > kPrograms.size() ? nullptr : &kPrograms[number - 1];
}

}  // namespace

void TokenRights::add(const TokenRights& others) {
  for (size_t i = 0; i < masks.size(); ++i) masks[i] |= others.masks[i];
}

bool TokenRights::empty() const {
  return std::ranges::all_of(masks, [](uint64_t bits) { return bits == 0; });
}

const char* key_of(TokenRight right) {
  switch (right) {
    case TokenRight::kCommand:
      return "commands";
    case TokenRight::kMap:
      return "maps";
    case TokenRight::kProgram:
      return "programs";
    case TokenRight::kAttach:
      return "attach";
  }
  return "";
}

const char* option_of(TokenRight right) {
  switch (right) {
    case TokenRight::kCommand:
      return "delegate_cmds";
    case TokenRight::kMap:
      return "delegate_maps";
    case TokenRight::kProgram:
      return "delegate_progs";
    case TokenRight::kAttach:
      return "delegate_attachs";
  }
  return "";
}

const char* noun_of(TokenRight right) {
  switch (right) {
    case TokenRight::kCommand:
      return "command";
    case TokenRight::kMap:
      return "type of map";
    case TokenRight::kProgram:
      return "type of program";
    case TokenRight::kAttach:
      return "attach type";
  }
  return "";
}

std::string token_right_name(TokenRight right, uint32_t number) {
  const Names names = names_of(right);
  if (number < names.first || number - names.first >= names.names.size())
    return std::to_string(number);
  return std::string(names.names[number - names.first]);
}

std::optional<uint32_t> token_right_from_name(TokenRight right, std::string_view name) {
  const Names names = names_of(right);
  for (uint32_t i = 0; i < names.names.size(); ++i)
    if (names.names[i] == name) return i + names.first;
  for (const auto& second : kSecondNames)
    if (second.right == right && second.name == name) return second.number;
  return std::nullopt;
}

std::vector<std::string_view> token_right_names(TokenRight right) {
  const Names names = names_of(right);
  return {names.names.begin(), names.names.end()};
}

std::vector<std::string> names_in(const TokenRights& rights, TokenRight right) {
  std::vector<std::string> names;
  for (uint32_t number = 0; number < 64; ++number)
    if (rights.has(right, number)) names.push_back(token_right_name(right, number));
  return names;
}

bool takes_token(uint32_t command) {
  return command == kCommandMapCreate || command == kCommandProgLoad ||
         command == kCommandBtfLoad || command == kCommandBtfGetFdById;
}

const char* danger_of(TokenRight right, uint32_t number) {
  switch (right) {
    case TokenRight::kCommand:
      return nullptr;
    case TokenRight::kMap:
      return number == kMapTypeStructOps ? kReplaces : nullptr;
    case TokenRight::kProgram: {
      const ProgramType* type = program_type(number);
      return type == nullptr ? kReplaces : type->danger;
    }
    case TokenRight::kAttach:
      return number >= kAttachTypes.size() || (kDangerousAttach >> number & 1U) != 0 ? kTraces
                                                                                     : nullptr;
  }
  return nullptr;
}

uint64_t attach_types_of(uint32_t program) {
  const ProgramType* type = program_type(program);
  return type == nullptr ? kAny : type->attach;
}

bool loads_without_attach_type(uint32_t program) {
  return program != kProgramCgroupSkb && (attach_types_of(program) & kNone) != 0;
}

Scope scope_of(uint32_t program) {
  const ProgramType* type = program_type(program);
  return type == nullptr ? Scope::kNetwork : type->scope;
}

}  // namespace pinscope::model
