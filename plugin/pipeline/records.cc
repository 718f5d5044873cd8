#include "plugin/pipeline/records.h"

#include <algorithm>
#include <chrono>

#include "plugin/base/text.h"
#include "plugin/pipeline/configuration.h"

namespace pinscope {
namespace {

using model::Record;

constexpr std::chrono::milliseconds kTimeToEnd{500};
// Starts with one id that get in each other's way: each round one of them has won.
constexpr int kMostRounds = 16;

bool is_alive(const Record& record) {
  return record.process_start != 0 && !kernel::has_ended(record.given.pid, record.process_start);
}

// Two hooks of one start may know different things of the container. The first one makes the view:
// what it left out, nobody adds.
Status check_covered(const std::vector<model::Rule>& wanted,
                     const std::vector<model::Rule>& present) {
  for (const auto& rule : wanted)
    if (std::ranges::find(present, rule.policy, &model::Rule::policy) == present.end())
      return std::unexpected(
          Error(ErrorCode::kPolicyConflict, "add " + to_string(rule) + " to this view")
              .reason("an earlier hook of this start made the view without it")
              .hint("give all hooks of a container the same options, --engine above all"));
  return {};
}

// A process that left its mount namespace for another has left the view there behind: a session in
// which another one was begun.
bool has_moved(const Record& before, const Record& now) {
  return before.given.pid == now.given.pid && before.process_start == now.process_start &&
         before.mount_namespace != now.mount_namespace;
}

// A record that cannot be read in whole may still say whose it is. Where it does not, it may be
// that of a container which runs: gc is for somebody to decide.
bool is_of_ended_process(const record::Store& records, const std::string& file) {
  const auto glance = records.glance(file);
  return glance && glance->trace &&
         kernel::has_ended(glance->trace->pid, glance->trace->process_start);
}

}  // namespace

Result<std::optional<record::Store::Held>> begin_record(const record::Store& records,
                                                        const Record& record) {
  for (int round = 1;; ++round) {
    auto begun = records.begin(record);
    if (begun) return *std::move(begun);
    if (begun.error().code() != ErrorCode::kRecordConflict || round == kMostRounds)
      return std::unexpected(std::move(begun).error());
    PINSCOPE_TRY(const auto of_id, records.find(record.given.id));
    const Record* running = nullptr;
    for (const auto& other : of_id.found) {
      if (!record::is_of(other.record, record.given.id, record.given.bundle)) continue;
      if (record::is_same_start(other.record, record) &&
          other.record.state == Record::State::kApplied) {
        PINSCOPE_CHECK(check_covered(record.given.selected_by, other.record.given.selected_by));
        return std::nullopt;
      }
      if (is_alive(other.record) && !has_moved(other.record, record)) {
        running = &other.record;
      } else {
        PINSCOPE_CHECK(records.remove(other.held));
      }
    }
    if (running == nullptr) continue;
    // No runtime has one id twice in one root: where one is at work, that is another's container.
    if (runtime_makes(record.given.id)) {
      PINSCOPE_TRY(auto beside, records.begin_beside(record));
      return beside;
    }
    return std::unexpected(
        std::move(begun).error().hint("its process " + std::to_string(running->given.pid) +
                                      " is still there; see pinscope inspect and pinscope gc"));
  }
}

void forget_start(const record::Store& records, const std::string& id,
                  const kernel::ContainerProcess& process) {
  const auto of_id = records.find(id);
  if (!of_id) return;
  for (const auto& found : of_id->found)
    if (found.record.given.pid == process.pid() &&
        found.record.process_start == process.start_time() &&
        found.record.mount_namespace == process.mount_namespace())
      (void)records.remove(found.held);
}

// A container that was refused because of another one's record gets its poststop all the same, and
// a runtime may run it when the next container of this id and bundle has started: that record must
// stay. But a process that was killed takes a moment to end.
Status forget_stopped(const record::Store& records, const oci::State& stopped, RunLog& log) {
  PINSCOPE_TRY(auto of_id, records.find(stopped.id));
  std::vector<const record::Store::Found*> own;
  // crun says "/" here, too, where it has lost the bundle: see read_config().
  const bool is_lost = stopped.bundle == "/";
  for (const auto& found : of_id.found)
    if (is_lost || record::is_of(found.record, stopped.id, stopped.bundle)) own.push_back(&found);
  const auto none_ended = [&] {
    return std::ranges::all_of(own, [](const auto* found) { return is_alive(found->record); });
  };
  if (none_ended())
    for (const auto* found : own) (void)kernel::ends_within(found->record.given.pid, kTimeToEnd);
  for (const auto* found : own) {
    if (is_alive(found->record)) continue;
    PINSCOPE_CHECK(records.remove(found->held));
    log.event().given = found->record.given;
    PINSCOPE_CHECK(log.write(model::AuditEvent::Outcome::kRemoved));
  }
  if (of_id.unreadable.empty()) return {};
  for (const auto& file : of_id.unreadable_files) {
    if (is_of_ended_process(records, file)) PINSCOPE_CHECK(records.discard(file));
  }
  return std::unexpected(std::move(of_id.unreadable.front()));
}

}  // namespace pinscope
