// What a client of the metrics' server sends, whole and in its beginnings.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "plugin/metrics/serve/http.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace pinscope::metrics;
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  const auto request = read_request(bytes);
  if (!request) {
    const std::string sentence = request.error().sentence();
    if (sentence.empty() || sentence.find('\n') != std::string::npos) std::abort();
    return 0;
  }
  if (!*request) {
    if (size > kLongestRequest) std::abort();
    return 0;
  }
  (void)wanted_text((*request)->accept);
  for (const auto rule : {HostRule::kAny, HostRule::kLoopback})
    if (const auto refused = refusal_of(**request, rule))
      if (!refused->starts_with("HTTP/1.1 4")) std::abort();
  if (!refusal_of(**request, HostRule::kLoopback) && (*request)->path != "/metrics") std::abort();
  return 0;
}
