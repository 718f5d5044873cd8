#include "plugin/daemon/values.h"

#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "plugin/base/text.h"
#include "plugin/daemon/confine.h"
#include "plugin/daemon/notify.h"
#include "plugin/daemon/set_aside.h"
#include "plugin/daemon/spawn.h"
#include "plugin/daemon/status_socket.h"
#include "plugin/daemon/values_worker.h"
#include "plugin/host/unix_socket.h"
#include "plugin/kernel/process/process.h"
#include "plugin/model/values_status.h"
#include "plugin/values/hold/message.h"

namespace pinscope::daemon {
namespace {

using Clock = std::chrono::steady_clock;
using Time = Clock::time_point;
using hold::Kind;
using std::chrono::milliseconds;

constexpr milliseconds kFirstPause{100};
constexpr milliseconds kLongestPause{10'000};
constexpr milliseconds kLivedLong{30'000};  // after which the next pause is the first again
constexpr milliseconds kHolderPause{200};   // between two looks for a holder
constexpr milliseconds kTimeToConnect{1000};
constexpr milliseconds kPace{10'000};   // between two questions whether the worker is well
constexpr milliseconds kHangs{15'000};  // without an answer
constexpr milliseconds kTimeToStatus{2000};
constexpr milliseconds kTimeToEnd{3000};
constexpr size_t kLongestStatus = size_t{8} << 20;  // bytes

// A pause that doubles each time.
class Pause {
 public:
  milliseconds next() { return std::exchange(pause_, std::min(pause_ * 2, kLongestPause)); }
  void reset() { pause_ = kFirstPause; }

 private:
  milliseconds pause_ = kFirstPause;
};

class Supervisor {
 public:
  Supervisor(const Options& options, const Log& log, StatusSocket& status, const std::string& root,
             int stop_fd)
      : options_(options), log_(log), status_(status), root_(root), stop_fd_(stop_fd) {}

  Status run() {
    for (;;) {
      look_after_worker();
      look_after_holder();
      ask();
      PINSCOPE_TRY(const bool goes_on, wait());
      if (!goes_on) break;
    }
    end_worker();
    return {};
  }

 private:
  struct Worker {
    Spawned process;
    Fd socket;
    Time since;
    Fd requests = Fd();  // its memory for them, that says what it is busy with
  };

  Result<bool> wait() {
    std::vector<struct pollfd> fds = {{stop_fd_, POLLIN, 0},
                                      {worker_ ? worker_->socket.get() : -1, POLLIN, 0},
                                      {worker_ ? worker_->process.pidfd.get() : -1, POLLIN, 0},
                                      {holder_ ? holder_->pidfd.get() : -1, POLLIN, 0}};
    const size_t before = fds.size();
    status_.add_to(fds);
    const int ready = ::poll(fds.data(), fds.size(), time_left());
    if (ready < 0 && errno != EINTR)
      return std::unexpected(Error::system("wait for the service of values", errno));
    if (ready > 0 && fds[0].revents != 0) return false;
    if (ready > 0 && fds[1].revents != 0) hear();
    if (ready > 0) status_.serve(fds.data() + before);
    return true;
  }

  [[nodiscard]] int time_left() const {
    const int clients = status_.expire();
    Time next = asked_ ? *asked_ + kHangs : ask_at_;
    if (!worker_) next = start_at_;
    if (worker_ && wants_holder_) next = std::min(next, holder_at_);
    if (status_.is_asked()) next = std::min(next, Clock::now() + kTimeToStatus);
    const auto left = std::chrono::ceil<milliseconds>(next - Clock::now()).count();
    const int ours = static_cast<int>(std::clamp<int64_t>(left, 0, kPace.count()));
    return clients < 0 ? ours : std::min(ours, std::max(clients, 0));
  }

  void look_after_worker() {
    std::string how;
    // What it said last says where its mark is.
    if (worker_ && has_ended(worker_->process)) hear();
    if (worker_ && reap(worker_->process, how)) {
      if (Clock::now() - worker_->since > kLivedLong) pause_.reset();
      start_at_ = Clock::now() + pause_.next();
      const uint64_t lease = set_aside_.note_end(worker_->requests.get());
      if (lease != 0) how += ", over lease " + std::to_string(lease);
      log_.write(Severity::kError, "the process that serves values has ended (" + how + ")");
      worker_.reset();
    }
    if (worker_ && asked_ && Clock::now() - *asked_ > kHangs) {
      log_.write(Severity::kError, "the process that serves values does not answer");
      (void)::kill(worker_->process.pid, SIGKILL);
      asked_.reset();
    }
    if (!worker_ && Clock::now() >= start_at_) start_worker();
  }

  Result<Worker> make_worker() {
    int ends[2];
    if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0)
      return std::unexpected(Error::system("make a socket", errno));
    Fd ours(ends[0]);
    const Fd its(ends[1]);
    PINSCOPE_TRY(auto started, spawn_self({kWorkerWord, root_}, its.get(), false));
    return Worker{std::move(started), std::move(ours), Clock::now()};
  }

  void start_worker() {
    auto made = make_worker();
    if (!made) {
      start_at_ = Clock::now() + pause_.next();
      return log_.write(Severity::kError, made.error().sentence());
    }
    worker_ = *std::move(made);
    set_aside_.tell(worker_->socket.get());
    wants_holder_ = true;
    holder_at_ = {};
    asked_.reset();
    ask_at_ = Clock::now() + pace();
  }

  void look_after_holder() {
    std::string how;
    if (holder_ && reap(*holder_, how)) {
      log_.write(Severity::kError, "the holder has ended (" + how + ")");
      holder_.reset();
    }
    if (!worker_ || !wants_holder_ || Clock::now() < holder_at_) return;
    holder_at_ = Clock::now() + kHolderPause;
    const std::string path = hold::socket_path(options_.hook.state_directory);
    auto connection = connect_to_socket(path, SOCK_SEQPACKET, kTimeToConnect);
    if (!connection) {
      tell_once(connection.error());
      if (options_.start_holder && !holder_) start_holder();
      return;
    }
    const int descriptor[] = {connection->get()};
    wants_holder_ = hold::send_now(worker_->socket.get(), {.kind = Kind::kHolder}, descriptor) != 0;
  }

  void start_holder() {
    auto started = spawn_self({"--hold", "--state-dir", options_.hook.state_directory}, -1, true);
    if (!started) return tell_once(started.error());
    holder_ = *std::move(started);
  }

  void tell_once(const Error& error) {
    std::string sentence = error.sentence();
    if (sentence == last_) return;
    log_.write(Severity::kWarning, sentence);
    last_ = std::move(sentence);
  }

  [[nodiscard]] milliseconds pace() const {
    return std::min(manager_.pace().value_or(kPace), kPace);
  }

  // Whoever wants to know the status makes us ask; so does time, to see that the worker is well.
  void ask() {
    if (!worker_ || status_.waited() > kTimeToStatus) give_status("");
    const bool is_time = status_.is_asked() || Clock::now() >= ask_at_;
    if (!worker_ || asked_ || !is_time) return;
    if (hold::send_now(worker_->socket.get(), {.kind = Kind::kStatus}) != 0) return;
    asked_ = Clock::now();
    ask_at_ = *asked_ + pace();
  }

  void give_status(std::string text) {
    if (!status_.is_asked()) return;
    if (text.empty()) text = to_json(model::ValuesStatus{});
    status_.answer(std::make_shared<const std::string>(std::move(text)));
  }

  void hear() {
    for (;;) {
      auto received = hold::receive_now(worker_->socket.get());
      if (!received) {
        // Whoever says what cannot be understood is not ours any more; its end is seen elsewhere.
        if (received.error().errnum() != EAGAIN) (void)::kill(worker_->process.pid, SIGKILL);
        if (received.error().errnum() != EAGAIN) worker_->socket.reset();
        return;
      }
      const hold::Message& message = received->message;
      if (message.kind == Kind::kServing) {
        if (received->descriptors.size() == 1)
          worker_->requests = std::move(received->descriptors.front());
        hear_serving(message.error);
      }
      if (message.kind == Kind::kHolderGone) lose_holder();
      if (message.kind == Kind::kStatus && received->descriptors.size() == 1)
        hear_status(received->descriptors.front().get());
    }
  }

  void lose_holder() {
    wants_holder_ = true;
    holder_at_ = {};
  }

  void hear_serving(int errnum) {
    if (errnum == 0) {
      last_.clear();
      manager_.tell("READY=1");
      return log_.write(Severity::kInfo, "serving values");
    }
    wants_holder_ = true;
    holder_at_ = Clock::now() + kLongestPause / 10;
    tell_once(Error::system("use the holder of values", errnum, ErrorCode::kHolder));
  }

  // The worker is not trusted: it may make the text short, long or false, but holds nobody up.
  void hear_status(int file) {
    asked_.reset();
    manager_.tell("WATCHDOG=1");
    struct stat status {};
    if (!status_.is_asked() || ::fstat(file, &status) != 0 || status.st_size < 0 ||
        static_cast<size_t>(status.st_size) > kLongestStatus)
      return;
    std::string text(static_cast<size_t>(status.st_size), '\0');
    const ssize_t count = ::pread(file, text.data(), text.size(), 0);
    text.resize(static_cast<size_t>(std::max<ssize_t>(count, 0)));
    give_status(std::move(text));
  }

  void end_worker() {
    if (!worker_) return;
    worker_->socket.reset();
    struct pollfd one = {worker_->process.pidfd.get(), POLLIN, 0};
    if (::poll(&one, 1, static_cast<int>(kTimeToEnd.count())) != 1)
      (void)::kill(worker_->process.pid, SIGKILL);
    (void)::poll(&one, 1, -1);
    std::string how;
    (void)reap(worker_->process, how);
  }

  const Options& options_;
  const Log& log_;
  StatusSocket& status_;
  const std::string& root_;
  const int stop_fd_;
  const Notifier manager_;
  std::optional<Worker> worker_;
  SetAside set_aside_;
  Pause pause_;
  Time start_at_;                  // of the next worker
  std::optional<Spawned> holder_;  // that was started here
  bool wants_holder_ = false;      // the worker has none
  Time holder_at_;                 // of the next look for one
  std::optional<Time> asked_;      // since when the worker owes us its status
  Time ask_at_;
  std::string last_;  // that was logged of what is tried again and again
};

class Values : public Part {
 public:
  Values(const Options& options, const Log& log, StatusSocket status, std::string root)
      : options_(options), log_(log), status_(std::move(status)), root_(std::move(root)) {}

  Status run(int stop_fd) override {
    return Supervisor(options_, log_, status_, root_, stop_fd).run();
  }

 private:
  const Options& options_;
  const Log& log_;
  StatusSocket status_;
  const std::string root_;  // an empty directory
};

}  // namespace

Result<std::unique_ptr<Part>> open_values(const Options& options, const Log& log) {
  PINSCOPE_TRY(std::string root, make_empty_root(options.hook.state_directory));
  PINSCOPE_TRY(auto status,
               StatusSocket::open(model::values_status_path(options.hook.state_directory)));
  return std::make_unique<Values>(options, log, std::move(status), std::move(root));
}

}  // namespace pinscope::daemon
