// What the tests of whole engines share; see the header.
#include "tests/engines/engine_test.h"

#include <filesystem>

namespace pinscope::test {

std::vector<std::string> EngineTest::records() const {
  std::vector<std::string> names;
  std::error_code error;
  for (const auto& entry :
       std::filesystem::directory_iterator(machine.outside("/run/pinscope/containers"), error))
    names.push_back(entry.path().filename());
  return names;
}

}  // namespace pinscope::test
