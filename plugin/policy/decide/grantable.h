// Whether the object that a grant leads to can be granted as the grant says: by what the policy
// expects, by what its kind and its type allow, and by what else the container gets.
#pragma once

#include <string>

#include "plugin/base/result.h"
#include "plugin/model/decision.h"
#include "plugin/model/object.h"

namespace pinscope::policy {

// Whether the object can be granted so, whatever else the container gets. Errors as below.
Status check_grantable(const model::GrantedPin& grant, const model::ObjectInfo& info);

// For the objects of one container, in the order in which they are opened. All differences from
// what the policy expects are in one error, kSourceMismatch; what cannot be granted is
// kAccessUnsupported.
class ObjectJudge {
 public:
  // What is refused does not count for those that follow.
  Status operator()(const model::GrantedPin& grant, const model::ObjectInfo& info);

 private:
  [[nodiscard]] Status check_beside_others(const model::GrantedPin& grant,
                                           const model::ObjectInfo& info);

  std::string read_;   // a source that is granted for reading
  std::string outer_;  // one that holds maps, and may be written
  std::string outer_type_;
};

}  // namespace pinscope::policy
