// Which policies of a set may select a container that another one selects, found without comparing
// each with each. Used by the checks of a set.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "plugin/model/policy.h"

namespace pinscope::policy {

class Candidates {
 public:
  // Keeps pointers into `policies`, which must outlive this.
  explicit Candidates(const std::vector<const model::Policy*>& policies);

  // The positions of those that may have a container in common with `policy`, ascending: all but
  // those of which an exact key says the opposite.
  [[nodiscard]] std::vector<uint32_t> of(const model::Policy& policy) const;

 private:
  using Positions = std::vector<uint32_t>;
  // The policies that are filed under one key of theirs.
  struct Filed {
    std::unordered_map<std::string, Positions> by_value;
    Positions all;
  };
  std::map<std::string, Filed> by_key_;
  Positions without_key_;
};

}  // namespace pinscope::policy
