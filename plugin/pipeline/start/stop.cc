#include "plugin/pipeline/start/stop.h"

#include <algorithm>
#include <chrono>
#include <utility>
#include <vector>

#include "plugin/kernel/process/process.h"
#include "plugin/oci/state.h"
#include "plugin/pipeline/ledger.h"
#include "plugin/pipeline/run_log.h"
#include "plugin/record/audit.h"
#include "plugin/record/store.h"

namespace pinscope {
namespace {

using record::Store;

constexpr std::chrono::milliseconds kTimeToEnd{500};

// The records of the container that the state is about.
std::vector<const Store::Found*> records_of(const Store::OfId& of_id, const oci::State& stopped) {
  std::vector<const Store::Found*> own;
  // crun says "/" here, too, where it has lost the bundle: see read_config().
  const bool bundle_is_lost = stopped.bundle == "/";
  for (const auto& found : of_id.found)
    if (bundle_is_lost || record::is_of(found.record, stopped.id, stopped.bundle))
      own.push_back(&found);
  return own;
}

// A process that was killed takes a moment to end. A poststop may also be that of a container which
// was refused because of another one's record, or come when the next container of this id and
// bundle has started: those run, and are waited for once.
void wait_for_end(const std::vector<const Store::Found*>& own) {
  if (std::ranges::all_of(own, [](const auto* found) { return is_alive(found->record); }))
    for (const auto* found : own) (void)kernel::ends_within(found->record.given.pid, kTimeToEnd);
}

// A record that cannot be read in whole may still say whose it is. Where it does not, it may be
// that of a container which runs: gc is for somebody to decide.
Status discard_unreadable(const Store& records, Store::OfId of_id) {
  if (of_id.unreadable.empty()) return {};
  for (const auto& file : of_id.unreadable_files)
    if (has_ended(records.glance(file))) PINSCOPE_CHECK(records.discard(file));
  return std::unexpected(std::move(of_id.unreadable.front()));
}

}  // namespace

Status poststop(const HookOptions& options, std::string state_json) {
  PINSCOPE_TRY(const auto state, oci::parse_state(std::move(state_json)));
  PINSCOPE_TRY(const auto records, Store::open(options.state_directory, false));
  PINSCOPE_TRY(auto of_id, records.find(state.id));
  RunLog log(options, "poststop");
  const auto own = records_of(of_id, state);
  wait_for_end(own);
  for (const auto* found : own) {
    if (is_alive(found->record)) continue;
    PINSCOPE_CHECK(records.remove(found->held));
    log.event().given = found->record.given;
    PINSCOPE_CHECK(log.write(model::AuditEvent::Outcome::kRemoved));
  }
  return discard_unreadable(records, std::move(of_id));
}

}  // namespace pinscope
