#include "plugin/health/values.h"

#include <algorithm>
#include <optional>

#include "plugin/base/text.h"
#include "plugin/health/named.h"
#include "plugin/policy/language/load.h"
#include "plugin/record/store.h"

namespace pinscope::health {

using model::Finding;
using model::Findings;
using Level = Finding::Level;

namespace {

constexpr const char* kPart = "values";

Finding holder(const inventory::ValuesService& found) {
  if (found.has_holder) return {Level::kOk, kPart, "holder", "there", ""};
  return {Level::kFail, kPart, "holder",
          "nobody keeps the file systems of values: containers whose policies ask for values do "
          "not start",
          "start pinscope-values-holder.service, or pinscoped --values"};
}

Finding service(const inventory::ValuesService& found) {
  if (!found.status)
    return {Level::kFail, kPart, "service",
            found.has_holder ? "away: whoever reads values waits until it is back"
                             : "away: whoever reads values gets an error",
            "start pinscope-values.service, or pinscoped --values"};
  const std::string detail =
      count_of(inventory::containers_of(*found.status).size(), "container", "containers");
  switch (found.status->state) {
    case model::ValuesState::kServing:
      return {Level::kOk, kPart, "service", detail, ""};
    case model::ValuesState::kWaiting:
      return {Level::kWarn, kPart, "service", detail + ", and no holder that works with it",
              "the log of pinscoped --values says why"};
    case model::ValuesState::kStarting:
      return {Level::kWarn, kPart, "service",
              "the process that answers readers has ended or hangs: they wait",
              "the log of pinscoped --values says why; it is started again by itself"};
  }
  return {};
}

void add_set_aside(Findings& findings, const model::ValuesStatus& status) {
  std::vector<std::string> names;
  for (const auto& lease : status.leases)
    if (lease.set_aside) names.push_back(one_line(lease.container));
  if (names.empty()) return;
  findings.push_back({Level::kFail, kPart, "set-aside",
                      "two processes that serve values ended over those of " + first_names(names) +
                          ": they are not served any more, and readers get an error",
                      "the log of pinscoped --values says how they ended; the service tries again "
                      "when it is restarted, and something is wrong with it or with the map"});
}

Finding nobody(const std::vector<std::string>& wanted_by) {
  const bool is_one = wanted_by.size() == 1;
  return {Level::kFail, kPart, "service",
          std::string(is_one ? "policy " : "policies ") + first_names(wanted_by) +
              (is_one ? " wants" : " want") + " values and nothing serves them: containers that " +
              (is_one ? "it selects" : "they select") + " do not start",
          "enable pinscope-values-holder.service and pinscope-values.service, or run pinscoped "
          "--values"};
}

std::vector<std::string> policies_with_values(const std::string& policy_path) {
  const auto shows = [](std::optional<model::ValuesMode> mode) {
    return mode && *mode != model::ValuesMode::kNone;
  };
  std::vector<std::string> names;
  for (const auto& policy : policy::load_path(policy_path).policies)
    if (policy.view.values || std::ranges::any_of(policy.grants, [&](const model::Grant& grant) {
          return shows(grant.values);
        }))
      names.push_back(one_line(policy.name));
  return names;
}

Finding strangers(const model::ValuesStatus& status, const std::set<std::string>& records) {
  std::vector<std::string> names;
  for (const auto& id : inventory::containers_of(status))
    if (!records.contains(id)) names.push_back(one_line(id));
  if (names.empty()) return {Level::kOk, kPart, "records", "each container has one", ""};
  const size_t count = names.size();
  return {Level::kWarn, kPart, "records",
          count_of(count, "container has", "containers have") +
              " values and no record: " + first_names(std::move(names)),
          "something keeps their file systems mounted: pinscope inventory, or a process that "
          "outlived its container"};
}

}  // namespace

Findings judge_values(const inventory::ValuesService& found, const std::set<std::string>& records,
                      const std::vector<std::string>& wanted_by) {
  if (!found.is_set_up && wanted_by.empty()) return {};
  if (!found.is_set_up) return {nobody(wanted_by)};
  Findings findings = {holder(found), service(found)};
  if (!found.status) return findings;
  if (found.status->unusable > 0)
    findings.push_back(
        {Level::kFail, kPart, "leases",
         count_of(found.status->unusable, "container's values", "containers' values") +
             " cannot be served",
         "the log of pinscoped --values says why"});
  add_set_aside(findings, *found.status);
  findings.push_back(strangers(*found.status, records));
  return findings;
}

Findings check_values(const std::string& state_directory, const std::string& policy_path) {
  const auto found = inventory::look_at_values(state_directory);
  if (!found) return {{Level::kFail, kPart, "service", found.error().sentence(), ""}};
  std::set<std::string> records;
  const auto store = record::Store::open(state_directory, false);
  const auto all = store ? store->all() : std::unexpected(store.error());
  if (all)
    for (const auto& record : all->records) records.insert(record.given.id);
  return judge_values(*found, records, policies_with_values(policy_path));
}

}  // namespace pinscope::health
