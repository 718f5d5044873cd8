#include "plugin/health/named.h"

#include <cstddef>

#include "plugin/base/text.h"

namespace pinscope::health {

std::string first_names(std::vector<std::string> names) {
  constexpr size_t kMaxNamed = 8;
  const size_t count = names.size();
  if (count > kMaxNamed) {
    names.resize(kMaxNamed);
    names.push_back("and " + std::to_string(count - kMaxNamed) + " more");
  }
  return joined(names, ", ");
}

}  // namespace pinscope::health
