#include "plugin/node/records.h"

#include <ctime>

#include "plugin/base/text.h"
#include "plugin/inventory/collect.h"
#include "plugin/kernel/process/process.h"
#include "plugin/record/store.h"

namespace pinscope::node {
namespace {

// runc's `delete` fails if the hook at poststop has gone before it.
constexpr timespec kTimeForPoststop = {3, 0};

// Every PID namespace has a first process.
bool sees_processes() {
  return kernel::process_start_time(1) != 0;
}

struct Collected {
  size_t removed = 0;
  std::string problem;  // of the first that could not be
};

Result<Collected> collect(const RecordPlaces& places, bool dry_run) {
  PINSCOPE_TRY(const auto removals, inventory::collect({.state_directory = places.state_directory,
                                                        .audit_path = places.audit_path,
                                                        .dry_run = dry_run}));
  Collected collected;
  for (const auto& removal : removals) {
    if (!removal.error) ++collected.removed;
    if (removal.error && collected.problem.empty()) collected.problem = removal.error->sentence();
  }
  return collected;
}

}  // namespace

Result<std::string> collect_records(const RecordPlaces& places) {
  if (!sees_processes()) return "";
  PINSCOPE_TRY(const auto collected, collect(places, false));
  std::string line;
  if (collected.removed > 0)
    line = "removed " + count_of(collected.removed, "record", "records") +
           " of containers that are gone";
  if (!collected.problem.empty()) line += (line.empty() ? "" : "; ") + collected.problem;
  return line;
}

Result<size_t> count_of_users(const RecordPlaces& places) {
  if (!sees_processes()) {
    PINSCOPE_TRY(const auto store, record::Store::open(places.state_directory, false));
    PINSCOPE_TRY(const auto files, store.files());
    return files.size();
  }
  PINSCOPE_TRY(const auto ended, collect(places, true));
  if (ended.removed > 0) {
    ::nanosleep(&kTimeForPoststop, nullptr);
    PINSCOPE_TRY([[maybe_unused]] const auto collected, collect(places, false));
  }
  return inventory::count_of_live(places.state_directory);
}

}  // namespace pinscope::node
