#include "plugin/daemon/follow.h"

#include <poll.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <future>
#include <iterator>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "plugin/base/clock.h"
#include "plugin/base/text.h"
#include "plugin/daemon/apply_answer.h"
#include "plugin/daemon/notify.h"
#include "plugin/daemon/run_pinscope.h"
#include "plugin/daemon/status_socket.h"
#include "plugin/follow/follower.h"
#include "plugin/model/follow_status.h"

namespace pinscope::daemon {
namespace {

using Clock = std::chrono::steady_clock;
using Time = Clock::time_point;
using std::chrono::milliseconds;

// Containers that are changed before it is looked again at what has changed: enough that the start
// of pinscope counts for little, few enough that those whose sources change meanwhile do not wait
// for long.
constexpr size_t kMaxContainers = 64;
// Runs of pinscope for them beside each other, as far as there are processors: a swap waits for the
// kernel now and then, so that two are quicker than one on a single one, too.
constexpr size_t kMinRuns = 2;
constexpr size_t kMaxRuns = 4;
constexpr milliseconds kTimeToApply{20'000};
constexpr milliseconds kTimeForOne{12'000};     // a container that keeps a swap from ending has ten
constexpr milliseconds kTimeToBeReady{30'000};  // whatever hangs; systemd waits 90 s
constexpr milliseconds kBetweenLooks{100};      // at a run that nobody waits for
constexpr milliseconds kPace{30'000};           // between two signs of life
constexpr size_t kMaxFailing = 4096;            // that are known as such, or of which it was told
constexpr size_t kLongestAnswer = size_t{16} << 20;

class Loop {
 public:
  Loop(const Options& options, const Log& log, StatusSocket& status, follow::Follower& follower,
       int stop_fd)
      : options_(options), log_(log), status_(status), follower_(follower), stop_fd_(stop_fd) {}

  Status run() {
    bool is_ready = false;
    const Time ready_at = Clock::now() + kTimeToBeReady;
    for (;;) {
      const auto due = follower_.take(Clock::now(), kMaxContainers);
      if (!due.empty()) bring_up_to_date(due);
      go_on_alone();
      const bool is_over = due.empty() || Clock::now() >= ready_at;
      if (is_over && !std::exchange(is_ready, true)) {
        manager_.tell("READY=1");
        log_.write(Severity::kInfo, "following sources");
      }
      manager_.tell("WATCHDOG=1");
      if (status_.is_asked()) status_.answer(std::make_shared<const std::string>(status_text()));
      // Who waits until every view is right waits for nothing else.
      PINSCOPE_TRY(const bool goes_on, wait(is_ready ? time_left() : 0));
      if (!goes_on) return {};
    }
  }

 private:
  // Milliseconds, at most. False: it was told to end.
  Result<bool> wait(int timeout) {
    std::vector<struct pollfd> fds = {{stop_fd_, POLLIN, 0}, {follower_.fd(), POLLIN, 0}};
    const size_t before = fds.size();
    status_.add_to(fds);
    const int ready = ::poll(fds.data(), fds.size(), timeout);
    if (ready < 0 && errno != EINTR)
      return std::unexpected(Error::system("wait for changes of sources", errno));
    if (ready > 0 && fds[0].revents != 0) return false;
    if (ready > 0) status_.serve(fds.data() + before);
    return true;
  }

  [[nodiscard]] int time_left() const {
    const int clients = status_.expire();
    const milliseconds pace = std::min(manager_.pace().value_or(kPace), kPace);
    auto left = std::chrono::ceil<milliseconds>(follower_.next() - Clock::now());
    if (follower_.first_end() != 0) left = std::min(left, to_end());
    if (alone_) left = std::min(left, kBetweenLooks);
    const int ours = static_cast<int>(std::clamp(left, milliseconds(0), pace).count());
    return clients < 0 ? ours : std::min(ours, std::max(clients, 0));
  }

  // Until the first exception ends, by the clock of the wall as it is now: should it be set, the
  // pace of this loop is when that is noticed.
  [[nodiscard]] milliseconds to_end() const {
    const auto end = static_cast<int64_t>(follower_.first_end());
    const auto left = std::chrono::ceil<milliseconds>(
        std::chrono::nanoseconds(end - static_cast<int64_t>(wall_clock_ns())));
    return std::max(left, milliseconds(0));
  }

  // Those that could not be changed the last time have a run each, behind each other, for which
  // nobody waits: what hangs in a container holds up those alone that hang as well.
  void bring_up_to_date(const std::vector<follow::Due>& due) {
    std::map<std::string, std::vector<std::string>> files;  // of records, by container
    for (const auto& one : due) {
      if (one.has_run_out) run_out_.insert(one.id);
      if (failing_.contains(one.id))
        to_do_alone_[one.id].insert(one.file);
      else
        files[one.id].push_back(one.file);
    }
    if (files.empty()) return;
    std::vector<Run> runs(
        std::clamp<size_t>(std::thread::hardware_concurrency(), kMinRuns, kMaxRuns));
    size_t next = 0;
    for (auto& [id, of_container] : files)
      runs[next++ % runs.size()].files.emplace(id, std::move(of_container));
    // Where no thread can be had, it is run as soon as it is waited for.
    for (auto& run : runs)
      if (!run.files.empty()) begin(run, kTimeToApply);
    bool all_answer = true;
    for (auto& run : runs)
      if (!run.files.empty() && !hear(run)) all_answer = false;
    if (all_answer) told_.erase("");
  }

  // Some of the containers that are brought up to date together.
  struct Run {
    std::map<std::string, std::vector<std::string>> files;  // of records, by container
    std::future<Result<std::vector<AppliedView>>> views;
  };
  void begin(Run& run, milliseconds timeout) {
    std::vector<std::string> ids;
    std::vector<std::string> ended;  // those with an exception that has run out
    for (const auto& [id, unused] : run.files) {
      ids.push_back(id);
      if (run_out_.erase(id) != 0) ended.push_back(id);
    }
    run.views = std::async(std::launch::async | std::launch::deferred,
                           [this, timeout, ids = std::move(ids), ended = std::move(ended)] {
                             return change(ids, ended, timeout);
                           });
  }
  void end_alone() {
    const std::string id = alone_->files.begin()->first;
    if (silent_.size() > kMaxFailing) silent_.clear();
    if (hear(*alone_))
      silent_.erase(id);
    else
      silent_.insert(id);
    alone_.reset();
  }
  // Those that answered the last time come first: who was marked as failing beside one that hangs
  // does not wait for all that do.
  void go_on_alone() {
    if (alone_ && alone_->views.wait_for(milliseconds(0)) == std::future_status::timeout) return;
    if (alone_) end_alone();
    if (to_do_alone_.empty()) return;
    const auto first = std::ranges::find_if(
        to_do_alone_, [&](const auto& one) { return !silent_.contains(one.first); });
    auto next = to_do_alone_.extract(first != to_do_alone_.end() ? first : to_do_alone_.begin());
    alone_.emplace();
    alone_->files[next.key()].assign(next.mapped().begin(), next.mapped().end());
    begin(*alone_, kTimeForOne);
  }
  // False: it gave no answer.
  bool hear(Run& run) {
    const auto again = [&](const std::vector<std::string>& files) {
      for (const auto& file : files) follower_.failed(file, Clock::now());
    };
    const auto views = run.views.get();
    if (!views) {
      ++failed_;
      tell_once("", views.error().sentence());
      // Of those that have ended since, nobody tells.
      if (failing_.size() > kMaxFailing) failing_.clear();
      for (const auto& [id, files] : run.files) {
        failing_.insert(id);
        again(files);
      }
      return false;
    }
    for (const auto& [id, files] : run.files) failing_.erase(id);
    for (const auto& view : *views)
      if (const auto found = run.files.find(view.id); !hear(view) && found != run.files.end()) {
        failing_.insert(view.id);
        again(found->second);
      }
    for (const auto& view : *views) run.files.erase(view.id);
    // Of those that have ended nothing is said any more.
    for (const auto& [id, files] : run.files) told_.erase(id);
    return true;
  }

  [[nodiscard]] Result<std::vector<AppliedView>> change(const std::vector<std::string>& ids,
                                                        const std::vector<std::string>& ended,
                                                        milliseconds timeout) const {
    std::vector<AppliedView> views;
    // First and by itself: policy files that do not compile keep no exception in force.
    if (!ended.empty()) {
      PINSCOPE_TRY(views, call({"exceptions", "--expire"}, ended, "expired", timeout));
    }
    PINSCOPE_TRY(auto applied, call({"apply", "--automatic"}, ids, "containers", timeout));
    std::ranges::move(applied, std::back_inserter(views));
    return views;
  }

  // `key`: where its answer has the containers.
  [[nodiscard]] Result<std::vector<AppliedView>> call(std::vector<std::string> words,
                                                      const std::vector<std::string>& ids,
                                                      const char* key, milliseconds timeout) const {
    words.insert(words.end(), {"--output", "json"});
    for (const auto& id : ids) words.insert(words.end(), {"--container", id});
    PINSCOPE_TRY(auto end, run_pinscope(options_, std::move(words), kLongestAnswer, timeout));
    if (end.output.empty())
      return std::unexpected(Error(ErrorCode::kSystem, "change views").reason(end.what_happened()));
    return applied_views(std::move(end.output), key);
  }

  // False: it is to be tried again.
  bool hear(const AppliedView& view) {
    const std::string container = "container " + quoted(view.id);
    if (view.outcome == "changed") {
      ++changed_;
      log_.write(Severity::kInfo,
                 "changed the view of " + container + ": " + joined(view.changes, "; "));
    }
    if (view.error.empty()) {
      told_.erase(view.id);
      return true;
    }
    // A refusal stands until something changes, of which this process is told.
    const bool is_refused = view.outcome == "refused";
    ++(is_refused ? refused_ : failed_);
    tell_once(view.id, view.error);
    return is_refused;
  }

  // What is tried again and again is told once.
  void tell_once(const std::string& id, const std::string& sentence) {
    if (told_.size() > kMaxFailing) told_.clear();
    if (std::exchange(told_[id], sentence) != sentence) log_.write(Severity::kWarning, sentence);
  }

  [[nodiscard]] std::string status_text() const {
    const auto now = follower_.counters(Clock::now());
    return to_json(model::FollowStatus{
        .containers = now.containers,
        .unreadable = now.unreadable,
        .sources = now.pins.sources,
        .watches = now.pins.watches,
        .without_watch = now.pins.without_watch,
        .paused = now.pins.paused,
        .waiting = now.waiting,
        .slowed = now.slowed,
        .retrying = now.retrying,
        .namespaces = now.mounts.by_events + now.mounts.by_table + now.mounts.by_sweep,
        .overflows = now.pins.overflows,
        .source_changes = now.source_changes,
        .policy_changes = now.policy_changes,
        .mount_changes = now.mount_changes,
        .changed = changed_,
        .refused = refused_,
        .failed = failed_});
  }

  const Options& options_;
  const Log& log_;
  StatusSocket& status_;
  follow::Follower& follower_;
  const int stop_fd_;
  const Notifier manager_;
  std::map<std::string, std::string> told_;  // by container
  std::set<std::string> failing_;            // containers that could not be changed the last time
  std::set<std::string> silent_;             // of them those that gave no answer by themselves
  std::set<std::string> run_out_;            // those with an exception that has run out
  std::map<std::string, std::set<std::string>> to_do_alone_;  // their records' files
  std::optional<Run> alone_;
  uint64_t changed_ = 0;
  uint64_t refused_ = 0;
  uint64_t failed_ = 0;
};

class Follow : public Part {
 public:
  Follow(const Options& options, const Log& log, StatusSocket status, follow::Follower follower)
      : options_(options), log_(log), status_(std::move(status)), follower_(std::move(follower)) {}

  Status run(int stop_fd) override {
    return Loop(options_, log_, status_, follower_, stop_fd).run();
  }

 private:
  const Options& options_;
  const Log& log_;
  StatusSocket status_;
  follow::Follower follower_;
};

}  // namespace

Result<std::unique_ptr<Part>> open_follow(const Options& options, const Log& log) {
  const std::string& state = options.hook.state_directory;
  PINSCOPE_TRY(auto status, StatusSocket::open(model::follow_status_path(state)));
  PINSCOPE_TRY(auto follower, follow::Follower::open(state, options.hook.policy.policy_path, {}));
  return std::make_unique<Follow>(options, log, std::move(status), std::move(follower));
}

}  // namespace pinscope::daemon
