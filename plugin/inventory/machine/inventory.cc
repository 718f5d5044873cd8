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

KnownContainer known(model::Record record) {
  const bool is_running = process_of(record) == ProcessState::kRunning;
  return {std::move(record), is_running};
}

Result<Judged> look_and_judge(const std::string& state_directory, Scope scope) {
  PINSCOPE_TRY(const auto store, record::Store::open(state_directory, false));
  PINSCOPE_TRY(auto all, store.all());
  Judged judged;
  judged.containers.reserve(all.records.size());
  for (auto& record : all.records) judged.containers.push_back(known(std::move(record)));
  scope.state_directory = state_directory;
  PINSCOPE_TRY(judged.machine, look_at_machine(scope));
  for (const auto& error : all.unreadable) judged.machine.not_seen.push_back(error.sentence());
  name_containers(judged.machine, living_states());
  judge(judged.machine, judged.containers);
  return judged;
}

Result<Inventory> take_inventory(const std::string& state_directory) {
  Inventory result;
  PINSCOPE_TRY(static_cast<Judged&>(result), look_and_judge(state_directory));
  result.notices = notices_of(result.machine, result.containers);
  return result;
}

}  // namespace pinscope::inventory
