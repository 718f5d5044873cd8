// Policy files: whatever the bytes, loading ends with policies or with errors that can be shown.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>

#include "plugin/policy/language/load.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using pinscope::policy::Diagnostic;
  const auto loaded =
      pinscope::policy::load_text(std::string(reinterpret_cast<const char*>(data), size), "f.yaml");
  if (!loaded.ok() && !loaded.policies.empty()) std::abort();
  for (const auto& diagnostic : loaded.diagnostics) {
    const std::string text = to_string(diagnostic);
    for (const char byte : text)
      if (static_cast<unsigned char>(byte) < 0x20 && byte != '\n') std::abort();
    if (diagnostic.place.line == 0 || diagnostic.place.column == 0) std::abort();
  }
  return 0;
}
