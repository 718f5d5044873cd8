#include "plugin/model/object.h"

#include "plugin/model/bpf_names.h"

namespace pinscope::model {

const char* name_of(ObjectKind kind) {
  switch (kind) {
    case ObjectKind::kMap:
      return "map";
    case ObjectKind::kProgram:
      return "program";
    case ObjectKind::kLink:
      return "link";
  }
  return "";
}

std::string type_name(const ObjectInfo& object) {
  switch (object.kind) {
    case ObjectKind::kMap:
      return map_type_name(object.type);
    case ObjectKind::kProgram:
      return program_type_name(object.type);
    case ObjectKind::kLink:
      return link_type_name(object.type);
  }
  return "";
}

}  // namespace pinscope::model
