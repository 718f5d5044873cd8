// Finds the pins that a glob names, as a shell does: component by component, so that a directory is
// read only where a name in it can matter. Whoever may make names below a glob's literal part costs
// a start a bounded amount of work, and cannot stop it.
#pragma once

#include <string>
#include <vector>

#include "plugin/base/result.h"
#include "plugin/kernel/bpf/name_patterns.h"
#include "plugin/model/host_pins.h"

namespace pinscope::kernel {

// The limits of one listing: far above what people pin, low enough that nobody notices the time. If
// they do not suffice, each directory gets an equal share of what its parent has, so that whoever
// makes many names below their own directory takes nothing from other directories.
struct ListLimits {
  size_t pins = 4096;
  size_t directories = 4096;
  size_t entries = 65536;               // names that are read
  size_t entries_of_directory = 16384;  // of one
  size_t depth = 32;
};

// The pins below `directory` whose names match `patterns`. A pin is a file of a bpffs. Symbolic
// links are not followed. Of other mounts below, those of a bpffs are entered, and those of a local
// file system on the way to one, where root alone may write: nobody else can mount something there
// that never answers. `left_out` says what was left out for another reason than that it does not
// match. A directory that does not exist holds none; kSourceMismatch if the way to it is a symbolic
// link.
Result<model::MatchingPins> list_pins(const std::string& directory,
                                      const std::vector<NamePattern>& patterns,
                                      const ListLimits& limits = {});

}  // namespace pinscope::kernel
