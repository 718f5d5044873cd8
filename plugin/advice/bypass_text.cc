#include "plugin/advice/bypass_text.h"

#include <linux/capability.h>

#include "plugin/advice/neighbours.h"
#include "plugin/advice/processes.h"
#include "plugin/base/text.h"
#include "plugin/policy/decide/configured.h"

namespace pinscope::advice {
namespace {

using model::Bypass;
using model::Container;
using model::Decision;
using policy::FoundBypass;

std::string host_bpffs(const model::ConfiguredMount& mount, const Decision& decision) {
  if (policy::is_fresh_bpffs(mount))
    return "the container mounts a bpffs of its own at " + quoted(mount.destination) +
           ", in which it can pin what it is granted for reading, and open it for writing; the "
           "policy says hostBpffs: allow";
  return shown_bpffs(mount) + (decision.selected() ? "; the policy says hostBpffs: allow"
                                                   : "; no policy selects it, so nothing hides it");
}

std::string cap_bpf(const Decision& decision) {
  const std::string what =
      maps_to_read(decision).empty()
          ? "since Linux"
          : "writes any map it can open, so access: read does not hold, and since Linux";
  return "with CAP_BPF and no user namespace, the container can load a program that " + what +
         " 6.13 ends any process, and since 6.16 reads all memory of the kernel";
}

std::string cap_bpf_programs(const FoundBypass& found, const Decision& decision) {
  model::TokenRights all;
  all.masks.fill(~uint64_t{0});
  const auto object = policy::expected_objects(decision)[found.item];
  const char* what = object ? policy::takes_programs(all, *object) : nullptr;
  return "with CAP_BPF, read-write of " + quoted(decision.grants[found.item].name) +
         " is more: " + (what == nullptr ? "it takes programs" : what);
}

std::string own_files(const model::ConfiguredMount& mount, const policy::OwnFiles* ours) {
  if (ours == nullptr) return text_of(Bypass::kOwnFiles).text;
  return "the container can write to " + quoted(mount.source) + " of the host, where " +
         quoted(ours->directory) + " is: " + ours->what_it_gives;
}

std::string shared_pid_namespace(const Container& container) {
  return "the container joins the PID namespace at " +
         quoted(namespace_of(container, model::NamespaceKind::kPid).path) +
         ": a process there of the same user with no fewer capabilities opens the view through "
         "/proc/PID/root, so nothing that the policy says of this container alone holds";
}

std::string sentence(const FoundBypass& found, const Container& container,
                     const Decision& decision) {
  switch (found.bypass) {
    case Bypass::kHostBpffs:
      return host_bpffs(container.mounts[found.item], decision);
    case Bypass::kCapBpf:
      return cap_bpf(decision);
    case Bypass::kCapBpfPrograms:
      return cap_bpf_programs(found, decision);
    case Bypass::kHostPidNamespace:
      return reach_of_processes(container, kByPidNamespace);
    case Bypass::kHostProc:
      return reach_of_processes(container, by_host_proc(container.mounts[found.item]));
    case Bypass::kSharedPidNamespace:
      return shared_pid_namespace(container);
    case Bypass::kOwnFiles:
      return own_files(container.mounts[found.item], found.files);
    case Bypass::kCapSysAdmin:
    case Bypass::kCapSysModule:
    case Bypass::kCapDacReadSearch:
    case Bypass::kProgramsReach:
      break;
  }
  return text_of(found.bypass).text;
}

std::string action(const FoundBypass& found, const Decision& decision) {
  if (found.bypass == Bypass::kHostBpffs && !decision.selected())
    return "a policy with an empty select and no grants hides it for everyone else";
  return text_of(found.bypass).action;
}

}  // namespace

std::string shown_bpffs(const model::ConfiguredMount& mount) {
  return "the container mounts the host's " + quoted(mount.source) + " at " +
         quoted(mount.destination) + ", which shows a bpffs of the host";
}

const BypassText& text_of(Bypass bypass) {
  static constexpr BypassText kCapSysAdmin = {
      "with CAP_SYS_ADMIN and no user namespace, the container can open any BPF object of the "
      "machine by its id, and can change its own mounts",
      "drop CAP_SYS_ADMIN, or give the container a user namespace"};
  static constexpr BypassText kCapSysModule = {
      "with CAP_SYS_MODULE and no user namespace, the container can load kernel modules",
      "drop CAP_SYS_MODULE"};
  static constexpr BypassText kCapDacReadSearch = {
      "with CAP_DAC_READ_SEARCH and no user namespace, the container can open any file of the host "
      "by its handle",
      "drop CAP_DAC_READ_SEARCH, or give the container a user namespace"};
  static constexpr BypassText kCapBpf = {
      "with CAP_BPF and no user namespace, the container can load programs that write any map it "
      "can open, and reach the whole machine since Linux 6.13",
      "drop CAP_BPF, or give the container a user namespace"};
  static constexpr BypassText kCapBpfPrograms = {
      "with CAP_BPF, the container can put programs of its own into what it is granted read-write",
      "drop CAP_BPF, or do not grant it"};
  static constexpr BypassText kHostBpffs = {
      "the container has a bpffs mounted beside its view; the policy says hostBpffs: allow",
      "say hostBpffs: mask unless the container is meant to see every pin"};
  static constexpr BypassText kHostPidNamespace = {
      "with the host's PID namespace, the container can reach the host's files through "
      "/proc/PID/root of other processes",
      kOwnPidNamespace};
  static constexpr BypassText kHostProc = {
      "with the host's /proc in a volume, the container can reach the host's files through "
      "/proc/PID/root of other processes",
      kNoHostProc};
  static constexpr BypassText kSharedPidNamespace = {
      "the container shares the PID namespace of another one, whose processes can open the view "
      "through /proc/PID/root",
      "give it a PID namespace of its own (no shareProcessNamespace, no --pid container:), or "
      "grant to all containers of the pod what it gets"};
  static constexpr BypassText kProgramsReach = {
      "with programsReach: whole-machine, programs of the container can read all memory of the "
      "kernel, if it has CAP_PERFMON or since Linux 6.16, and some can end any process since "
      "Linux 6.13",
      "delegate prog_load only to containers that you trust with the machine"};
  static constexpr BypassText kOwnFiles = {
      "the container can write files of Pinscope's own: what they say decides, or is shown, of "
      "every container",
      "remove the volume, or make it read-only with all that is mounted below it (rro)"};
  switch (bypass) {
    case Bypass::kCapSysAdmin:
      return kCapSysAdmin;
    case Bypass::kCapSysModule:
      return kCapSysModule;
    case Bypass::kCapDacReadSearch:
      return kCapDacReadSearch;
    case Bypass::kCapBpf:
      return kCapBpf;
    case Bypass::kCapBpfPrograms:
      return kCapBpfPrograms;
    case Bypass::kHostBpffs:
      return kHostBpffs;
    case Bypass::kHostPidNamespace:
      return kHostPidNamespace;
    case Bypass::kHostProc:
      return kHostProc;
    case Bypass::kSharedPidNamespace:
      return kSharedPidNamespace;
    case Bypass::kProgramsReach:
      return kProgramsReach;
    case Bypass::kOwnFiles:
      break;
  }
  return kOwnFiles;
}

std::vector<Remark> remarks_on_bypasses(const std::vector<FoundBypass>& found,
                                        const Container& container, const Decision& decision) {
  std::vector<Remark> remarks;
  remarks.reserve(found.size());
  for (const auto& one : found)
    remarks.push_back({Remark::Kind::kVoid, name_of(one.bypass), sentence(one, container, decision),
                       action(one, decision)});
  return remarks;
}

}  // namespace pinscope::advice
