#include "plugin/policy/commands.h"

#include "plugin/model/map_types.h"

namespace pinscope::policy {
namespace {

using model::BpfCommand;
using model::BpfCommands;

// To open a pin, and for what every library asks next: kind, sizes, name (kernel/bpf/syscall.c,
// bpf_obj_get, bpf_obj_get_info_by_fd).
constexpr BpfCommands kOpen = {BpfCommand::kObjGet, BpfCommand::kObjGetInfoByFd};

// A program's descriptor has no access mode, so what it can be used for is up to this list. Not
// BPF_PROG_ATTACH: only BPF_PROG_DETACH undoes it, and that detaches programs of others as well (a
// container with CAP_NET_ADMIN could take the device filter off its own cgroup). A link goes with
// its descriptor.
constexpr BpfCommands kUseProgram = {BpfCommand::kProgTestRun, BpfCommand::kLinkCreate};

constexpr BpfCommands kUseLink = {BpfCommand::kLinkUpdate, BpfCommand::kLinkDetach};

// What a loader does with objects of its own.
constexpr BpfCommands kOwnMap = {BpfCommand::kMapFreeze, BpfCommand::kProgBindMap};
constexpr BpfCommands kOwnProgram = kUseProgram | kUseLink;

}  // namespace

BpfCommands commands_for(const model::Delegation& delegation) {
  BpfCommands commands = {BpfCommand::kTokenCreate, BpfCommand::kObjGetInfoByFd};
  for (uint32_t command = 0; command < BpfCommands::kEnd; ++command)
    if (delegation.rights.has(model::TokenRight::kCommand, command)) commands.add(command);
  if (commands.contains(model::kCommandMapCreate))
    commands = commands | model::map_commands(std::nullopt, true) | kOwnMap;
  if (commands.contains(model::kCommandProgLoad)) commands = commands | kOwnProgram;
  if (delegation.pinning)
    commands = commands | BpfCommands{BpfCommand::kObjPin, BpfCommand::kObjGet};
  return commands;
}

BpfCommands commands_for(model::Access access, std::optional<model::ObjectKind> kind,
                         std::optional<uint32_t> map_type) {
  const bool writes = access == model::Access::kReadWrite;
  switch (kind.value_or(model::ObjectKind::kMap)) {
    case model::ObjectKind::kMap:
      return kOpen | model::map_commands(map_type, writes);
    case model::ObjectKind::kProgram:
      return kOpen | (writes ? kUseProgram : BpfCommands{});
    case model::ObjectKind::kLink:
      return kOpen | (writes ? kUseLink : BpfCommands{});
  }
  return kOpen;
}

}  // namespace pinscope::policy
