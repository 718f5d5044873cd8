#include "plugin/nri/plugin.h"

#include <poll.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <random>

#include "plugin/base/text.h"
#include "plugin/nri/conversation.h"
#include "plugin/nri/transport.h"

namespace pinscope::nri {
namespace {

using std::chrono::milliseconds;

constexpr const char* kEnded = "the runtime ended the connection";

enum class Woken { kStop, kSocket, kTime };

// Waits for the socket (may be -1), for `stop`, or until `until`.
Woken wait_for(int socket, int events, int stop, std::optional<Time> until) {
  std::array<struct pollfd, 2> fds = {{{socket, static_cast<short>(events), 0}, {stop, POLLIN, 0}}};
  int timeout = -1;
  if (until) {
    // Rounded up: waking early would mean to wait once more for nothing.
    const auto left = std::chrono::ceil<milliseconds>(*until - Clock::now()).count();
    timeout = static_cast<int>(std::clamp<int64_t>(left, 0, 3'600'000));
  }
  const int ready = ::poll(fds.data(), fds.size(), timeout);
  if (ready > 0 && fds[1].revents != 0) return Woken::kStop;
  return ready > 0 ? Woken::kSocket : Woken::kTime;
}

// The conversation over one socket.
class Connection {
 public:
  Connection(Plugin& plugin, const RunOptions& options, Fd socket)
      : socket_(std::move(socket)),
        stop_fd_(options.stop_fd),
        conversation_(options.identity, plugin, Clock::now()) {}

  enum class End { kStopped, kByRuntime };

  Result<End> run() {
    for (;;) {
      PINSCOPE_TRY(const bool alive, write());
      if (!alive) return End::kByRuntime;
      // Answered one by one, so that the first answer does not wait for the last.
      if (conversation_.answer_next()) continue;
      const int events = (conversation_.has_room() ? POLLIN : 0) |
                         (conversation_.outgoing().empty() ? 0 : POLLOUT);
      if (wait_for(socket_.get(), events, stop_fd_, conversation_.deadline()) == Woken::kStop)
        return End::kStopped;
      PINSCOPE_TRY(const bool more, read());
      if (!more) return End::kByRuntime;
      // Last, so that time which a handler took is not held against the runtime.
      PINSCOPE_CHECK(conversation_.check(Clock::now()));
    }
  }

  [[nodiscard]] bool established() const { return conversation_.established(); }

 private:
  Result<bool> write() {
    PINSCOPE_TRY(const Moved moved, conversation_.outgoing().empty()
                                        ? Result<Moved>(Moved{})
                                        : write_some(socket_.get(), conversation_.outgoing()));
    conversation_.sent(moved.bytes, Clock::now());
    return !moved.ended;
  }

  // False at the end. Whatever the runtime left in the socket has been read by then.
  Result<bool> read() {
    while (conversation_.has_room()) {
      PINSCOPE_TRY(const Moved moved, read_some(socket_.get(), buffer_));
      if (moved.ended) return ended();
      if (moved.bytes == 0) return true;
      PINSCOPE_CHECK(
          conversation_.receive(std::string_view(buffer_.data(), moved.bytes), Clock::now()));
      if (moved.bytes < buffer_.size()) return true;
    }
    return true;
  }

  Result<bool> ended() {
    if (conversation_.inside_message())
      return std::unexpected(Error(ErrorCode::kProtocol, "read a message of the runtime")
                                 .reason("the connection ended in the middle of it"));
    return false;
  }

  Fd socket_;
  int stop_fd_;
  Conversation conversation_;
  std::vector<char> buffer_ = std::vector<char>(64U << 10);
};

milliseconds jittered(milliseconds wait, std::minstd_rand& random) {
  const auto quarter = wait.count() / 4;
  return wait + milliseconds(std::uniform_int_distribution<int64_t>(-quarter, quarter)(random));
}

Status run_once(Plugin& plugin, RunOptions& options) {
  PINSCOPE_CHECK(prepare(options.connection.get()));
  Connection connection(plugin, options, std::move(options.connection));
  PINSCOPE_TRY(const auto end, connection.run());
  if (end == Connection::End::kByRuntime) plugin.disconnected(kEnded);
  return {};
}

Status run_again_and_again(Plugin& plugin, const RunOptions& options) {
  std::minstd_rand random(std::random_device{}());
  milliseconds wait = options.first_wait;
  std::string reported;
  for (;;) {
    std::string why;
    if (auto socket = connect_to(options.socket_path); socket) {
      Connection connection(plugin, options, *std::move(socket));
      const auto end = connection.run();
      if (end && *end == Connection::End::kStopped) return {};
      why = end ? kEnded : end.error().sentence();
      if (connection.established()) {
        wait = options.first_wait;
        reported.clear();
      }
    } else {
      why = socket.error().sentence();
    }
    // A runtime that is not there is worth one line, not one for each attempt.
    if (why != reported) plugin.disconnected(why);
    reported = std::move(why);
    const Time until = Clock::now() + jittered(wait, random);
    while (Clock::now() < until)
      if (wait_for(-1, 0, options.stop_fd, until) == Woken::kStop) return {};
    wait = std::min(wait * 2, options.longest_wait);
  }
}

}  // namespace

Status check_identity(const Identity& identity) {
  const auto refuse = [&](const char* why) -> Status {
    return std::unexpected(
        Error(ErrorCode::kUsage,
              "call an NRI plugin " + quoted(identity.index + "-" + identity.name))
            .reason(why));
  };
  const auto is_digit = [](char c) { return c >= '0' && c <= '9'; };
  if (identity.index.size() != 2 || !std::ranges::all_of(identity.index, is_digit))
    return refuse("an index is two digits");
  const auto fits = [&](char c) {
    return is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
           std::string_view("_.+-").find(c) != std::string_view::npos;
  };
  if (identity.name.empty() || !std::ranges::all_of(identity.name, fits))
    return refuse("a name is letters, digits and _ . + -");
  return {};
}

Status run(Plugin& plugin, RunOptions options) {
  PINSCOPE_CHECK(check_identity(options.identity));
  if (options.connection.valid()) return run_once(plugin, options);
  return run_again_and_again(plugin, options);
}

Result<std::optional<Preinstalled>> preinstalled(
    const std::function<const char*(const char*)>& environment) {
  const auto value = [&](const char* name) {
    const char* text = environment(name);
    return std::string(text == nullptr ? "" : text);
  };
  const std::string name = value("NRI_PLUGIN_NAME");
  const std::string index = value("NRI_PLUGIN_IDX");
  const std::string socket = value("NRI_PLUGIN_SOCKET");
  if (name.empty() && index.empty() && socket.empty()) return std::nullopt;
  const auto number = parse_unsigned(socket);
  if (!number || *number < 3 || *number > 1'000'000)
    return std::unexpected(
        Error(ErrorCode::kProtocol, "take over the socket of the NRI runtime")
            .reason("NRI_PLUGIN_SOCKET is " + quoted(socket) + ", a descriptor was expected"));
  Preinstalled plugin;
  plugin.identity = {name, index};
  PINSCOPE_CHECK(check_identity(plugin.identity));
  PINSCOPE_CHECK(prepare(static_cast<int>(*number)));
  plugin.connection = Fd(static_cast<int>(*number));
  return plugin;
}

}  // namespace pinscope::nri
