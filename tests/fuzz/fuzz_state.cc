// The state JSON on a hook's stdin. What parses must hold what its header promises.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>

#include "plugin/model/container.h"
#include "plugin/oci/state.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const auto state =
      pinscope::oci::parse_state(std::string(reinterpret_cast<const char*>(data), size));
  if (!state) {
    const std::string sentence = state.error().sentence();
    if (sentence.empty() || sentence.find('\n') != std::string::npos) std::abort();
    return 0;
  }
  if (!pinscope::model::is_container_id(state->id) || !state->bundle.starts_with('/') ||
      state->pid < 0)
    std::abort();
  return 0;
}
