#include "plugin/health/docker_info.h"

#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>

#include <string_view>

#include "plugin/base/fd.h"
#include "plugin/json/json.h"

namespace pinscope::health {
namespace {

constexpr std::string_view kQuestion = "GET /info HTTP/1.0\r\nHost: docker\r\n\r\n";
constexpr size_t kMaxAnswer = size_t{1} << 20;  // bytes
constexpr int kMaxParts = 256;
constexpr struct timeval kTimeout = {2, 0};  // for each part

// Everything that the server says until it closes the connection; empty if it says nothing.
std::string answer_of(const std::string& path) {
  struct sockaddr_un address {};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof address.sun_path) return "";
  path.copy(address.sun_path, path.size());
  const Fd socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (!socket.valid()) return "";
  for (const int option : {SO_RCVTIMEO, SO_SNDTIMEO})
    ::setsockopt(socket.get(), SOL_SOCKET, option, &kTimeout, sizeof kTimeout);
  if (::connect(socket.get(), reinterpret_cast<struct sockaddr*>(&address), sizeof address) != 0 ||
      ::send(socket.get(), kQuestion.data(), kQuestion.size(), MSG_NOSIGNAL) !=
          static_cast<ssize_t>(kQuestion.size()))
    return "";
  std::string answer;
  for (int part = 0; part < kMaxParts && answer.size() < kMaxAnswer; ++part) {
    char buffer[16384];
    const ssize_t count = ::recv(socket.get(), buffer, sizeof buffer, 0);
    if (count == 0) return answer;
    if (count < 0) break;
    answer.append(buffer, static_cast<size_t>(count));
  }
  return "";
}

Result<DockerInfo> parse(std::string json) {
  DockerInfo info;
  PINSCOPE_TRY(const auto document,
               JsonDocument::parse(std::move(json), "docker info", ErrorCode::kSystem));
  PINSCOPE_TRY(const auto runtimes, document.root().find("Runtimes"));
  if (runtimes) {
    PINSCOPE_TRY(const auto ours, runtimes->find("pinscope"));
    info.knows_pinscope = ours.has_value();
  }
  PINSCOPE_TRY(info.default_runtime, document.root().string_or("DefaultRuntime", ""));
  return info;
}

}  // namespace

std::optional<DockerInfo> docker_info(const std::string& socket) {
  const std::string answer = answer_of(socket);
  const size_t body = answer.find("\r\n\r\n");
  if (body == std::string::npos || !answer.starts_with("HTTP/1.") || answer.substr(8, 5) != " 200 ")
    return std::nullopt;
  const auto info = parse(answer.substr(body + 4));
  return info ? std::optional<DockerInfo>(*info) : std::nullopt;
}

}  // namespace pinscope::health
