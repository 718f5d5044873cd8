#include "plugin/health/every_start.h"

#include <algorithm>
#include <optional>
#include <string>

#include "plugin/kernel/bpf/source.h"
#include "plugin/kernel/sys.h"
#include "plugin/policy/decide/decide.h"
#include "plugin/policy/decide/grantable.h"
#include "plugin/policy/decide/host_view.h"

namespace pinscope::health {

using model::Finding;
using model::Policy;
using Level = Finding::Level;

namespace {

// Each group of policies that select the same containers is decided once, with all that select
// everything: enough for what people write, and no more than a moment.
constexpr size_t kMaxGroups = 256;

// A host on which globs match nothing: what they match refuses no start for certain.
policy::HostView empty_host() {
  policy::HostView host;
  host.same_namespace = [](const model::Container&, model::NamespaceKind, const std::string&) {
    return false;
  };
  host.pins_matching = [](const model::Pattern&) { return model::MatchingPins(); };
  return host;
}

// What these policies give a container that all of them select. What they delegate depends on the
// container, so it is left out.
Result<model::Decision> decide_together(std::vector<Policy> policies) {
  for (auto& policy : policies) {
    policy.select = {};
    policy.exclusions.clear();
    policy.delegate.reset();
  }
  return policy::decide(policies, model::Container(), empty_host());
}

std::optional<Error> conflict_of(std::vector<Policy> policies) {
  auto decision = decide_together(std::move(policies));
  if (decision || decision.error().code() != ErrorCode::kPolicyConflict) return std::nullopt;
  return std::move(decision).error();
}

// A pin that is missing, or another object than is expected; nothing where it cannot be told.
std::optional<Error> missing_source(const model::Decision& decision) {
  const auto descriptors = kernel::open_descriptor_directory();
  if (!descriptors) return std::nullopt;
  kernel::SourceOpener sources(descriptors->get(), policy::ObjectJudge());
  for (const auto& grant : decision.grants) {
    auto opened = sources.open(grant);
    if (opened) continue;
    const ErrorCode code = opened.error().code();
    if (code == ErrorCode::kSourceMissing && grant.missing != model::Missing::kFail) continue;
    if (code == ErrorCode::kSourceMissing || code == ErrorCode::kSourceMismatch ||
        code == ErrorCode::kAccessUnsupported)
      return std::move(opened).error().rule(to_string(grant.rule));
  }
  return std::nullopt;
}

Finding finding(Level level, std::string detail, std::string action = "") {
  return {level, "policy", "every start", std::move(detail), std::move(action)};
}

bool selects_the_same(const Policy& one, const Policy& other) {
  return one.select == other.select &&
         std::ranges::equal(one.exclusions, other.exclusions, {}, &model::Exclusion::matching,
                            &model::Exclusion::matching);
}

}  // namespace

bool selects_everything(const Policy& policy) {
  return policy.select == model::Select() && policy.exclusions.empty();
}

Finding check_every_start(const std::vector<Policy>& policies) {
  std::vector<Policy> for_all;
  std::ranges::copy_if(policies, std::back_inserter(for_all), selects_everything);
  const auto decision = decide_together(for_all);
  std::optional<Error> refusal = conflict_of(for_all);
  if (!refusal && decision) refusal = missing_source(*decision);
  if (refusal)
    return finding(
        Level::kFail, "every container is refused: " + refusal->sentence(),
        "correct the policies; pinscope explain --bundle DIR says what a container gets");
  std::vector<const Policy*> groups;
  for (const Policy& first : policies) {
    const auto same = [&](const Policy* other) { return selects_the_same(first, *other); };
    if (selects_everything(first) || std::ranges::any_of(groups, same)) continue;
    if (groups.size() == kMaxGroups) break;
    groups.push_back(&first);
    std::vector<Policy> together = for_all;
    std::ranges::copy_if(policies, std::back_inserter(together),
                         [&](const Policy& other) { return selects_the_same(first, other); });
    if (const auto conflict = conflict_of(std::move(together)))
      return finding(Level::kFail,
                     "every container that policy \"" + first.name +
                         "\" selects is refused: " + conflict->sentence(),
                     "make the two agree, or let them select different containers");
  }
  return finding(Level::kOk, "refused by no policy for certain");
}

}  // namespace pinscope::health
