#include "plugin/inventory/machine/inventory.h"

#include <utility>

#include "plugin/inventory/live.h"
#include "plugin/inventory/runtime_states.h"
#include "plugin/kernel/process/process.h"
#include "plugin/record/store.h"

namespace pinscope::inventory {
namespace {

// What runtimes keep of containers whose first process is there still.
RuntimeStates living_states() {
  auto runtimes = runtime_states("");
  std::erase_if(runtimes.states, [](const RuntimeState& state) {
    return kernel::has_ended(state.pid, state.start_time);
  });
  return runtimes;
}

}  // namespace

void name_by_runtimes(Machine& machine) {
  name_containers(machine, living_states());
}

Result<Inventory> take_inventory(const std::string& state_directory) {
  PINSCOPE_TRY(const auto store, record::Store::open(state_directory, false));
  PINSCOPE_TRY(auto all, store.all());
  Inventory result;
  result.containers.reserve(all.records.size());
  for (auto& record : all.records) {
    const bool is_running = process_of(record) == ProcessState::kRunning;
    result.containers.push_back({std::move(record), is_running});
  }
  PINSCOPE_TRY(result.machine, look_at_machine());
  for (const auto& error : all.unreadable) result.machine.not_seen.push_back(error.sentence());
  name_by_runtimes(result.machine);
  judge(result.machine, result.containers);
  result.notices = notices_of(result.machine, result.containers);
  return result;
}

}  // namespace pinscope::inventory
