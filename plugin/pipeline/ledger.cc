#include "plugin/pipeline/ledger.h"

#include <algorithm>
#include <utility>

#include "plugin/pipeline/identify.h"

namespace pinscope {
namespace {

using model::Record;

// Starts with one id that get in each other's way: each round one of them has won.
constexpr int kMaxRounds = 16;

}  // namespace

Earlier compare(const Record& earlier, const Record& now, bool is_alive) {
  if (record::is_same_start(earlier, now) && earlier.state == Record::State::kApplied)
    return Earlier::kThisStart;
  // A process that left its mount namespace for another has left the view there behind: a session
  // in which another one was begun.
  const bool has_moved = earlier.given.pid == now.given.pid &&
                         earlier.process_start == now.process_start &&
                         earlier.mount_namespace != now.mount_namespace;
  return is_alive && !has_moved ? Earlier::kRunning : Earlier::kEnded;
}

Status check_same_view(const std::vector<model::Rule>& wanted,
                       const std::vector<model::Rule>& present) {
  for (const auto& rule : wanted)
    if (std::ranges::find(present, rule.policy, &model::Rule::policy) == present.end())
      return std::unexpected(
          Error(ErrorCode::kPolicyConflict, "add " + to_string(rule) + " to this view")
              .reason("an earlier hook of this start made the view without it")
              .hint("give all hooks of a container the same options, --engine above all"));
  return {};
}

bool is_alive(const Record& record) {
  return record.process_start != 0 && !has_ended(record);
}

bool has_ended(const Record& record) {
  return kernel::has_ended(record.given.pid, record.process_start);
}

Result<kernel::ContainerProcess> process_of(const Record& record) {
  PINSCOPE_TRY(auto process, kernel::ContainerProcess::open(record.given.pid));
  const bool is_it = process.start_time() == record.process_start;
  if (is_it && process.mount_namespace() == record.mount_namespace) return process;
  Error error(ErrorCode::kProcessGone, "find process " + std::to_string(record.given.pid));
  if (!is_it) return std::unexpected(std::move(error).reason("it has ended"));
  return std::unexpected(
      std::move(error)
          .reason(
              "it has gone to a mount namespace of its own making, which has a copy of the view "
              "that nobody changes any more")
          .hint(
              "stop the container; a seccomp profile that refuses unshare(2) keeps it from that"));
}

bool has_ended(const Result<record::Store::Glance>& glance) {
  return glance && glance->trace &&
         kernel::has_ended(glance->trace->pid, glance->trace->process_start);
}

Result<bool> Ledger::begin(const Record& record) {
  PINSCOPE_TRY(records_, record::Store::open(state_directory_, true));
  PINSCOPE_TRY(held_, claim(record));
  return held_.has_value();
}

// Nothing: this very process has its record already.
Result<std::optional<record::Store::Held>> Ledger::claim(const Record& record) {
  for (int round = 1;; ++round) {
    auto begun = records_->begin(record);
    if (begun) return *std::move(begun);
    if (begun.error().code() != ErrorCode::kRecordConflict || round == kMaxRounds)
      return std::unexpected(std::move(begun).error());
    PINSCOPE_TRY(const auto of_id, records_->find(record.given.id));
    const Record* running = nullptr;
    for (const auto& found : of_id.found) {
      if (!record::is_of(found.record, record.given.id, record.given.bundle)) continue;
      switch (compare(found.record, record, is_alive(found.record))) {
        case Earlier::kThisStart:
          PINSCOPE_CHECK(check_same_view(record.given.selected_by, found.record.given.selected_by));
          return std::nullopt;
        case Earlier::kEnded:
          PINSCOPE_CHECK(records_->remove(found.held));
          break;
        case Earlier::kRunning:
          running = &found.record;
          break;
      }
    }
    if (running == nullptr) continue;
    // No runtime has one id twice in one root: where one is at work, that is another's container.
    if (runtime_makes(record.given.id)) {
      PINSCOPE_TRY(auto beside, records_->begin_beside(record));
      return beside;
    }
    return std::unexpected(
        std::move(begun).error().hint("its process " + std::to_string(running->given.pid) +
                                      " is still there; see pinscope inspect and pinscope gc"));
  }
}

Status Ledger::keep(const Record& record) {
  return records_->update(record, *held_);
}

void Ledger::take_back(const std::string& id, const kernel::ContainerProcess& process) {
  if (!records_) {
    auto records = record::Store::open(state_directory_, false);
    if (!records) return;
    records_ = *std::move(records);
  }
  if (held_) (void)records_->remove(*held_);
  const auto of_id = records_->find(id);
  if (!of_id) return;
  for (const auto& found : of_id->found)
    if (found.record.given.pid == process.pid() &&
        found.record.process_start == process.start_time() &&
        found.record.mount_namespace == process.mount_namespace())
      (void)records_->remove(found.held);
}

}  // namespace pinscope
