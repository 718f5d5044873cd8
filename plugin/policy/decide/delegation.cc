#include "plugin/policy/decide/delegation.h"

#include <algorithm>

#include "plugin/base/path.h"
#include "plugin/base/text.h"
#include "plugin/policy/decide/decide.h"
#include "plugin/policy/decide/merge.h"
#include "plugin/policy/decide/program_reach.h"
#include "plugin/policy/decide/program_types.h"
#include "plugin/policy/decide/select.h"

namespace pinscope::policy {
namespace {

using model::Container;
using model::Decision;
using model::Delegation;
using model::NamespaceKind;
using model::TokenRight;
using model::TokenRights;

constexpr WhyReadIsVoid kPinning = {
    "with delegate.pinning, whoever may read it pins it again and opens that for writing",
    "leave pinning out, or grant read-write if the container may write it"};
constexpr WhyReadIsVoid kPrograms = {
    "with prog_load, the container loads a program that writes any map it can open, whatever the "
    "access of its descriptor",
    "leave prog_load out, or grant read-write if the container may write it"};

}  // namespace

Error cannot_delegate(const Delegation& delegation) {
  std::string rules;
  for (const auto& rule : delegation.rules)
    rules += (rules.empty() ? "" : " and ") + to_string(rule);
  return Error(ErrorCode::kDelegation, "delegate BPF").rule(std::move(rules));
}

const WhyReadIsVoid* why_read_is_void(const TokenRights& rights, bool pinning,
                                      const std::optional<model::ObjectKind>& kind) {
  if (pinning) return &kPinning;
  const bool may_be_map = !kind || *kind == model::ObjectKind::kMap;
  return may_be_map && rights.has(model::BpfCommand::kProgLoad) ? &kPrograms : nullptr;
}

bool needs_attach_type_none(const TokenRights& rights) {
  for (uint32_t number = 0; number < 64; ++number)
    if (rights.has(TokenRight::kProgram, number) && loads_without_attach_type(number)) return true;
  return false;
}

Result<std::optional<Delegation>> merge_delegations(
    const std::vector<const model::Policy*>& policies) {
  std::optional<Delegation> merged;
  const model::Policy* said_at = nullptr;
  const auto reach = merge_reach(policies);
  for (const auto* policy : policies) {
    if (!policy->delegate) continue;
    const auto& delegate = *policy->delegate;
    if (!merged) merged.emplace().reach = reach;
    merged->rights.add(delegate.rights);
    merged->pinning = merged->pinning || delegate.pinning;
    merged->rules.push_back({policy->name, delegate.place});
    if (!delegate.grants_at) continue;
    if (said_at == nullptr) {
      said_at = policy;
      merged->grants_at = *delegate.grants_at;
    } else if (merged->grants_at != *delegate.grants_at) {
      return std::unexpected(between(
          Error(ErrorCode::kPolicyConflict, "make one view")
              .reason("delegate.grantsAt is " + quoted(merged->grants_at) + " for one policy and " +
                      quoted(*delegate.grants_at) + " for another"),
          {said_at->name, said_at->delegate->place}, merged->rules.back()));
    }
  }
  if (merged && needs_attach_type_none(merged->rights) &&
      !merged->rights.has(TokenRight::kAttach, kAttachNone)) {
    merged->rights.add(TokenRight::kAttach, kAttachNone);
    merged->added_attach_type_none = true;
  }
  return merged;
}

Status check_delegation(const Decision& decision, const Container& container,
                        const HostView& host) {
  if (!decision.delegation) return {};
  const Delegation& delegation = *decision.delegation;
  if (shares_host_namespace(container, NamespaceKind::kUser, host))
    return std::unexpected(
        cannot_delegate(delegation)
            .reason("it has no user namespace of its own, and the kernel makes no tokens in the "
                    "host's")
            .hint("start it with one, or select with namespaces: {user: private}"));
  if (const TooFar* why = reaches_too_far(delegation, container, host))
    return std::unexpected(cannot_delegate(delegation).reason(why->reason).hint(why->hint));
  for (const auto& grant : decision.grants) {
    if (grant.access != model::Access::kRead || !grant.pin) continue;
    if (const WhyReadIsVoid* why =
            why_read_is_void(delegation.rights, delegation.pinning, grant.expect.kind))
      return std::unexpected(between(
          cannot_delegate(delegation)
              .reason("access: read of " + quoted(grant.name) + " would not hold: " + why->reason)
              .hint(why->hint),
          grant.rule, delegation.rules.front()));
  }
  if (!decision.has_pins()) return {};
  const auto& at = decision.at;
  const auto& grants_at = delegation.grants_at;
  if (is_at_or_below(at, grants_at) || is_at_or_below(grants_at, at))
    return std::unexpected(Error(ErrorCode::kPolicyConflict, "make one view")
                               .reason("view.at is " + quoted(at) + " and the grants are at " +
                                       quoted(grants_at) + ", which is in its way")
                               .hint("say delegate.grantsAt")
                               .rule(to_string(delegation.rules.front())));
  return {};
}

}  // namespace pinscope::policy
