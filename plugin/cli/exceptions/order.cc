#include "plugin/cli/exceptions/order.h"

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "plugin/base/clock.h"
#include "plugin/base/text.h"
#include "plugin/policy/glob.h"

namespace pinscope::cli {
namespace {

constexpr std::string_view kUnits = "smhdw";
constexpr uint64_t kSeconds[] = {1, 60, 3600, 86400, 604800};
constexpr uint64_t kLongest = uint64_t{52} * 604800;  // seconds
constexpr uint64_t kSecond = 1'000'000'000;

}  // namespace

Result<uint64_t> read_duration(std::string_view text) {
  const size_t unit = text.empty() ? std::string_view::npos : kUnits.find(text.back());
  const auto count = unit == std::string_view::npos
                         ? std::nullopt
                         : parse_unsigned(text.substr(0, text.size() - 1));
  if (count && *count > 0 && *count <= kLongest / kSeconds[unit])
    return *count * kSeconds[unit] * kSecond;
  return std::unexpected(Error(ErrorCode::kUsage, "understand --for " + quoted(text))
                             .reason("expected a duration such as 90s, 10m, 2h, 1d or 1w, of at "
                                     "most 52w"));
}

Result<std::string> read_reason(const std::string& text) {
  const Error error(ErrorCode::kUsage, "make an exception");
  if (trimmed(text).empty())
    return std::unexpected(
        Error(error).reason("--reason is needed: the audit trail and every output say it"));
  if (text.size() > model::kLongestReason)
    return std::unexpected(Error(error).reason("the reason is longer than " +
                                               std::to_string(model::kLongestReason) + " bytes"));
  return text;
}

Result<model::Exception> new_exception(model::Exception::Kind kind,
                                       const ExceptionOptions& options) {
  model::Exception exception{.kind = kind,
                             .pin = {},
                             .object = {},
                             .name = {},
                             .made_ns = wall_clock_ns(),
                             .by = this_caller(),
                             .reason = {}};
  PINSCOPE_TRY(exception.reason, read_reason(options.reason));
  if (!options.duration.empty()) {
    PINSCOPE_TRY(const uint64_t duration, read_duration(options.duration));
    exception.until_ns = exception.made_ns + duration;
  }
  return exception;
}

Status check_root(const char* what) {
  if (::geteuid() == 0) return {};
  return std::unexpected(Error::system(what, EPERM).hint("this command needs root"));
}

Result<RecordFiles> files_for(const Settings& settings, const std::string& container) {
  return container.empty() ? files_of_running(settings, {})
                           : files_of_container(settings, container);
}

Judges policies_to_take_away(const Settings& settings) {
  auto next = read_next_policies(settings);
  if (!next) {
    report(next.error());
    return {.policies = {}, .none = std::move(next).error()};
  }
  if (next->last_good) report(last_good_note(*next));
  return {.policies = std::move(next->policies)};
}

Result<Application> carry_out(const Settings& settings, const RecordFiles& files,
                              const Judges& judges, const char* stage,
                              const ExceptionOrder& exceptions) {
  PINSCOPE_TRY(auto application, apply_to(files, judges.policies,
                                          {.options = settings.hook,
                                           .stage = stage,
                                           .by = this_caller(),
                                           .exceptions = &exceptions,
                                           .no_policies = judges.none}));
  if (!application.containers.empty() || exceptions.wherever) return application;
  return std::unexpected(
      Error(ErrorCode::kProcessGone, "change the view of the container").reason("it has ended"));
}

ExitStatus status_of_exceptions(const Application& application) {
  const auto failed = [](const Swapped& one) {
    return one.outcome == Swapped::Outcome::kFailed || one.outcome == Swapped::Outcome::kRefused ||
           !one.changes.left.empty();
  };
  return application.unreadable.empty() && std::ranges::none_of(application.containers, failed)
             ? kExitOk
             : kExitFailure;
}

std::vector<model::Rule> granted_still(const Application& application,
                                       const std::vector<model::Policy>& policies) {
  std::vector<model::Rule> rules;
  // The record says what gave it then.
  const auto is_there = [&](const model::Rule& rule, const std::string& source) {
    const auto gives = [&](const model::Grant& grant) {
      return grant.place == rule.place &&
             (grant.pin == source || policy::glob_matches(grant.pin, source));
    };
    return std::ranges::any_of(policies, [&](const model::Policy& policy) {
      return policy.name == rule.policy && std::ranges::any_of(policy.grants, gives);
    });
  };
  for (const auto& one : application.containers) {
    const auto& record = one.record;
    if (one.outcome != Swapped::Outcome::kChanged) continue;
    for (const auto& refusal : record.given.refusals)
      if (model::exception_behind(refusal.denied_by, record.exceptions) != nullptr &&
          model::exception_behind(refusal.granted_by, record.exceptions) == nullptr &&
          is_there(refusal.granted_by, refusal.source) &&
          std::ranges::find(rules, refusal.granted_by) == rules.end())
        rules.push_back(refusal.granted_by);
  }
  return rules;
}

}  // namespace pinscope::cli
