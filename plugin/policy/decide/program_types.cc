#include "plugin/policy/decide/program_types.h"

#include <algorithm>
#include <array>
#include <initializer_list>
#include <string_view>

#include "plugin/model/bpf_commands.h"

namespace pinscope::policy {
namespace {

using model::kAttachTypes;
using model::Scope;
using model::TokenRight;

consteval uint64_t mask(std::initializer_list<std::string_view> names) {
  uint64_t bits = 0;
  for (const auto name : names) bits |= uint64_t{1} << kAttachTypes.number_of(name).value();
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
  std::string_view name;
  const char* danger;  // null: may be delegated
  Scope scope;
  uint64_t attach;
};

// The index is the number of the type, less one: 0 is "unspec", which no program has.
constexpr auto kPrograms = std::to_array<ProgramType>({
    {"socket_filter", nullptr, Scope::kSocket, kNone},
    {"kprobe", kTraces, Scope::kSocket, 0},
    {"sched_cls", nullptr, Scope::kNetwork,
     kNone | mask({"tcx_ingress", "tcx_egress", "netkit_primary", "netkit_peer"})},
    {"sched_act", nullptr, Scope::kNetwork, kNone},
    {"tracepoint", kTraces, Scope::kSocket, 0},
    {"xdp", nullptr, Scope::kNetwork, kNone | mask({"xdp", "xdp_devmap", "xdp_cpumap"})},
    {"perf_event", kTraces, Scope::kSocket, 0},
    {"cgroup_skb", nullptr, Scope::kCgroup, mask({"cgroup_inet_ingress", "cgroup_inet_egress"})},
    {"cgroup_sock", nullptr, Scope::kCgroup,
     kNone | mask({"cgroup_inet_sock_create", "cgroup_inet_sock_release", "cgroup_inet4_post_bind",
                   "cgroup_inet6_post_bind"})},
    {"lwt_in", nullptr, Scope::kNetwork, kNone},
    {"lwt_out", nullptr, Scope::kNetwork, kNone},
    {"lwt_xmit", nullptr, Scope::kNetwork, kNone},
    {"sock_ops", nullptr, Scope::kCgroup, kNone | mask({"cgroup_sock_ops"})},
    {"sk_skb", nullptr, Scope::kSocket,
     kNone | mask({"sk_skb_stream_parser", "sk_skb_stream_verdict", "sk_skb_verdict"})},
    {"cgroup_device", nullptr, Scope::kCgroup, kNone | mask({"cgroup_device"})},
    {"sk_msg", nullptr, Scope::kSocket, kNone | mask({"sk_msg_verdict"})},
    {"raw_tracepoint", kTraces, Scope::kSocket, 0},
    {"cgroup_sock_addr", nullptr, Scope::kCgroup,
     mask({"cgroup_inet4_bind", "cgroup_inet6_bind", "cgroup_inet4_connect", "cgroup_inet6_connect",
           "cgroup_unix_connect", "cgroup_inet4_getpeername", "cgroup_inet6_getpeername",
           "cgroup_unix_getpeername", "cgroup_inet4_getsockname", "cgroup_inet6_getsockname",
           "cgroup_unix_getsockname", "cgroup_udp4_sendmsg", "cgroup_udp6_sendmsg",
           "cgroup_unix_sendmsg", "cgroup_udp4_recvmsg", "cgroup_udp6_recvmsg",
           "cgroup_unix_recvmsg"})},
    {"lwt_seg6local", nullptr, Scope::kNetwork, kNone},
    {"lirc_mode2", kDevices, Scope::kSocket, 0},
    {"sk_reuseport", nullptr, Scope::kSocket,
     kNone | mask({"sk_reuseport_select", "sk_reuseport_select_or_migrate"})},
    {"flow_dissector", nullptr, Scope::kNetwork, kNone | mask({"flow_dissector"})},
    {"cgroup_sysctl", nullptr, Scope::kCgroup, kNone | mask({"cgroup_sysctl"})},
    {"raw_tracepoint_writable", kTraces, Scope::kSocket, 0},
    {"cgroup_sockopt", nullptr, Scope::kCgroup, mask({"cgroup_getsockopt", "cgroup_setsockopt"})},
    {"tracing", kTraces, Scope::kSocket, 0},
    {"struct_ops", kReplaces, Scope::kSocket, 0},
    {"ext", kChangesPrograms, Scope::kSocket, 0},
    {"lsm", kDecides, Scope::kSocket, 0},
    {"sk_lookup", nullptr, Scope::kNetwork, mask({"sk_lookup"})},
    {"syscall", kDevices, Scope::kSocket, 0},
    {"netfilter", nullptr, Scope::kNetwork, mask({"netfilter"})},
});
static_assert(std::ranges::equal(kPrograms, model::kProgramTypes.names, {}, &ProgramType::name));

constexpr uint64_t kDangerousAttach =
    mask({"trace_raw_tp", "trace_fentry", "trace_fexit", "modify_return", "lsm_mac", "trace_iter",
          "perf_event", "trace_kprobe_multi", "lsm_cgroup", "struct_ops", "trace_uprobe_multi",
          "trace_kprobe_session", "trace_uprobe_session", "trace_fsession", "trace_fentry_multi",
          "trace_fexit_multi", "trace_fsession_multi", "lirc_mode2"});

constexpr uint32_t kMapTypeStructOps = model::kMapTypes.number_of("struct_ops").value();

const ProgramType* program_type(uint32_t number) {
  return number == 0 || number > kPrograms.size() ? nullptr : &kPrograms[number - 1];
}

}  // namespace

bool takes_token(uint32_t command) {
  using enum model::BpfCommand;
  return model::BpfCommands{kMapCreate, kProgLoad, kBtfLoad, kBtfGetFdById}.contains(command);
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
      return number >= kAttachTypes.names.size() || (kDangerousAttach >> number & 1U) != 0
                 ? kTraces
                 : nullptr;
  }
  return nullptr;
}

uint64_t attach_types_of(uint32_t program) {
  const ProgramType* type = program_type(program);
  return type == nullptr ? kAny : type->attach;
}

bool loads_without_attach_type(uint32_t program) {
  return program != kCgroupSkb && (attach_types_of(program) & kNone) != 0;
}

Scope scope_of(uint32_t program) {
  const ProgramType* type = program_type(program);
  return type == nullptr ? Scope::kNetwork : type->scope;
}

}  // namespace pinscope::policy
