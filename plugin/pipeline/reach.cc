#include "plugin/pipeline/reach.h"

namespace pinscope {

policy::KnownObjects known(const std::vector<model::ObjectInfo>& objects) {
  policy::KnownObjects found;
  found.reserve(objects.size());
  for (const auto& info : objects) found.push_back(model::ObjectType{info.kind, info.type});
  return found;
}

}  // namespace pinscope
