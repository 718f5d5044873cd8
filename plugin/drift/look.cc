#include "plugin/drift/look.h"

#include <fcntl.h>

#include <algorithm>
#include <chrono>
#include <set>
#include <utility>

#include "plugin/base/clock.h"
#include "plugin/base/text.h"
#include "plugin/host/file.h"
#include "plugin/inventory/runtime_states.h"
#include "plugin/inventory/serving.h"
#include "plugin/kernel/probe.h"
#include "plugin/pipeline/change/exceptions.h"
#include "plugin/pipeline/change/later_bpffs.h"
#include "plugin/record/store.h"

namespace pinscope::drift {
namespace {

using model::Record;

constexpr const char* kEnded = "its process has ended";

Subject subject_of(const Record& record) {
  const auto& given = record.given;
  return {given.id, given.engine, given.pid, given.bundle};
}

class Look {
 public:
  // `wanted`: an id; empty: all of them.
  Look(const std::vector<model::Policy>& policies, std::string wanted, inventory::Examiner examiner,
       Fd proc, inventory::Examiner::Time until)
      : policies_(policies),
        wanted_(std::move(wanted)),
        examiner_(std::move(examiner)),
        proc_(std::move(proc)),
        until_(until),
        features_(kernel::quick_features()) {}

  void take(const Places& places, const record::Store& store, record::Store::All all) {
    for (const auto& record : all.records)
      recorded_.emplace(record.given.pid, record.process_start);
    std::erase_if(all.records, [&](const Record& record) { return !is_wanted(record.given.id); });
    auto looks = examiner_.examine_all(all.records, until_);
    inventory::look_at_serving(places.state_directory, all.records, looks.lives);
    for (size_t i = 0; i < all.records.size(); ++i) take(all.records[i], std::move(looks.lives[i]));
    take_unreadable(all.unreadable, Kind::kDamaged);
    if (!wanted_.empty()) return;
    const auto leftovers = store.leftovers();
    if (!leftovers) return;
    for (const auto& name : *leftovers)
      add(Kind::kLeftover, std::nullopt, "file " + quoted(name) + ": its writer is gone");
  }

  void take(const std::vector<inventory::RuntimeState>& states) {
    for (const auto& state : states)
      if (is_wanted(state.id) && !recorded_.contains({state.pid, state.start_time})) take(state);
  }

  // What is no container's that was read.
  void take_unreadable(const std::vector<Error>& errors, Kind kind) {
    if (!wanted_.empty()) return;
    for (const auto& error : errors) add(kind, std::nullopt, error.sentence());
  }

  // The worst first, whatever container it is of.
  Drift finish() && {
    std::ranges::stable_sort(drift_.entries, {}, &Entry::kind);
    return std::move(drift_);
  }

 private:
  [[nodiscard]] bool is_wanted(const std::string& id) const {
    return wanted_.empty() || id == wanted_;
  }

  void add(Kind kind, std::optional<Subject> subject, std::string text) {
    drift_.entries.push_back(
        {.kind = kind, .subject = std::move(subject), .text = std::move(text), .rule = {}});
  }

  // Nothing else is looked at when the time is over.
  bool is_late(const Subject& subject) {
    if (std::chrono::steady_clock::now() < until_) return false;
    ++drift_.containers;
    ++drift_.left_over;
    add(Kind::kUnknown, subject, "there was no time to look at it");
    return true;
  }

  void take(const Record& record, inventory::Live live) {
    if (live.process == inventory::ProcessState::kGone) {
      add(Kind::kLeftover, subject_of(record), kEnded);
      return;
    }
    if (is_late(subject_of(record))) return;
    ++drift_.containers;
    for (const auto& exception : record.exceptions)
      drift_.exceptions.push_back(
          {subject_of(record), exception, model::is_in_force(exception, wall_clock_ns())});
    if (record.state == Record::State::kIntended) {
      add(Kind::kIncomplete, subject_of(record), "the hook is still at work, or was killed at it");
      return;
    }
    Running running{.record = record, .live = std::move(live), .mounts = {}, .restart = {}};
    if (const auto container = container_of(record); !container)
      add(Kind::kUnknown, subject_of(record), container.error().sentence());
    else if (auto restart = decide_again(policies_, *container, is_session(record), features_,
                                         in_force(record.exceptions, wall_clock_ns()));
             !restart)
      return fail(record, restart.error());
    else
      running.restart = *std::move(restart);
    if (auto mounts = bpffs_of(proc_.get(), record)) running.mounts = *std::move(mounts);
    // Whatever was looked at may have been nobody's by then.
    if (inventory::process_of(record) == inventory::ProcessState::kGone) {
      --drift_.containers;
      return;
    }
    std::ranges::move(compare(running), std::back_inserter(drift_.entries));
    std::ranges::move(waiting_of(running), std::back_inserter(drift_.waiting));
  }

  void fail(const Record& record, const Error& error) {
    if (error.code() == ErrorCode::kProcessGone)
      --drift_.containers;
    else
      add(Kind::kUnknown, subject_of(record), error.sentence());
  }

  void take(const inventory::RuntimeState& state) {
    Subject subject{state.id, state.engine, state.pid, state.bundle};
    if (is_late(subject)) return;
    auto started =
        read_started({.id = state.id, .pid = state.pid, .bundle = state.bundle}, state.engine);
    if (started && started->container.identity.is_sandbox) return;
    ++drift_.containers;
    if (!started) return add(Kind::kUnknown, std::move(subject), started.error().sentence());
    subject.engine = started->container.engine;
    const auto restart = decide_again(policies_, started->container, false, features_);
    if (!restart && restart.error().code() == ErrorCode::kProcessGone) {
      --drift_.containers;
      return;
    }
    if (!restart) return add(Kind::kUnknown, std::move(subject), restart.error().sentence());
    if (auto entry = compare_without_view(subject, started->has_hook, *restart))
      drift_.entries.push_back(*std::move(entry));
  }

  const std::vector<model::Policy>& policies_;
  std::string wanted_;
  inventory::Examiner examiner_;
  Fd proc_;
  inventory::Examiner::Time until_;
  model::Features features_;
  std::set<std::pair<pid_t, uint64_t>> recorded_;
  Drift drift_;
};

// Whose ids begin with `prefix`: the one that has it for its id, or the only one.
Result<std::string> find_id(const std::string& prefix, const std::vector<Record>& records,
                            const std::vector<inventory::RuntimeState>& states) {
  std::set<std::string> ids;
  for (const auto& record : records)
    if (record.given.id.starts_with(prefix)) ids.insert(record.given.id);
  for (const auto& state : states)
    if (state.id.starts_with(prefix)) ids.insert(state.id);
  if (ids.contains(prefix)) return prefix;
  if (ids.size() == 1) return *ids.begin();
  return std::unexpected(Error(ErrorCode::kRecord, "find container " + quoted(prefix))
                             .reason(ids.empty()
                                         ? "no container that runs has this id, and no record"
                                         : "the ids of several containers begin with it")
                             .hint(ids.empty() ? "pinscope list shows those that have a view"
                                               : "write more of the id"));
}

}  // namespace

Result<Drift> look_for_drift(const std::vector<model::Policy>& policies, const Places& places) {
  PINSCOPE_TRY(const auto store, record::Store::open(places.state_directory, false));
  PINSCOPE_TRY(auto all, store.all());
  PINSCOPE_TRY(auto examiner, inventory::Examiner::open(places.state_directory));
  PINSCOPE_TRY(auto proc, open_at(AT_FDCWD, "/proc", O_RDONLY | O_DIRECTORY));
  auto states = inventory::runtime_states(places.container);
  const auto running = inventory::still_running(std::move(states.states));
  std::string wanted;
  if (!places.container.empty()) {
    PINSCOPE_TRY(wanted, find_id(places.container, all.records, running));
  }
  Look look(policies, std::move(wanted), std::move(examiner), std::move(proc), places.until);
  look.take(places, store, std::move(all));
  look.take(running);
  look.take_unreadable(states.unreadable, Kind::kUnknown);
  return std::move(look).finish();
}

}  // namespace pinscope::drift
