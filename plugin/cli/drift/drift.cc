// `pinscope drift`: which containers that run are not what the policies would make of them now.
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <memory>
#include <set>
#include <string>
#include <utility>

#include "plugin/base/text.h"
#include "plugin/cli/apply/repair.h"
#include "plugin/cli/commands.h"
#include "plugin/cli/drift/text.h"
#include "plugin/cli/explain/next_policies.h"
#include "plugin/drift/look.h"
#include "plugin/inventory/collect.h"
#include "plugin/inventory/find_container.h"

namespace pinscope::cli {
namespace {

constexpr const char* kPlugin = "nagios";
constexpr const char* kStage = "drift";
constexpr int kRounds = 2;
constexpr auto kExitDrift = static_cast<ExitStatus>(3);

struct DriftOptions {
  std::string container;
  std::string format;  // empty: what --output says
  bool repair = false;
};

// What a container has lost of its view, or who was killed at changing it has left.
bool is_repaired_by_swap(drift::Kind kind) {
  return kind == drift::Kind::kViewMissing || kind == drift::Kind::kSealBroken ||
         kind == drift::Kind::kIncomplete;
}

// What it is not to have is taken away, and its view stays.
bool is_repaired_by_mask(drift::Kind kind) {
  return kind == drift::Kind::kLaterMount;
}

// What fails is told, and still there when one looks again.
Status repair(const Settings& settings, const drift::Drift& drift) {
  PINSCOPE_TRY(const auto next, policies_to_apply(settings));
  std::set<std::string> ids;
  std::set<std::string> of_view;
  std::set<std::string> of_values;
  bool has_leftovers = false;
  for (const auto& entry : drift.entries) {
    if (entry.subject && (is_repaired_by_swap(entry.kind) || entry.of_values))
      of_view.insert(entry.subject->id);
    if (entry.subject && (is_repaired_by_mask(entry.kind) || of_view.contains(entry.subject->id)))
      ids.insert(entry.subject->id);
    if (entry.subject && entry.of_values) of_values.insert(entry.subject->id);
    has_leftovers = has_leftovers || entry.kind == drift::Kind::kLeftover;
  }
  SwapOrder order{.options = settings.hook, .stage = kStage, .by = this_caller()};
  for (const auto& id : ids) {
    order.repair = of_view.contains(id);
    order.repair_values = of_values.contains(id);
    PINSCOPE_TRY(const auto files, files_of_running(settings, {id}));
    PINSCOPE_TRY(const auto application, apply_to(files, next.policies, order));
    for (const auto& one : application.containers)
      if (one.error) report(*one.error);
  }
  if (!has_leftovers) return {};
  PINSCOPE_TRY(const auto removed,
               inventory::collect({.state_directory = settings.hook.state_directory,
                                   .audit_path = settings.hook.audit.path}));
  for (const auto& one : removed)
    if (one.error) report(*one.error);
  return {};
}

Result<drift::Drift> look(const Settings& settings, const DriftOptions& options) {
  PINSCOPE_CHECK(check_given_path(settings, "policy"));
  PINSCOPE_CHECK(check_given_path(settings, "state-dir"));
  if (::geteuid() != 0)
    return std::unexpected(Error::system("look at other containers", EPERM)
                               .hint("only root sees their views and configurations"));
  std::string container;
  if (!options.container.empty()) {
    PINSCOPE_TRY(container,
                 inventory::find_container_id(options.container, settings.hook.state_directory));
  }
  PINSCOPE_TRY(const auto next, read_next_policies(settings));
  PINSCOPE_TRY(auto drift, drift::look_for_drift(next.policies,
                                                 {.state_directory = settings.hook.state_directory,
                                                  .container = std::move(container)}));
  if (next.last_good) {
    drift.entries.push_back(
        {.kind = drift::Kind::kLastGood, .subject = {}, .text = last_good_note(next), .rule = {}});
    std::ranges::stable_sort(drift.entries, {}, &drift::Entry::kind);
  }
  return drift;
}

Result<ExitStatus> run_drift(const Settings& settings, const DriftOptions& options) {
  if (settings.json() && !options.format.empty() && options.format != "json")
    return std::unexpected(Error(ErrorCode::kUsage, "print --format " + options.format)
                               .reason("--output asks for json"));
  auto drift = look(settings, options);
  // Values are looked at once the rest of a view is there.
  bool again = options.repair;
  for (int round = 0; drift && again && round < kRounds; ++round) {
    PINSCOPE_CHECK(repair(settings, *drift));
    drift = look(settings, options);
    again = drift && std::ranges::any_of(drift->entries, &drift::Entry::of_values);
  }
  if (options.format == kPlugin) {
    const auto result = drift ? to_plugin_result(*drift) : unknown_result(drift.error().sentence());
    print(result.line);
    return static_cast<ExitStatus>(result.status);
  }
  if (!drift) return std::unexpected(drift.error());
  const bool json = options.format == "json" || settings.json();
  print(json ? to_json(*drift) : to_text(*drift, settings.palette()));
  if (drift->found()) return kExitDrift;
  return drift->entries.empty() ? kExitOk : kExitFailure;
}

}  // namespace

void add_drift(CLI::App& root, Program& program) {
  auto options = std::make_shared<DriftOptions>();
  add_command(root, program, "drift",
              "Show which running containers are not what the policies would make of them now",
              [&program, options] { return run_drift(program.settings, *options); })
      .option(
          "--container", options->container, "CONTAINER",
          "Only this one: its id, a unique beginning of it, or the name that its engine gave it")
      .choice("--format", options->format, {"table", "json", kPlugin},
              "How to print it, beside what --output offers: as a plugin of Nagios or Icinga")
      .flag("--repair", options->repair,
            "Make views again that a container has lost or whose seal is broken, end changes that "
            "were cut short, and remove what containers have left behind; then look again")
      .shared_options(program.settings, {"policy", "cache-dir", "state-dir", "audit"})
      .output_options(program.settings)
      .footer(
          "Critical: extra (a grant that no policy gives it now); wider (it can do more than they "
          "say); unselected (a view, and no policy selects the container); seal-broken; "
          "later-mount (a bpffs that was mounted after the view); view-missing.\n"
          "Warning: missing (a grant that it lacks); narrower; changed (name, owner, place); stale "
          "(its source names another object); source-gone; refused (it would not start now); "
          "no-view (a policy selects it, and it has none); values-unserved (nobody answers who "
          "reads "
          "its values); incomplete (its hook did not finish); "
          "last-good (the policy files have errors); leftover (a record of a container that has "
          "ended); damaged (a record that cannot be read).\n"
          "unknown: it could not be looked at.\n"
          "Nothing is changed without --repair, which gives such a container the view that the "
          "policies say now. Exit status: 0 no drift; 1 failure, or something could not be "
          "looked at; 2 usage error; 3 drift. With --format nagios: 0 OK; 1 WARNING; 2 CRITICAL; "
          "3 UNKNOWN.");
}

}  // namespace pinscope::cli
