// `pinscope gc`: removes what a crash, or a runtime that skipped poststop, has left: records of
// containers whose process is gone, and temporary files of hooks that were killed. The views
// themselves vanished with their containers' mount namespaces.
#include <algorithm>
#include <memory>
#include <optional>
#include <vector>

#include "plugin/base/clock.h"
#include "plugin/base/json.h"
#include "plugin/base/text.h"
#include "plugin/cli/command.h"
#include "plugin/inventory/live.h"
#include "plugin/record/audit.h"
#include "plugin/record/store.h"

namespace pinscope::cli {
namespace {

struct GcOptions {
  bool dry_run = false;
  bool damaged = false;
};

struct Removal {
  std::string kind;  // record, file
  std::string name;
  std::string reason;
  std::optional<Error> error;
  // Of a record; `is_twin`: not the only one of its id.
  std::string bundle = {};
  pid_t pid = 0;
  bool is_twin = false;
};

model::AuditEvent event_for(const model::Record& record) {
  model::AuditEvent event;
  event.outcome = model::AuditEvent::Outcome::kCollected;
  event.stage = "gc";
  record::describe(record, event);
  event.time_ns = wall_clock_ns();
  return event;
}

Status remove_record(const record::Store& store, const record::AuditTrail& trail,
                     const model::Record& record) {
  // A new container may have taken the id since the records were read.
  PINSCOPE_TRY(const auto of_id, store.find(record.id));
  for (const auto& now : of_id.found) {
    if (!record::is_same_start(now.record, record)) continue;
    if (inventory::process_of(now.record) != inventory::ProcessState::kGone) continue;
    // Told before it is done: a removal that nobody can read about must not happen.
    PINSCOPE_CHECK(trail.write(event_for(now.record)));
    PINSCOPE_CHECK(store.remove(now.held));
  }
  return {};
}

bool is_gone(const record::Store& store, const std::string& file) {
  const auto glance = store.glance(file);
  return glance && glance->trace &&
         inventory::process_of(*glance->trace) == inventory::ProcessState::kGone;
}

void add_file(std::vector<Removal>& removals, const record::Store& store, const std::string& name,
              const char* reason, bool dry_run) {
  Removal removal{"file", name, reason, std::nullopt};
  if (!dry_run)
    if (auto status = store.discard(name); !status) removal.error = std::move(status).error();
  removals.push_back(std::move(removal));
}

Result<std::vector<Removal>> remove_all(const Settings& settings, const GcOptions& options) {
  std::vector<Removal> removals;
  PINSCOPE_TRY(const auto store, record::Store::open(settings.state_directory, false));
  PINSCOPE_TRY(const auto all, store.all());
  // It is opened even if nothing is removed: lines may wait for it.
  std::optional<record::AuditTrail> trail;
  if (!options.dry_run) {
    trail = record::AuditTrail::open(
        {.path = settings.audit_path, .waiting_directory = settings.state_directory});
    trail->move_waiting();
  }
  const auto is_twin = [&](const model::Record& record) {
    return std::ranges::count(all.records, record.id, &model::Record::id) > 1;
  };
  for (const auto& record : all.records) {
    if (inventory::process_of(record) != inventory::ProcessState::kGone) continue;
    const bool intended = record.state == model::Record::State::kIntended;
    Removal removal{"record",
                    record.id,
                    intended ? "the hook did not finish, and the container's process is gone"
                             : "the container's process is gone",
                    std::nullopt,
                    record.bundle,
                    record.pid,
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

Result<ExitStatus> collect(const Settings& settings, const GcOptions& options) {
  PINSCOPE_TRY(const auto removals, remove_all(settings, options));
  bool failed = false;
  for (const auto& removal : removals) failed = failed || removal.error.has_value();
  if (settings.json()) {
    JsonWriter json(JsonWriter::Style::kPretty);
    json.object().field("dry_run", options.dry_run).key("removed").array();
    for (const auto& removal : removals) {
      json.object()
          .field("kind", removal.kind)
          .field("name", removal.name)
          .field("reason", removal.reason);
      if (removal.pid != 0) json.field("bundle", removal.bundle).field("pid", int64_t{removal.pid});
      if (removal.error) json.field("error", removal.error->sentence());
      json.end();
    }
    json.end().end();
    print(std::string(json.text()) + "\n");
    return failed ? kExitFailure : kExitOk;
  }
  for (const auto& removal : removals) {
    if (removal.error) {
      complain(*removal.error);
      continue;
    }
    print((options.dry_run ? "would remove " : "removed ") + removal.kind + " " +
          one_line(removal.name) +
          (removal.is_twin ? " of " + quoted(removal.bundle) : std::string()) + ": " +
          removal.reason + "\n");
  }
  if (removals.empty()) print("nothing to remove\n");
  return failed ? kExitFailure : kExitOk;
}

}  // namespace

void add_gc(CLI::App& root, Program& program) {
  auto options = std::make_shared<GcOptions>();
  add_command(root, program, "gc", "Remove what a crash, or a missing poststop, has left",
              [&program, options] { return collect(program.settings, *options); })
      .flag("-n,--dry-run", options->dry_run, "Say what would be removed, remove nothing")
      .flag("--damaged", options->damaged, "Also remove records that cannot be read")
      .state_option(program.settings)
      .audit_option(program.settings)
      .output_options(program.settings)
      .footer(
          "A record goes if the process it names, by pid and start time, is gone. Each removal is "
          "audited.\nOne that cannot be read goes if nothing shows its container alive any more; "
          "--damaged removes\nthose of which that cannot be told, too.\nExit status: 0 done; 1 "
          "something could not be removed; 2 usage.");
}

}  // namespace pinscope::cli
