// `pinscope apply`: containers that run get the views that the policies say now.
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "plugin/base/text.h"
#include "plugin/cli/apply/repair.h"
#include "plugin/cli/apply/text.h"
#include "plugin/cli/commands.h"

namespace pinscope::cli {
namespace {

constexpr const char* kStage = "apply";
// More than one container in so many may not lose all that it has unless somebody says so.
constexpr size_t kOneIn = 10;

struct ApplyOptions {
  std::vector<std::string> containers;
  bool all = false;
  bool automatic = false;
  bool dry_run = false;
  bool yes = false;
};

// The containers that would have no grant left.
std::vector<std::string> emptied(const Application& application) {
  std::vector<std::string> ids;
  for (const auto& one : application.containers)
    if (one.outcome == Swapped::Outcome::kChanged && one.changes.to_nothing)
      ids.push_back(quoted(one.record.given.id));
  return ids;
}

Status check_emptied(const Application& foreseen) {
  const auto ids = emptied(foreseen);
  if (ids.size() <= 1 || ids.size() * kOneIn <= foreseen.containers.size()) return {};
  return std::unexpected(
      Error(ErrorCode::kUsage, "take everything from " + joined(ids, ", "))
          .reason(std::to_string(ids.size()) + " of " +
                  count_of(foreseen.containers.size(), "container", "containers") +
                  " would have no grant left")
          .hint("nothing was changed; if that is meant, say --yes"));
}

ExitStatus status_of(const Application& application) {
  const auto is = [&](auto outcome) {
    return [outcome](const Swapped& one) { return one.outcome == outcome; };
  };
  const auto& all = application.containers;
  const bool failed =
      !application.unreadable.empty() || std::ranges::any_of(all, is(Swapped::Outcome::kFailed)) ||
      std::ranges::any_of(all, is(Swapped::Outcome::kRefused)) ||
      std::ranges::any_of(all, [](const Swapped& one) { return !one.changes.left.empty(); });
  if (failed) return kExitFailure;
  const bool changes = std::ranges::any_of(all, is(Swapped::Outcome::kChanged));
  return application.dry_run && changes ? kExitDiffers : kExitOk;
}

bool is_held(const Swapped& one) {
  return one.outcome == Swapped::Outcome::kHeld;
}

// Whether policies would take everything from so many that somebody should look at it first. Looks
// at every container: each of those that are asked for alone is one of few.
Result<bool> would_empty_many(const Settings& settings, const NextPolicies& next, SwapOrder order) {
  order.dry_run = true;
  PINSCOPE_TRY(const auto everybody, files_of_running(settings, {}));
  PINSCOPE_TRY(const auto all, apply_to(everybody, next.policies, order));
  const auto count = static_cast<size_t>(std::ranges::count_if(all.containers, is_held));
  return count > 1 && count * kOneIn > all.containers.size();
}

// What nobody has asked for. Those that would lose all that they have wait until it is known how
// many they are.
Result<Application> apply_automatically(const Settings& settings, const NextPolicies& next,
                                        SwapOrder order, const RecordFiles& files) {
  order.last_grant = SwapOrder::LastGrant::kHold;
  PINSCOPE_TRY(auto application, apply_to(files, next.policies, order));
  std::vector<std::string> held;
  for (const auto& one : application.containers)
    if (is_held(one)) held.push_back(one.record.given.id);
  if (held.empty()) return application;
  PINSCOPE_TRY(const bool are_many, would_empty_many(settings, next, order));
  order.last_grant = are_many ? SwapOrder::LastGrant::kKeep : SwapOrder::LastGrant::kTake;
  PINSCOPE_TRY(const auto of_held, files_of_running(settings, held));
  PINSCOPE_TRY(auto then, apply_to(of_held, next.policies, order));
  std::erase_if(application.containers, is_held);
  for (auto& one : then.containers) {
    std::erase_if(application.containers, [&](const Swapped& other) {
      return other.record.given.pid == one.record.given.pid;
    });
    application.containers.push_back(std::move(one));
  }
  application.held.resize(application.containers.size());
  return application;
}

// The containers are those of the options; one that has ended meanwhile is none.
Result<RecordFiles> files_to_apply_to(const Settings& settings, const ApplyOptions& options) {
  if (options.all) return files_of_running(settings, {});
  if (options.automatic) return files_of_running(settings, options.containers);
  RecordFiles files;
  for (const auto& name : options.containers) {
    PINSCOPE_TRY(const auto one, files_of_container(settings, name));
    files.names.insert(files.names.end(), one.names.begin(), one.names.end());
  }
  return files;
}

Result<ExitStatus> run_apply(const Settings& settings, const ApplyOptions& options) {
  if (options.all != options.containers.empty())
    return std::unexpected(Error(ErrorCode::kUsage, "apply the policies")
                               .reason("either --container or --all says to whom"));
  if (::geteuid() != 0)
    return std::unexpected(
        Error::system("change the views of containers", EPERM).hint("this command needs root"));
  PINSCOPE_TRY(const auto next, policies_to_apply(settings));
  PINSCOPE_TRY(const auto files, files_to_apply_to(settings, options));
  SwapOrder order{.options = settings.hook,
                  .stage = kStage,
                  .by = this_caller(),
                  .dry_run = true,
                  .automatic = options.automatic};
  if (!options.automatic && !options.yes && !options.dry_run) {
    PINSCOPE_TRY(const auto foreseen, apply_to(files, next.policies, order));
    PINSCOPE_CHECK(check_emptied(foreseen));
  }
  order.dry_run = options.dry_run;
  PINSCOPE_TRY(const auto application, options.automatic
                                           ? apply_automatically(settings, next, order, files)
                                           : apply_to(files, next.policies, order));
  print(settings.json() ? to_json(application) : to_text(application, settings.palette()));
  for (const auto& error : application.unreadable) report(error);
  return status_of(application);
}

}  // namespace

void add_apply(CLI::App& root, Program& program) {
  auto options = std::make_shared<ApplyOptions>();
  add_command(root, program, "apply",
              "Give containers that run the views that the policies say now",
              [&program, options] { return run_apply(program.settings, *options); })
      .repeatable_option(
          "--container", options->containers, "CONTAINER",
          "This one: its id, a unique beginning of it, or the name that its engine gave it")
      .flag("--all", options->all, "All that run and have a record")
      .flag("--automatic", options->automatic,
            "Only views that change by what they follow, or whose policy says `onChange: apply`; "
            "what pinscoped --follow runs, with whole ids")
      .flag("-n,--dry-run", options->dry_run, "Say what would be changed, change nothing")
      .flag("--yes", options->yes,
            "Also if more than one container, and more than one in ten, would have no grant left")
      .shared_options(program.settings, {"policy", "cache-dir", "state-dir", "audit"})
      .output_options(program.settings)
      .footer(
          "A new view is built, sealed, and put in the place of the old one at once: processes in "
          "the container see one or the other. For each container all of it is done or nothing. "
          "What is open stays open: the processes that have what is not granted any more are "
          "listed. BPF tokens, and the place of a view, are a matter of the next start.\n"
          "If the policy files have an error, nothing is changed.\n"
          "Exit status: 0 the views are what the policies say; 1 one could not be changed, or not "
          "in everything; 2 usage error, or --yes is needed; 3 with --dry-run: something would be "
          "changed.");
}

}  // namespace pinscope::cli
