#include "plugin/policy/decide/commands.h"

#include "plugin/policy/decide/map_types.h"

namespace pinscope::policy {
namespace {

using model::BpfCommand;
using model::BpfCommands;

// To open a pin, and for what every library asks next: kind, sizes, name (kernel/bpf/syscall.c,
// bpf_obj_get, bpf_obj_get_info_by_fd).
constexpr BpfCommands kOpen = {BpfCommand::kObjGet, BpfCommand::kObjGetInfoByFd};

// A program's descriptor has no access mode, so what bpf(2) does with it is up to this list
// (sockets take a program by setsockopt(2), which no profile stops). Not BPF_PROG_ATTACH: only
// BPF_PROG_DETACH undoes it, and that detaches programs of others as well, for which it need not
// have them: the device filter of its own cgroup, a rule on one that it can open. Not
// BPF_PROG_BIND_MAP, which makes the program hold a map for as long as it lives. A link goes with
// its descriptor.
constexpr BpfCommands kUseProgram = {BpfCommand::kProgTestRun, BpfCommand::kLinkCreate};

constexpr BpfCommands kUseLink = {BpfCommand::kLinkUpdate, BpfCommand::kLinkDetach};

// What a loader does with objects of its own.
constexpr BpfCommands kOwnMap = {BpfCommand::kMapFreeze, BpfCommand::kProgBindMap};
constexpr BpfCommands kOwnProgram = kUseProgram | kUseLink;

BpfCommands of_delegation(const model::Delegation& delegation) {
  BpfCommands commands = {BpfCommand::kTokenCreate, BpfCommand::kObjGetInfoByFd};
  for (uint32_t command = 0; command < BpfCommands::kEnd; ++command)
    if (delegation.rights.has(model::TokenRight::kCommand, command)) commands.add(command);
  if (commands.contains(BpfCommand::kMapCreate))
    commands = commands | map_commands(std::nullopt, true) | kOwnMap;
  if (commands.contains(BpfCommand::kProgLoad)) commands = commands | kOwnProgram;
  if (delegation.pinning)
    commands = commands | BpfCommands{BpfCommand::kObjPin, BpfCommand::kObjGet};
  return commands;
}

// What the grant's source is, or else what is expected of it.
BpfCommands of_grant(const model::GrantedPin& grant,
                     const std::optional<model::ObjectType>& object) {
  using model::Access;
  const bool writes = grant.access == Access::kReadWrite;
  const auto usual =
      grant.access == Access::kUse ? model::ObjectKind::kProgram : model::ObjectKind::kMap;
  switch (object ? object->kind : grant.expect.kind.value_or(usual)) {
    case model::ObjectKind::kMap:
      return kOpen |
             map_commands(object ? std::optional(object->type) : grant.expect.map_type, writes);
    case model::ObjectKind::kProgram:
      return kOpen | (grant.access == Access::kUse ? kUseProgram : BpfCommands{});
    case model::ObjectKind::kLink:  // an iterator is read as a file
      return writes ? kOpen | kUseLink : BpfCommands{};
  }
  return kOpen;
}

}  // namespace

BpfCommands commands_for(const model::Decision& decision, const KnownObjects& objects) {
  BpfCommands commands;
  for (size_t i = 0; i < decision.grants.size(); ++i) {
    if (!decision.grants[i].pin) continue;  // values are files
    commands =
        commands | of_grant(decision.grants[i], i < objects.size() ? objects[i] : std::nullopt);
  }
  if (decision.delegation) commands = commands | of_delegation(*decision.delegation);
  return commands;
}

}  // namespace pinscope::policy
