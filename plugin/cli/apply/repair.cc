#include "plugin/cli/apply/repair.h"

#include <algorithm>
#include <utility>

#include "plugin/base/text.h"
#include "plugin/inventory/find_container.h"
#include "plugin/kernel/probe.h"
#include "plugin/pipeline/ledger.h"
#include "plugin/record/store.h"

namespace pinscope::cli {

Result<NextPolicies> policies_to_apply(const Settings& settings) {
  PINSCOPE_CHECK(check_given_path(settings, "policy"));
  PINSCOPE_CHECK(check_given_path(settings, "state-dir"));
  PINSCOPE_TRY(auto next, read_next_policies(settings));
  if (!next.last_good) return next;
  return std::unexpected(Error(ErrorCode::kPolicyInvalid, "change containers that run")
                             .reason(last_good_note(next))
                             .hint("nothing was changed; `pinscope check` shows every error"));
}

Result<RecordFiles> files_of_running(const Settings& settings,
                                     const std::vector<std::string>& ids) {
  PINSCOPE_TRY(const auto store, record::Store::open(settings.hook.state_directory, false));
  PINSCOPE_TRY(const auto names, store.files());
  RecordFiles files;
  for (const auto& name : names) {
    const auto found = store.read(name);
    if (!found) {
      if (ids.empty()) files.unreadable.push_back(found.error());
      continue;
    }
    const auto& record = found->record;
    const bool is_meant = ids.empty() || std::ranges::find(ids, record.given.id) != ids.end();
    if (is_meant && !has_ended(record)) files.names.push_back(name);
  }
  return files;
}

Result<RecordFiles> files_of_container(const Settings& settings, const std::string& name) {
  PINSCOPE_TRY(const auto id, inventory::find_container_id(name, settings.hook.state_directory));
  PINSCOPE_TRY(auto files, files_of_running(settings, {id}));
  if (files.names.empty())
    return std::unexpected(Error(ErrorCode::kRecord, "change the view of " + quoted(id))
                               .reason("no container that runs has a record with this id")
                               .hint("only what was started with the hook can be changed"));
  return files;
}

Result<Application> apply_to(const RecordFiles& files, const std::vector<model::Policy>& policies,
                             const SwapOrder& order) {
  const auto features = kernel::features_to_swap();
  PINSCOPE_TRY(const auto store, record::Store::open(order.options.state_directory, false));
  Application application{
      .dry_run = order.dry_run, .containers = {}, .held = {}, .unreadable = files.unreadable};
  std::vector<model::Record> before;
  for (const auto& name : files.names) {
    auto found = store.read(name);
    if (!found) continue;
    auto swapped = swap_view(policies, features, name, order);
    if (!swapped)
      swapped = Swapped{.outcome = Swapped::Outcome::kFailed,
                        .record = found->record,
                        .changes = {},
                        .error = std::move(swapped).error()};
    if (swapped->outcome == Swapped::Outcome::kEnded) continue;
    before.push_back(std::move(found->record));
    application.containers.push_back(*std::move(swapped));
  }
  // Nobody reads it of what nobody has asked for, and it takes a look at every process.
  application.held.resize(application.containers.size());
  if (!order.automatic) {
    PINSCOPE_TRY(application.held, look_for_held(before, application.containers));
  }
  return application;
}

}  // namespace pinscope::cli
