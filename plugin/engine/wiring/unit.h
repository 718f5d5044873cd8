// What systemd starts for a unit: systemd.unit(5), systemd.service(5) and systemd.exec(5), as far
// as the command line of an engine goes. Specifiers (%i) and conditions are not interpreted.
#pragma once

#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "plugin/engine/wiring/tree.h"

namespace pinscope::engine {

using Variables = std::map<std::string, std::string, std::less<>>;

struct UnitCommand {
  std::vector<std::string> words;  // the program first; empty if there is no such unit
  Variables environment;
  // Files that have a say and could not be read, each with why: the rest may not be the truth.
  std::vector<std::string> doubts;
};

// The words of the last ExecStart= of a unit and its drop-ins, with what Environment= and
// EnvironmentFile= say in the place of variables.
UnitCommand unit_command(const Tree& tree, const std::string& unit);

// The words of one line: quotes and backslashes are taken off.
std::vector<std::string> words_of(std::string_view line);

}  // namespace pinscope::engine
