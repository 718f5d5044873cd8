// A CDI specification of anybody: every problem has words, and a place that is a JSON pointer.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>

#include "plugin/engine/cdi/check.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string text(reinterpret_cast<const char*>(data), size);
  for (const auto& [place, message] : pinscope::engine::cdi_problems(text, "spec"))
    if (message.empty() || (!place.empty() && place[0] != '/')) std::abort();
  return 0;
}
