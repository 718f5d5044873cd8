// Which low-level runtime (runc, crun) the shim becomes, where nobody tells it on its command line:
// what two files say, else the first that is in one of the usual directories. One list for the shim
// that looks there and for the installation that must know what it will find.
#pragma once

#include <sys/stat.h>

#include <optional>
#include <string>
#include <string_view>

#include "plugin/base/result.h"
#include "plugin/model/container.h"

namespace pinscope::model {

inline constexpr const char* kProgramDirectories[] = {
    "/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin"};
// Looked for in this order: the first in every directory, then the second.
inline constexpr const char* kLowLevelRuntimes[] = {"runc", "crun"};

// The administrator's choice, for every engine.
inline constexpr const char* kRuntimeFile = "/etc/pinscope/runtime.json";
// What an installation has found out about one engine: "/etc/pinscope/runtime-containerd.json".
// Asked after the administrator's.
std::string runtime_file_of(Engine engine);

// The absolute path in the text of such a file; empty if it says none. kConfigInvalid.
Result<std::string> parse_runtime_file(std::string text, const std::string& name);

// The text of such a file, naming `program`.
std::string runtime_file_text(const std::string& program);

// Whether a path names our shim, which tells its engine by its name.
bool is_shim(std::string_view path);

// Why the shim does not become the program `path`, of which stat(2) says `status`; empty if it
// does. `shim`: what stat(2) says of the shim's own file; nothing: not known. A shim by whatever
// name would run itself for ever.
std::string why_not_to_run(std::string_view path, const struct stat& status,
                           const std::optional<struct stat>& shim);

// Whether a program of that name runs containers on a kernel of their own, where a view would show
// them nothing: gVisor, Kata, and the monitors of virtual machines that are their processes on the
// host. `path` or its last component.
bool has_own_kernel(std::string_view path);

}  // namespace pinscope::model
