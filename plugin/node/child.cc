#include "plugin/node/child.h"

#include <chrono>

#include "plugin/kernel/process/privileges.h"

namespace pinscope::node {
namespace {

// Of what is confined, and of what starts it.
constexpr std::chrono::seconds kConfinedTimeout{60};
constexpr std::chrono::seconds kTimeout{180};

}  // namespace

Result<std::string> run_confined(const Work& work) {
  const Work confined = [&]() -> Result<std::string> {
    PINSCOPE_CHECK(kernel::restrict_to_compiling());
    return work();
  };
  return kernel::run_in_child(confined, kConfinedTimeout);
}

Result<std::string> run_in_root(const std::string& root, const Work& work) {
  const Work in_root = [&]() -> Result<std::string> {
    PINSCOPE_CHECK(kernel::enter_root(root));
    return work();
  };
  return kernel::run_in_child(in_root, kTimeout);
}

}  // namespace pinscope::node
