// `pinscope grant`: gives a container that runs one pin for some time.
#include <algorithm>
#include <csignal>
#include <cstdio>
#include <memory>
#include <utility>

#include "plugin/base/clock.h"
#include "plugin/base/path.h"
#include "plugin/base/text.h"
#include "plugin/cli/commands.h"
#include "plugin/cli/exceptions/order.h"
#include "plugin/model/words.h"
#include "plugin/pipeline/ledger.h"
#include "plugin/policy/glob.h"
#include "plugin/record/store.h"

namespace pinscope::cli {
namespace {

using Kind = model::Exception::Kind;

constexpr const char* kStage = "grant";
constexpr uint64_t kBetweenLooks = 500'000'000;  // nanoseconds
constexpr uint64_t kSecond = 1'000'000'000;

struct GrantOptions : ExceptionOptions {
  std::string pin;
  std::string access = "read";
  std::string name;
  bool wait = false;
};

Status check_usage(const GrantOptions& options) {
  const Error error(ErrorCode::kUsage, "grant " + quoted(options.pin));
  if (!parse_absolute(options.pin) || policy::is_glob(options.pin))
    return std::unexpected(
        Error(error).reason("expected the path of one pin on the host, without a glob"));
  if (options.undo != options.duration.empty())
    return std::unexpected(
        Error(error).reason(options.undo ? "--for does not go with --undo" : "--for is needed"));
  if (options.undo && options.wait)
    return std::unexpected(Error(error).reason("--wait does not go with --undo"));
  return {};
}

Result<ExceptionOrder> order_of(const GrantOptions& options) {
  ExceptionOrder order;
  PINSCOPE_TRY(auto made, new_exception(Kind::kGrant, options));
  if (options.undo) {
    order.undone = ExceptionOrder::Undo{.kind = Kind::kGrant,
                                        .pins = {options.pin},
                                        .reason = options.reason,
                                        .name = options.name};
    return order;
  }
  made.pin = options.pin;
  made.name = options.name.empty() ? std::string(base_name(options.pin)) : options.name;
  made.access = model::value_named<model::Access>(options.access, model::name_of)
                    .value_or(model::Access::kRead);
  order.made.push_back(std::move(made));
  return order;
}

// A signal is taken where it is waited for alone: none comes between a grant and its end.
class EndSignals {
 public:
  EndSignals() {
    sigemptyset(&set_);
    for (const int signal : {SIGINT, SIGTERM, SIGHUP}) sigaddset(&set_, signal);
    sigprocmask(SIG_BLOCK, &set_, nullptr);
  }
  // Whether one has come within this time.
  [[nodiscard]] bool wait(uint64_t nanoseconds) const {
    const timespec time{.tv_sec = static_cast<time_t>(nanoseconds / kSecond),
                        .tv_nsec = static_cast<long>(nanoseconds % kSecond)};
    return ::sigtimedwait(&set_, nullptr, &time) > 0;
  }

 private:
  sigset_t set_{};
};

// The exception as one of the records has it, or the one in its place; nothing if none does.
std::optional<model::Exception> find_in(const record::Store& store, const RecordFiles& files,
                                        const model::Exception& wanted) {
  for (const auto& name : files.names) {
    const auto found = store.read(name);
    if (!found || has_ended(found->record)) continue;
    for (const auto& one : found->record.exceptions)
      if (model::is_same_matter(one, wanted) && one.made_ns >= wanted.made_ns) return one;
  }
  return std::nullopt;
}

// Until it has run out, somebody else has undone it, the container has ended, or a signal came.
// Somebody may have made it longer meanwhile.
Result<bool> wait_for_end(const Settings& settings, const RecordFiles& files,
                          const model::Exception& made, const EndSignals& signals) {
  PINSCOPE_TRY(const auto store, record::Store::open(settings.hook.state_directory, false));
  for (;;) {
    const auto now_there = find_in(store, files, made);
    if (!now_there) return false;
    const uint64_t now = wall_clock_ns();
    if (!model::is_in_force(*now_there, now)) return true;
    if (signals.wait(std::min(kBetweenLooks, now_there->until_ns - now))) return true;
  }
}

Result<Application> undo(const Settings& settings, const RecordFiles& files,
                         const model::Exception& made) {
  ExceptionOrder order;
  // And not what somebody else has put in its place.
  order.undone = ExceptionOrder::Undo{.kind = Kind::kGrant,
                                      .pins = {made.pin},
                                      .reason = made.reason,
                                      .name = made.name,
                                      .made_ns = made.made_ns};
  order.wherever = true;
  return carry_out(settings, files, policies_to_take_away(settings), kStage, order);
}

Result<ExitStatus> stay(const Settings& settings, const RecordFiles& files,
                        const model::Exception& made, const EndSignals& signals) {
  std::fflush(stdout);
  PINSCOPE_TRY(const bool is_there, wait_for_end(settings, files, made, signals));
  if (!is_there) return kExitOk;
  PINSCOPE_TRY(const auto application, undo(settings, files, made));
  if (!settings.json()) print(to_text(application, settings.palette()));
  return status_of_exceptions(application);
}

std::string who_undoes(const model::Exception& made) {
  return "It ends at " + utc_time(made.until_ns) +
         ": from then on every output calls it run out, and the view is taken back by whoever runs "
         "`pinscope exceptions --expire` next. pinscope-exceptions.timer does it, where it is "
         "enabled; --wait would have done it from here.\n";
}

// What takes away may take it from each of them.
Status check_is_one(const RecordFiles& files, const std::string& container) {
  if (files.names.size() == 1) return {};
  return std::unexpected(Error(ErrorCode::kUsage, "grant something to " + quoted(container))
                             .reason("it may be any of " + std::to_string(files.names.size()) +
                                     " containers that run and have this id")
                             .hint("a policy tells them apart, by `bundle`"));
}

Result<ExitStatus> grant(const Settings& settings, const GrantOptions& options) {
  PINSCOPE_CHECK(check_usage(options));
  PINSCOPE_TRY(const auto exceptions, order_of(options));
  PINSCOPE_CHECK(check_root("change the view of a container"));
  Judges judges;
  if (options.undo) {
    judges = policies_to_take_away(settings);
  } else {
    PINSCOPE_TRY(auto next, policies_to_apply(settings));
    judges.policies = std::move(next.policies);
  }
  PINSCOPE_TRY(const auto files, files_for(settings, options.container));
  if (!options.undo) PINSCOPE_CHECK(check_is_one(files, options.container));
  std::optional<EndSignals> signals;
  if (options.wait) signals.emplace();
  PINSCOPE_TRY(const auto application, carry_out(settings, files, judges, kStage, exceptions));
  const auto status = status_of_exceptions(application);
  print(settings.json() ? to_json(application) : to_text(application, settings.palette()));
  const bool is_made = std::ranges::any_of(application.containers, [](const Swapped& one) {
    return one.outcome == Swapped::Outcome::kChanged;
  });
  if (options.undo || !is_made) return status;
  const auto& made = exceptions.made.front();
  if (options.wait) return stay(settings, files, made, *signals);
  if (!settings.json()) print(who_undoes(made));
  return status;
}

}  // namespace

void add_grant(CLI::App& root, Program& program) {
  auto options = std::make_shared<GrantOptions>();
  add_command(root, program, "grant", "Give a container that runs one pin, for some time",
              [&program, options] { return grant(program.settings, *options); })
      .argument("PIN", options->pin, "The pin's path on the host")
      .required_option("--container", options->container, "CONTAINER",
                       "To this one: its id, a unique beginning of it, or the name that its engine "
                       "gave it")
      .required_option("--reason", options->reason, "TEXT",
                       "Why: it stands in the audit trail, and wherever the exception is shown")
      .option("--for", options->duration, "DURATION", "How long: 90s, 10m, 2h, 1d, 1w")
      .choice("--access", options->access, {"read", "read-write", "use"},
              "As policies say it (default read)")
      .option("--name", options->name, "NAME",
              "Its name in the view (default: the last part of PIN)")
      .flag("--wait", options->wait,
            "Stay until the time is up, and take it back then; also on SIGINT, SIGTERM and SIGHUP")
      .flag("--undo", options->undo, "Take it back now")
      .shared_options(program.settings, {"policy", "cache-dir", "state-dir", "audit"})
      .output_options(program.settings)
      .footer(
          "An exception is made in the record of the container, and the view is replaced at once, "
          "as apply does. It is judged as a grant of a policy is: a denial wins, whoever says it, "
          "and what no policy could give cannot be given for some time either. Once more for the "
          "same pin and name: it ends at the new time.\n"
          "It ends with the container. What has run out is undone by `pinscope exceptions "
          "--expire`, by any other change of the view, or by --wait.\n"
          "Exit status: 0 done; 1 it was refused, or could not be done, or not in everything; 2 "
          "usage error.");
}

}  // namespace pinscope::cli
