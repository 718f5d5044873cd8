// The ways of one process to one object: the part of access.h that looks at capabilities, pins,
// modes and flags. Pure; for the files of this folder.
#pragma once

#include <string>
#include <vector>

#include "plugin/inventory/access/access.h"
#include "plugin/inventory/access/asked.h"

namespace pinscope::inventory {

// What an accessor has; `mounts`: those of its namespace that show an instance.
struct Surrounding {
  const Party& party;
  const model::Record* record;  // null: none
  std::vector<const InstanceMount*> mounts;
};

// Adds the ways of one process of the party to those of the others, those alone that give more.
void add_ways(const Asked& asked, const Surrounding& around, const kernel::Credentials& process,
              Accessor& accessor);
// A way that gives nothing is left out.
void add_way(Accessor& accessor, Way way);

// "0:0 0600".
std::string owner_and_mode(const kernel::WalkedPin& pin);

}  // namespace pinscope::inventory
