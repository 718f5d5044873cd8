// Which objects can be granted: those that are what the policy expects, whose kind and type hold
// the access that is granted, and that may be beside what the container has already.
#pragma once

#include <string>

#include "plugin/base/result.h"
#include "plugin/model/decision.h"
#include "plugin/model/object.h"

namespace pinscope::kernel {

// Whether the object is what the grant says, and can be granted that way. One error has all
// differences.
Status check_object(const model::GrantedPin& grant, const model::ObjectInfo& info);

// What must not be granted beside each other: the maps of one container, as they are opened.
class Together {
 public:
  // Where it is refused, it is not added.
  Status add(const model::GrantedPin& grant, const model::ObjectInfo& info);

 private:
  Status judge(const model::GrantedPin& grant, const model::ObjectInfo& info);

  std::string read_;   // a source that is granted for reading
  std::string outer_;  // one that holds maps, and may be written
  std::string outer_type_;
};

}  // namespace pinscope::kernel
