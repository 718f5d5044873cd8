// Every BPF object of the machine, by its id: needs CAP_SYS_ADMIN.
#pragma once

#include <optional>
#include <vector>

#include "plugin/base/result.h"
#include "plugin/model/object.h"

namespace pinscope::kernel {

struct KernelObject {
  model::ObjectInfo info;
  // What it keeps alive: the maps of a program, the program of a link and the map that it iterates
  // over, what is in a map that holds maps or programs. `uses_more`: there are more than were asked
  // for.
  std::vector<model::ObjectIdentity> uses;
  bool uses_more = false;
};

// The objects of a kind, by id. One that goes away meanwhile is left out.
Result<std::vector<KernelObject>> list_objects(model::ObjectKind kind);

// One of them; nothing if there is none, or none any more.
std::optional<KernelObject> find_object(const model::ObjectIdentity& identity);

}  // namespace pinscope::kernel
