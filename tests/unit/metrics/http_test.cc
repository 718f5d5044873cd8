#include "plugin/metrics/serve/http.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "plugin/metrics/serve/address.h"

namespace pinscope::metrics {
namespace {

using testing::EndsWith;
using testing::HasSubstr;
using testing::StartsWith;

Request request_of(const std::string& lines) {
  const auto request = read_request(lines + "\r\n\r\n");
  EXPECT_TRUE(request.has_value() && request->has_value()) << lines;
  return request && *request ? **request : Request();
}

TEST(HttpRequest, IsReadFromItsHeader) {
  const auto request = request_of(
      "GET /metrics?name[]=x HTTP/1.1\r\nhost: 127.0.0.1:9750\r\nACCEPT: a\r\nAccept: b\r\n"
      "User-Agent: Prometheus/2.42.0");
  EXPECT_EQ(request.method, "GET");
  EXPECT_EQ(request.path, "/metrics");
  EXPECT_EQ(request.host, "127.0.0.1:9750");
  EXPECT_EQ(request.accept, "a,b");
}

TEST(HttpRequest, IsWaitedForUntilItsEnd) {
  const std::string whole = "GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n";
  for (size_t i = 0; i < whole.size(); ++i) {
    const auto request = read_request(whole.substr(0, i));
    ASSERT_TRUE(request.has_value()) << i;
    EXPECT_FALSE(request->has_value()) << i;
  }
}

TEST(HttpRequest, IsRefusedWhenItCannotBecomeOne) {
  for (const char* lines :
       {"", "GET", "GET /metrics", "GET  /metrics HTTP/1.1", "GET /metrics HTTP/2",
        "GET http://x/metrics HTTP/1.1", "GET /metrics HTTP/1.1\r\nno colon",
        "GET /metrics HTTP/1.1\r\n: no name", "GET /metrics HTTP/1.1\r\nA: b\r\n folded: c",
        "GET /metrics HTTP/1.1\r\nHost: a\r\nHost: b", "GET /metrics HTTP/1.1\r\nContent-Length: 5",
        "GET /metrics HTTP/1.1\r\nTransfer-Encoding: chunked", "\x16\x03\x01"})
    EXPECT_FALSE(read_request(std::string(lines) + "\r\n\r\n").has_value()) << lines;
}

TEST(HttpRequest, HasAMaximum) {
  const std::string head = "GET /metrics HTTP/1.1\r\nA: ";
  EXPECT_TRUE(read_request(head + std::string(kLongestRequest - head.size(), 'x')).has_value());
  EXPECT_FALSE(read_request(head + std::string(kLongestRequest, 'x')).has_value());
  EXPECT_FALSE(read_request(head + std::string(kLongestRequest, 'x') + "\r\n\r\n").has_value());
}

TEST(HttpAccept, ChoosesTheTextThatIsPreferred) {
  EXPECT_EQ(wanted_text(""), Text::kPrometheus);
  EXPECT_EQ(wanted_text("*/*"), Text::kPrometheus);
  EXPECT_EQ(wanted_text("application/openmetrics-text;version=1.0.0,"
                        "application/openmetrics-text;version=0.0.1;q=0.75,"
                        "text/plain;version=0.0.4;q=0.5,*/*;q=0.1"),
            Text::kOpenMetrics);
  EXPECT_EQ(wanted_text("text/plain, application/openmetrics-text; q=0.5"), Text::kPrometheus);
  EXPECT_EQ(wanted_text("application/openmetrics-text;q=0"), Text::kPrometheus);
  EXPECT_EQ(wanted_text("application/openmetrics-text;q=x"), Text::kPrometheus);
  EXPECT_EQ(wanted_text("text/html;,;;q=,"), Text::kPrometheus);
}

TEST(HttpAnswer, RefusesWhatIsNotForMetrics) {
  const auto status = [](Request request, HostRule rule = HostRule::kAny) {
    return refusal_of(request, rule).value_or("none").substr(0, 12);
  };
  EXPECT_EQ(status({"GET", "/metrics", "", ""}), "none");
  EXPECT_EQ(status({"HEAD", "/metrics", "", ""}), "none");
  EXPECT_EQ(status({"POST", "/metrics", "", ""}), "HTTP/1.1 405");
  EXPECT_EQ(status({"GET", "/", "", ""}), "HTTP/1.1 404");
  EXPECT_EQ(status({"GET", "/metrics/../etc/passwd", "", ""}), "HTTP/1.1 404");
}

// A page whose name leads to 127.0.0.1 would be read by its visitor's browser otherwise.
TEST(HttpAnswer, RefusesAnotherHostsNameOnTheLoopback) {
  for (const char* host : {"127.0.0.1:9750", "127.0.0.1", "localhost", "LOCALHOST:1", "[::1]:9750",
                           "[::1]", "127.1.2.3:80"})
    EXPECT_FALSE(refusal_of({"GET", "/metrics", host, ""}, HostRule::kLoopback)) << host;
  for (const char* host : {"", "example.org", "example.org:9750", "localhost.example.org",
                           "127.0.0.1.example.org", "10.0.0.1:9750", "[::2]:9750", "[", ":"})
    EXPECT_THAT(refusal_of({"GET", "/metrics", host, ""}, HostRule::kLoopback).value_or("none"),
                StartsWith("HTTP/1.1 403"))
        << host;
  EXPECT_FALSE(refusal_of({"GET", "/metrics", "example.org", ""}, HostRule::kAny));
}

TEST(HttpAnswer, SaysWhichTextItIs) {
  const auto prometheus = answer_with("abc\n", Text::kPrometheus, true);
  EXPECT_THAT(prometheus, StartsWith("HTTP/1.1 200 OK\r\n"));
  EXPECT_THAT(prometheus,
              HasSubstr("\r\nContent-Type: text/plain; version=0.0.4; charset=utf-8\r\n"));
  EXPECT_THAT(prometheus, HasSubstr("\r\nContent-Length: 4\r\n"));
  EXPECT_THAT(prometheus, EndsWith("\r\nConnection: close\r\n\r\nabc\n"));
  EXPECT_THAT(answer_with("", Text::kOpenMetrics, true),
              HasSubstr("\r\nContent-Type: application/openmetrics-text; version=1.0.0; "
                        "charset=utf-8\r\n"));
  EXPECT_THAT(answer_with("abc\n", Text::kPrometheus, false), EndsWith("\r\n\r\n"));
}

TEST(MetricsAddress, IsASocketOrTheLoopback) {
  EXPECT_EQ(parse_address("unix:/run/x/socket")->path, "/run/x/socket");
  EXPECT_EQ(parse_address("127.0.0.1:9750")->host, "127.0.0.1");
  EXPECT_EQ(parse_address("127.0.0.1:9750")->port, 9750);
  EXPECT_EQ(parse_address("[::1]:65535")->host, "::1");
}

TEST(MetricsAddress, IsNoOther) {
  const auto refusal = [](const std::string& text) {
    const auto address = parse_address(text);
    return address ? "accepted" : address.error().sentence();
  };
  for (const char* text :
       {"0.0.0.0:9750", "[::]:9750", "192.168.1.1:9750", "[fe80::1]:9750", ":9750", "::1:9750",
        "[127.0.0.1]:9750", "[::ffff:127.0.0.1]:9750", "127.1:9750"})
    EXPECT_EQ(refusal(text),
              "cannot serve metrics at \"" + std::string(text) +
                  "\": it is no address of the loopback, and whoever reaches another one could "
                  "read them (say unix:PATH, 127.0.0.1:PORT or [::1]:PORT)");
  for (const char* text : {"127.0.0.1:0", "127.0.0.1:65536", "127.0.0.1:", "127.0.0.1:x"})
    EXPECT_THAT(refusal(text), HasSubstr("the port is not between 1 and 65535")) << text;
  EXPECT_THAT(refusal("9750"), HasSubstr("it names no port"));
  EXPECT_THAT(refusal("localhost:9750"), HasSubstr("write 127.0.0.1:9750 ("));
  EXPECT_THAT(refusal("/run/x.sock"), HasSubstr("write unix:/run/x.sock ("));
  for (const char* text : {"unix:run/x", "unix:", "unix:/run/x/"})
    EXPECT_THAT(refusal(text), HasSubstr("the socket's path is not absolute")) << text;
}

}  // namespace
}  // namespace pinscope::metrics
