#include "plugin/oci/annotations.h"

namespace pinscope::oci {

Result<Annotations> read_annotations(const JsonView& object) {
  PINSCOPE_TRY(const auto found, object.find("annotations"));
  if (!found) return Annotations{};
  PINSCOPE_TRY(const auto members, found->members());
  Annotations annotations;
  annotations.reserve(members.size());
  for (const auto& [key, value] : members) {
    PINSCOPE_TRY(const auto text, value.as_string());
    annotations.emplace_back(key, text);
  }
  return annotations;
}

}  // namespace pinscope::oci
