// The denials of the policies that select a container, arranged so that asking for one source does
// not walk them all. Used by decide.cc alone.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "plugin/model/policy.h"

namespace pinscope::policy {

struct Denial {
  const model::Policy* policy = nullptr;
  const model::Deny* deny = nullptr;
};

class Denials {
 public:
  // Keeps pointers into `policies`, which must outlive this.
  explicit Denials(const std::vector<const model::Policy*>& policies);

  // The first denial, in the order of the policies, that covers `source`: names it or matches it,
  // or a directory above it. Null if none does.
  [[nodiscard]] const Denial* covering(std::string_view source) const;

  [[nodiscard]] bool empty() const { return all_.empty(); }
  // The paths at which, or below which, covered pins can be; none is below another.
  [[nodiscard]] std::vector<std::string> starts() const;

 private:
  struct Entry {
    std::string_view start;  // the whole pin, or the part before a glob
    size_t order = 0;        // in all_
  };
  std::vector<Denial> all_;
  std::vector<Entry> exact_;
  std::vector<Entry> globs_;
};

}  // namespace pinscope::policy
