// The ways by which a container gets past its view: each makes the view void. policy/ finds them,
// records and audit lines name them.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace pinscope::model {

enum class Bypass : uint8_t {
  kCapSysAdmin,         // CAP_SYS_ADMIN, and no user namespace
  kCapSysModule,        // CAP_SYS_MODULE, and no user namespace
  kCapDacReadSearch,    // CAP_DAC_READ_SEARCH, and no user namespace
  kCapBpf,              // CAP_BPF, and no user namespace
  kCapBpfPrograms,      // with CAP_BPF, a granted object takes programs of the container's
  kHostBpffs,           // the container has a bpffs mounted, and no policy takes it away
  kHostPidNamespace,    // processes of the host are in reach, by the host's PID namespace
  kHostProc,            // the same, by a volume with the host's /proc
  kSharedPidNamespace,  // another container's processes can open the view
  kProgramsReach,       // programs that the container loads may reach the whole machine
  kOwnFiles,            // Pinscope's own files can be written
};

// The code, for programs: "cap-sys-admin", "host-bpffs", …
const char* name_of(Bypass bypass);
std::vector<std::string> names_of(const std::vector<Bypass>& bypasses);

}  // namespace pinscope::model
