#include "plugin/health/follow.h"

#include <unistd.h>

#include <algorithm>
#include <utility>

#include "plugin/base/text.h"
#include "plugin/health/named.h"
#include "plugin/kernel/process/process.h"
#include "plugin/policy/language/load.h"
#include "plugin/record/store.h"

namespace pinscope::health {

using model::Finding;
using model::Findings;
using Level = Finding::Level;

namespace {

constexpr const char* kPart = "follow";
constexpr const char* kStart = "enable pinscope-follow.service, or run pinscoped --follow";
// Where `systemctl enable` says that the timer is to run, for good or until the next start.
constexpr const char* kTimers[] = {
    "/etc/systemd/system/timers.target.wants/pinscope-exceptions.timer",
    "/run/systemd/system/timers.target.wants/pinscope-exceptions.timer"};

bool asks(const model::Policy& policy) {
  if (policy.on_change.value_or(model::OnChange::kReport) != model::OnChange::kReport) return true;
  return std::ranges::any_of(policy.grants, [](const model::Grant& grant) {
    return grant.follow || grant.missing == model::Missing::kWait;
  });
}

bool asks(const model::Record& record) {
  if (record.on_change != model::OnChange::kReport || !record.followed.empty()) return true;
  return std::ranges::any_of(record.given.pins, [](const model::PinnedObject& pin) {
    return pin.grant.follow || pin.waits();
  });
}

bool has_an_end(const model::Record& record) {
  return std::ranges::any_of(record.exceptions,
                             [](const model::Exception& one) { return one.until_ns != 0; });
}

std::string clause(const std::vector<std::string>& names, const char* one, const char* many) {
  return count_of(names.size(), one, many) + ": " + first_names(names);
}

// Who asks for what nobody does, in clauses.
std::vector<std::string> who_asks(const Followed& followed) {
  std::vector<std::string> clauses;
  if (!followed.policies.empty())
    clauses.push_back(clause(followed.policies, "policy asks for it", "policies ask for it"));
  if (!followed.containers.empty())
    clauses.push_back(clause(followed.containers, "container has a view that is to follow",
                             "containers have views that are to follow"));
  if (!followed.with_an_end.empty() && !followed.are_exceptions_undone)
    clauses.push_back(clause(followed.with_an_end, "container has an exception that ends",
                             "containers have exceptions that end"));
  return clauses;
}

// Nobody listens.
Findings nobody(const inventory::FollowService& found, const Followed& followed) {
  const auto clauses = who_asks(followed);
  const std::string away = found.is_set_up ? "away" : "nobody follows";
  if (clauses.empty() && !found.is_set_up) return {};
  if (clauses.empty())
    return {{Level::kWarn, kPart, "service",
             away + ", and nothing asks for it but what others mount in containers that run",
             kStart}};
  const bool are_exceptions_all = followed.policies.empty() && followed.containers.empty();
  return {
      {Level::kFail, kPart, "service",
       away + ": views of containers that run stay as they are; " + joined(clauses, "; "),
       std::string(kStart) +
           (are_exceptions_all ? "; for exceptions, pinscope-exceptions.timer is enough" : "")}};
}

Finding service(const model::FollowStatus& status) {
  return {Level::kOk, kPart, "service",
          count_of(status.containers, "container", "containers") + ", " +
              count_of(status.sources, "source", "sources") + ", " +
              count_of(status.watches, "directory", "directories"),
          ""};
}

void add_troubles(Findings& findings, const model::FollowStatus& status) {
  if (status.without_watch > 0)
    findings.push_back({Level::kWarn, kPart, "watches",
                        count_of(status.without_watch, "directory is", "directories are") +
                            " without a watch: looked at every two seconds",
                        "fs.inotify.max_user_watches may be too low; follow fewer directories"});
  if (status.paused > 0)
    findings.push_back({Level::kWarn, kPart, "paused",
                        count_of(status.paused, "directory changes", "directories change") +
                            " too often to be listened to: looked at from time to time",
                        "find out who pins and unpins there without end"});
  if (status.retrying > 0)
    findings.push_back({Level::kWarn, kPart, "tries",
                        count_of(status.retrying, "container", "containers") +
                            " could not be changed, and will be tried again",
                        "pinscope audit --outcome not-changed --since 1d shows why"});
}

std::vector<model::Record> running_records(const std::string& state_directory) {
  const auto store = record::Store::open(state_directory, false);
  auto all = store ? store->all() : std::unexpected(store.error());
  // Of a store that cannot be read, the part of records says so.
  if (!all) return {};
  std::erase_if(all->records, [](const model::Record& record) {
    return kernel::has_ended(record.given.pid, record.process_start);
  });
  return std::move(all->records);
}

}  // namespace

Followed followed_by(const std::vector<model::Policy>& policies,
                     const std::vector<model::Record>& records) {
  Followed followed;
  for (const auto& policy : policies)
    if (asks(policy)) followed.policies.push_back(one_line(policy.name));
  for (const auto& record : records) {
    if (asks(record)) followed.containers.push_back(one_line(record.given.id));
    if (has_an_end(record)) followed.with_an_end.push_back(one_line(record.given.id));
  }
  return followed;
}

Findings judge_follow(const inventory::FollowService& found, const Followed& followed) {
  if (!found.listens) return nobody(found, followed);
  if (!found.status)
    return {{Level::kWarn, kPart, "service",
             "does not answer in time: it changes many views, or hangs",
             "ask again; the log of pinscoped --follow says what it does"}};
  Findings findings = {service(*found.status)};
  add_troubles(findings, *found.status);
  return findings;
}

Findings check_follow(const std::string& state_directory, const std::string& policy_path) {
  const auto found = inventory::look_at_follow(state_directory);
  if (!found) return {{Level::kFail, kPart, "service", found.error().sentence(), ""}};
  auto followed =
      followed_by(policy::load_path(policy_path).policies, running_records(state_directory));
  followed.are_exceptions_undone =
      std::ranges::any_of(kTimers, [](const char* timer) { return ::access(timer, F_OK) == 0; });
  return judge_follow(*found, followed);
}

}  // namespace pinscope::health
