#include "plugin/inventory/collect.h"

#include <algorithm>
#include <utility>

#include "plugin/base/clock.h"
#include "plugin/inventory/live.h"
#include "plugin/record/audit.h"
#include "plugin/record/store.h"

namespace pinscope::inventory {
namespace {

model::AuditEvent event_for(const model::Record& record) {
  model::AuditEvent event;
  event.outcome = model::AuditEvent::Outcome::kCollected;
  event.stage = "gc";
  event.given = record.given;
  event.time_ns = wall_clock_ns();
  return event;
}

Status remove_record(const record::Store& store, const record::AuditTrail& trail,
                     const model::Record& record) {
  // A new container may have taken the id since the records were read.
  PINSCOPE_TRY(const auto of_id, store.find(record.given.id));
  for (const auto& now : of_id.found) {
    if (!record::is_same_start(now.record, record)) continue;
    if (process_of(now.record) != ProcessState::kGone) continue;
    // Told before it is done: a removal that nobody can read about must not happen.
    PINSCOPE_CHECK(trail.write(event_for(now.record)));
    PINSCOPE_CHECK(store.remove(now.held));
  }
  return {};
}

bool is_gone(const record::Store& store, const std::string& file) {
  const auto glance = store.glance(file);
  return glance && glance->trace && process_of(*glance->trace) == ProcessState::kGone;
}

void add_file(std::vector<Removal>& removals, const record::Store& store, const std::string& name,
              const char* reason, bool dry_run) {
  Removal removal{"file", name, reason, std::nullopt};
  if (!dry_run)
    if (auto status = store.discard(name); !status) removal.error = std::move(status).error();
  removals.push_back(std::move(removal));
}

}  // namespace

Result<std::vector<Removal>> collect(const CollectOptions& options) {
  std::vector<Removal> removals;
  PINSCOPE_TRY(const auto store, record::Store::open(options.state_directory, false));
  PINSCOPE_TRY(const auto all, store.all());
  // It is opened even if nothing is removed: lines may wait for it.
  std::optional<record::AuditTrail> trail;
  if (!options.dry_run) {
    trail = record::AuditTrail::open(
        {.path = options.audit_path, .waiting_directory = options.state_directory});
    trail->move_waiting();
  }
  const auto is_twin = [&](const model::Record& record) {
    return std::ranges::count_if(all.records, [&](const model::Record& other) {
             return other.given.id == record.given.id;
           }) > 1;
  };
  for (const auto& record : all.records) {
    if (process_of(record) != ProcessState::kGone) continue;
    const bool intended = record.state == model::Record::State::kIntended;
    Removal removal{"record",
                    record.given.id,
                    intended ? "the hook did not finish, and the container's process is gone"
                             : "the container's process is gone",
                    std::nullopt,
                    record.given.bundle,
                    record.given.pid,
                    is_twin(record)};
    if (!options.dry_run) {
      if (auto status = remove_record(store, *trail, record); !status)
        removal.error = std::move(status).error();
    }
    removals.push_back(std::move(removal));
  }
  PINSCOPE_TRY(const auto leftovers, store.leftovers());
  for (const auto& name : leftovers)
    add_file(removals, store, name, "its writer is gone", options.dry_run);
  for (size_t i = 0; i < all.unreadable.size(); ++i) {
    const std::string& name = all.unreadable_files[i];
    if (is_gone(store, name))
      add_file(removals, store, name, "it cannot be read, and the container's process is gone",
               options.dry_run);
    else if (options.damaged)
      add_file(removals, store, name, "it cannot be read", options.dry_run);
    else
      removals.push_back(
          {"file", name, "",
           Error(all.unreadable[i]).hint("its container may be alive; --damaged removes it")});
  }
  return removals;
}

Result<size_t> count_of_live(const std::string& state_directory) {
  PINSCOPE_TRY(const auto store, record::Store::open(state_directory, false));
  PINSCOPE_TRY(const auto all, store.all());
  const auto records = std::ranges::count_if(all.records, [](const model::Record& record) {
    return process_of(record) != ProcessState::kGone;
  });
  const auto unreadable = std::ranges::count_if(
      all.unreadable_files, [&](const std::string& file) { return !is_gone(store, file); });
  return static_cast<size_t>(records + unreadable);
}

}  // namespace pinscope::inventory
