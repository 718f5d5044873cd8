#include "plugin/model/bypass.h"

namespace pinscope::model {

const char* name_of(Bypass bypass) {
  switch (bypass) {
    case Bypass::kCapSysAdmin:
      return "cap-sys-admin";
    case Bypass::kCapSysModule:
      return "cap-sys-module";
    case Bypass::kCapDacReadSearch:
      return "cap-dac-read-search";
    case Bypass::kCapBpf:
      return "cap-bpf";
    case Bypass::kCapBpfPrograms:
      return "cap-bpf-programs";
    case Bypass::kHostBpffs:
      return "host-bpffs";
    case Bypass::kHostPidNamespace:
      return "host-pid-namespace";
    case Bypass::kHostProc:
      return "host-proc";
    case Bypass::kSharedPidNamespace:
      return "shared-pid-namespace";
    case Bypass::kProgramsReach:
      return "programs-reach";
    case Bypass::kOwnFiles:
      return "own-files";
  }
  return "";
}

std::vector<std::string> names_of(const std::vector<Bypass>& bypasses) {
  std::vector<std::string> names;
  names.reserve(bypasses.size());
  for (const auto bypass : bypasses) names.emplace_back(name_of(bypass));
  return names;
}

}  // namespace pinscope::model
