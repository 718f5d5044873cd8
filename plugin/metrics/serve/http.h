// As much of HTTP/1.1 as a scraper speaks (RFC 9112): one GET for each connection, no body. Pure:
// bytes in, an answer out.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include "plugin/base/result.h"

namespace pinscope::metrics {

// Bytes up to the end of the header; more is refused.
inline constexpr size_t kLongestRequest = size_t{16} << 10;

struct Request {
  std::string method;
  std::string path;  // without what is behind a question mark
  std::string host;  // empty: it says none
  std::string accept;
};

// Nothing: its end is not there yet. An error (kProtocol): this will never be a request.
Result<std::optional<Request>> read_request(std::string_view bytes);

enum class Text { kPrometheus, kOpenMetrics };

// Which of the two texts is asked for; kPrometheus if both are as good.
Text wanted_text(std::string_view accept);

// Over TCP, the request must name a host of the loopback: a page in a browser that has its own name
// lead there could read the metrics otherwise.
enum class HostRule { kAny, kLoopback };

// Why it gets no metrics, as a whole answer; nothing if it does.
std::optional<std::string> refusal_of(const Request& request, HostRule rule);

// Answers, whole, after which the connection ends. `with_body`: not for HEAD.
std::string answer_with(std::string_view body, Text text, bool with_body);
std::string answer_bad_request();
std::string answer_unavailable();

}  // namespace pinscope::metrics
