#include "plugin/model/token_rights.h"

#include <algorithm>

#include "plugin/model/bpf_names.h"

namespace pinscope::model {
namespace {

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
          "trace_kprobe_session", "trace_uprobe_session", "trace_fsession", "trace_fentry_multi",
          "trace_fexit_multi", "trace_fsession_multi", "lirc_mode2"});

constexpr uint32_t kMapTypeStructOps = kMapTypes.number_of("struct_ops").value();

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

const BpfNames& names_of(TokenRight right) {
  switch (right) {
    case TokenRight::kCommand:
      return kBpfCommands;
    case TokenRight::kMap:
      return kMapTypes;
    case TokenRight::kProgram:
      return kProgramTypes;
    case TokenRight::kAttach:
      break;
  }
  return kAttachTypes;
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
  const std::string_view name = names_of(right).name_of(number);
  return name.empty() ? std::to_string(number) : std::string(name);
}

std::optional<uint32_t> token_right_from_name(TokenRight right, std::string_view name) {
  for (const auto& second : kSecondNames)
    if (second.right == right && second.name == name) return second.number;
  return names_of(right).number_of(name);
}

std::vector<std::string_view> token_right_names(TokenRight right) {
  const auto names = names_of(right).names;
  return {names.begin(), names.end()};
}

std::vector<std::string> names_in(const TokenRights& rights, TokenRight right) {
  std::vector<std::string> names;
  for (uint32_t number = 0; number < 64; ++number)
    if (rights.has(right, number)) names.push_back(token_right_name(right, number));
  return names;
}

bool takes_token(uint32_t command) {
  using enum BpfCommand;
  return BpfCommands{kMapCreate, kProgLoad, kBtfLoad, kBtfGetFdById}.contains(command);
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
  return program != kProgramCgroupSkb && (attach_types_of(program) & kNone) != 0;
}

Scope scope_of(uint32_t program) {
  const ProgramType* type = program_type(program);
  return type == nullptr ? Scope::kNetwork : type->scope;
}

}  // namespace pinscope::model
