#include "plugin/cli/explain/next_policies.h"

#include <algorithm>
#include <utility>

#include "plugin/base/text.h"
#include "plugin/policy/set/cache.h"
#include "plugin/policy/set/install.h"

namespace pinscope::cli {

std::string last_good_note(const NextPolicies& next) {
  using Severity = policy::Diagnostic::Severity;
  if (!next.last_good) return "";
  std::string text = "the policy files are not in force, an older set is";
  auto why = std::ranges::find(next.diagnostics, Severity::kError, &policy::Diagnostic::severity);
  if (why == next.diagnostics.end()) why = next.diagnostics.begin();
  if (why != next.diagnostics.end())
    text += ": " + model::to_string(why->place) + ": " + one_line(why->message);
  return text;
}

Result<NextPolicies> read_next_policies(const Settings& settings) {
  const policy::StoreOptions& store = settings.hook.policy;
  const bool installed = store.policy_path == policy::StoreOptions().policy_path;
  policy::Loaded loaded =
      policy::load_for_install(store.policy_path, store.cache_directory,
                               installed ? policy::Trust::kRequired : policy::Trust::kIgnored);
  if (loaded.ok()) {
    auto why = policy::not_taken_up(store.policy_path, store.cache_directory);
    if (!why) return NextPolicies{.policies = std::move(loaded.policies)};
    loaded.diagnostics = {*std::move(why)};
  }
  const auto cached =
      policy::CachedSet::open(store.cache_directory, store.policy_path, policy::kSetSuffix);
  if (!cached) return std::unexpected(cached.error());
  if (!*cached)
    return std::unexpected(
        Error(ErrorCode::kPolicyUnavailable, "use the policies in " + quoted(store.policy_path))
            .reason("they have errors, and no earlier set is in force")
            .hint("pinscope check shows the errors"));
  PINSCOPE_TRY(auto policies, (*cached)->set().all());
  return NextPolicies{std::move(policies), std::move(loaded.diagnostics), true};
}

}  // namespace pinscope::cli
