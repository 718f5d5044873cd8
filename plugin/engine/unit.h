// What systemd starts for a unit: systemd.unit(5), systemd.service(5) and systemd.exec(5), as far
// as the command line of an engine goes. Specifiers (%i) and conditions are left as they stand.
#pragma once

#include <string>
#include <vector>

#include "plugin/engine/tree.h"

namespace pinscope::engine {

// The words of the last ExecStart= of a unit and its drop-ins, the program first, with what
// Environment= and EnvironmentFile= say in the place of variables. Empty if there is no such unit.
// A file that cannot be read, or that others than root could change, counts as not there.
std::vector<std::string> unit_command(const Tree& tree, const std::string& unit);

// The words of one line: quotes and backslashes are taken off.
std::vector<std::string> words_of(std::string_view line);

}  // namespace pinscope::engine
