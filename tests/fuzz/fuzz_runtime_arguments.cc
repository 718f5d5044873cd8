// Command lines of a runtime, one argument a line: whatever they are, what is found in them is a
// part of them.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <vector>

#include "plugin/base/text.h"
#include "plugin/oci/runtime_arguments.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace pinscope;
  const std::string text(reinterpret_cast<const char*>(data), size);
  std::vector<std::string> arguments;
  for (const auto line : split(text, '\n')) arguments.emplace_back(line);
  for (const auto style : {oci::OptionStyle::kGo, oci::OptionStyle::kArgp}) {
    const auto parsed = oci::parse_runtime_arguments(arguments, style);
    const auto is_part = [&](const std::string& found) {
      return found.empty() || text.find(found) != std::string::npos;
    };
    if (!is_part(parsed.command) || !is_part(parsed.id) || !is_part(parsed.log)) std::abort();
    if (parsed.bundle != "." && !is_part(parsed.bundle)) std::abort();
    if (parsed.config != "config.json" && !is_part(parsed.config)) std::abort();
    if (parsed.command.empty() && (parsed.bundle != "." || !parsed.id.empty())) std::abort();
  }
  return 0;
}
