// The name of an object's type, whatever kind of object it is.
#pragma once

#include <string>

#include "plugin/model/bpf_types.h"
#include "plugin/model/policy.h"

namespace pinscope::cli {

// "hash" for a map of type 1, "xdp" for a program of type 6.
inline std::string object_type_name(model::ObjectKind kind, uint32_t type) {
  switch (kind) {
    case model::ObjectKind::kMap:
      return model::map_type_name(type);
    case model::ObjectKind::kProgram:
      return model::program_type_name(type);
    case model::ObjectKind::kLink:
      return model::link_type_name(type);
  }
  return "";
}

}  // namespace pinscope::cli
