#include "plugin/cli/apply/repair.h"

#include <cerrno>
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
  std::vector<std::string> names;
  for (const auto& id : ids) {
    PINSCOPE_TRY(const auto of_id, store.files_of_id(id));
    names.insert(names.end(), of_id.begin(), of_id.end());
  }
  if (ids.empty()) {
    PINSCOPE_TRY(names, store.files());
  }
  RecordFiles files;
  for (const auto& name : names) {
    const auto found = store.read(name);
    if (!found) {
      if (ids.empty()) files.unreadable.push_back(found.error());
      continue;
    }
    if (!has_ended(found->record)) files.names.push_back(name);
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
  Application application{
      .dry_run = order.dry_run, .containers = {}, .held = {}, .unreadable = files.unreadable};
  for (const auto& name : files.names) {
    auto swapped = swap_view(policies, features, name, order);
    if (!swapped && swapped.error().errnum() != ENOENT)
      application.unreadable.push_back(std::move(swapped).error());
    else if (swapped && swapped->outcome != Swapped::Outcome::kEnded)
      application.containers.push_back(*std::move(swapped));
  }
  // Nobody reads it of what nobody has asked for, and it takes a look at every process.
  application.held.resize(application.containers.size());
  if (!order.automatic) {
    PINSCOPE_TRY(application.held, look_for_held(application.containers));
  }
  return application;
}

}  // namespace pinscope::cli
