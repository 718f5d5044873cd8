#include "plugin/metrics/serve/http.h"

#include <algorithm>
#include <cctype>
#include <charconv>

#include "plugin/base/text.h"
#include "plugin/metrics/serve/address.h"

namespace pinscope::metrics {
namespace {

constexpr std::string_view kEndOfHeader = "\r\n\r\n";
constexpr std::string_view kMetricsPath = "/metrics";
constexpr const char* kPlain = "text/plain; charset=utf-8";

std::unexpected<Error> bad(std::string reason) {
  return std::unexpected(Error(ErrorCode::kProtocol, "read a request").reason(std::move(reason)));
}

bool is_same(std::string_view left, std::string_view right) {
  return std::ranges::equal(left, right, [](unsigned char a, unsigned char b) {
    return std::tolower(a) == std::tolower(b);
  });
}

std::string answer(std::string_view status, std::string_view type, std::string_view body,
                   bool with_body, std::string_view more_headers = "") {
  std::string text = "HTTP/1.1 ";
  text += status;
  text += "\r\nContent-Type: ";
  text += type;
  text += "\r\nContent-Length: " + std::to_string(body.size());
  text += "\r\nX-Content-Type-Options: nosniff\r\nCache-Control: no-store\r\n";
  text += more_headers;
  text += "Connection: close\r\n\r\n";
  if (with_body) text += body;
  return text;
}

std::string refusal(std::string_view status, std::string_view why,
                    std::string_view more_headers = "") {
  return answer(status, kPlain, std::string(why) + "\n", true, more_headers);
}

// "GET /metrics HTTP/1.1".
Status read_first_line(std::string_view line, Request& request) {
  const auto words = split(line, ' ');
  if (words.size() != 3 || words[0].empty() || !words[1].starts_with('/') ||
      !words[2].starts_with("HTTP/1."))
    return bad("the first line is " + quoted(line.substr(0, 100)));
  request.method = words[0];
  request.path = words[1].substr(0, words[1].find('?'));
  return {};
}

Status read_header(std::string_view line, Request& request) {
  const size_t colon = line.find(':');
  if (colon == 0 || colon == std::string_view::npos || line.starts_with(' ') ||
      line.starts_with('\t'))
    return bad("a line of the header is " + quoted(line.substr(0, 100)));
  const std::string_view name = line.substr(0, colon);
  const std::string_view value = trimmed(line.substr(colon + 1));
  if (is_same(name, "Host")) {
    if (!request.host.empty()) return bad("it names two hosts");
    request.host = value;
  }
  if (is_same(name, "Accept")) {
    if (!request.accept.empty()) request.accept += ',';
    request.accept += value;
  }
  const bool is_length = is_same(name, "Content-Length");
  if (is_same(name, "Transfer-Encoding") || (is_length && value != "0"))
    return bad("it has a body");
  return {};
}

// The "q" of one of the types of Accept, from 0 to 1.
double quality_of(const std::vector<std::string_view>& parameters) {
  for (size_t i = 1; i < parameters.size(); ++i) {
    std::string_view parameter = trimmed(parameters[i]);
    if (!parameter.starts_with("q=")) continue;
    parameter.remove_prefix(2);
    double quality = 0;
    const auto read = std::from_chars(parameter.begin(), parameter.end(), quality);
    return read.ec == std::errc() ? quality : 0;
  }
  return 1;
}

// "127.0.0.1:9750", "localhost", "[::1]".
bool is_loopback_host(std::string_view host) {
  if (const size_t colon = host.rfind(':'); colon != std::string_view::npos &&
                                            host.find(']', colon) == std::string_view::npos &&
                                            (host.starts_with('[') || host.find(':') == colon))
    host = host.substr(0, colon);
  if (host.starts_with('[') && host.ends_with(']')) host = host.substr(1, host.size() - 2);
  return is_same(host, "localhost") || is_loopback_address(std::string(host));
}

}  // namespace

Result<std::optional<Request>> read_request(std::string_view bytes) {
  const size_t end = bytes.find(kEndOfHeader);
  if (std::min(end, bytes.size()) > kLongestRequest) return bad("it is too long");
  if (end == std::string_view::npos) return std::nullopt;
  Request request;
  bool is_first = true;
  for (std::string_view line : split(bytes.substr(0, end), '\n')) {
    if (line.ends_with('\r')) line.remove_suffix(1);
    PINSCOPE_CHECK(is_first ? read_first_line(line, request) : read_header(line, request));
    is_first = false;
  }
  return request;
}

Text wanted_text(std::string_view accept) {
  double open_metrics = 0;
  double plain = 0;
  for (const auto type : split(accept, ',')) {
    const auto parts = split(type, ';');
    const std::string_view name = trimmed(parts.front());
    double* const quality = is_same(name, "application/openmetrics-text") ? &open_metrics
                            : is_same(name, "text/plain")                 ? &plain
                                                                          : nullptr;
    if (quality != nullptr) *quality = std::max(*quality, quality_of(parts));
  }
  return open_metrics > plain ? Text::kOpenMetrics : Text::kPrometheus;
}

std::optional<std::string> refusal_of(const Request& request, HostRule rule) {
  if (rule == HostRule::kLoopback && !is_loopback_host(request.host))
    return refusal("403 Forbidden", "the request names a host that is not this one");
  if (request.path != kMetricsPath) return refusal("404 Not Found", "there is /metrics alone");
  if (request.method != "GET" && request.method != "HEAD")
    return refusal("405 Method Not Allowed", "metrics are read with GET", "Allow: GET, HEAD\r\n");
  return std::nullopt;
}

std::string answer_with(std::string_view body, Text text, bool with_body) {
  return answer("200 OK",
                text == Text::kOpenMetrics
                    ? "application/openmetrics-text; version=1.0.0; charset=utf-8"
                    : "text/plain; version=0.0.4; charset=utf-8",
                body, with_body);
}

std::string answer_bad_request() {
  return refusal("400 Bad Request", "this is no request for metrics");
}

std::string answer_unavailable() {
  return refusal("503 Service Unavailable", "the metrics could not be taken; the log says why");
}

}  // namespace pinscope::metrics
