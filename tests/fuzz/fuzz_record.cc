// A record on disk. What is read can be written and read again, and is then the same text.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>

#include "plugin/record/record_json.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using pinscope::record::from_json;
  using pinscope::record::to_json;
  const auto record =
      from_json(std::string(reinterpret_cast<const char*>(data), size), "fuzz.json");
  if (!record) {
    const std::string sentence = record.error().sentence();
    if (sentence.empty() || sentence.find('\n') != std::string::npos) std::abort();
    return 0;
  }
  const std::string text = to_json(*record);
  const auto again = from_json(text, "fuzz.json");
  if (!again || to_json(*again) != text) std::abort();
  return 0;
}
