#include "plugin/daemon/seccomp.h"

#include <algorithm>

#include "plugin/host/file.h"
#include "plugin/host/trust.h"
#include "plugin/json/json.h"
#include "plugin/oci/seccomp.h"
#include "plugin/policy/decide/commands.h"

namespace pinscope::daemon {
namespace {

constexpr size_t kProfileLimit = 1U << 20;  // bytes
constexpr std::string_view kBpf = "bpf";

Result<std::vector<std::string>> texts(const JsonView& array) {
  std::vector<std::string> all;
  PINSCOPE_TRY(const auto elements, array.elements());
  for (const JsonView& element : elements) {
    PINSCOPE_TRY(const auto text, element.as_string());
    all.emplace_back(text);
  }
  return all;
}

Result<nri::SeccompArgument> read_argument(const JsonView& view) {
  nri::SeccompArgument argument;
  PINSCOPE_TRY(const uint64_t index, view.unsigned_or("index", 0));
  if (index > 5) return std::unexpected(view.make_error("a system call has six arguments"));
  argument.index = static_cast<uint32_t>(index);
  PINSCOPE_TRY(argument.value, view.unsigned_or("value", 0));
  PINSCOPE_TRY(argument.value_two, view.unsigned_or("valueTwo", 0));
  PINSCOPE_TRY(argument.op, view.string_or("op", ""));
  return argument;
}

Result<nri::SeccompRule> read_rule(const JsonView& view) {
  nri::SeccompRule rule;
  PINSCOPE_TRY(const auto members, view.members());
  for (const auto& [key, value] : members) {
    if (key == "names") {
      PINSCOPE_TRY(rule.names, texts(value));
    } else if (key == "action") {
      PINSCOPE_TRY(rule.action, view.string_or(key, ""));
    } else if (key == "errnoRet") {
      PINSCOPE_TRY(const uint64_t number, value.as_unsigned());
      rule.errno_return = static_cast<uint32_t>(number);
    } else if (key == "args") {
      PINSCOPE_TRY(const auto elements, value.elements());
      for (const JsonView& element : elements) {
        PINSCOPE_TRY(auto argument, read_argument(element));
        rule.arguments.push_back(std::move(argument));
      }
    } else {
      return std::unexpected(value.make_error("NRI has no place for it"));
    }
  }
  return rule;
}

// Of the machines that the shipped profile is for; on another, a profile is used as it is.
bool can_run(std::string_view architecture) {
#if defined(__x86_64__)
  return architecture != "SCMP_ARCH_AARCH64" && architecture != "SCMP_ARCH_ARM";
#elif defined(__aarch64__)
  return architecture == "SCMP_ARCH_AARCH64" || architecture == "SCMP_ARCH_ARM";
#else
  return !architecture.empty();
#endif
}

// What the rules mean, and how they are changed, is known in one place: oci/seccomp.h.
oci::SeccompProfile rules_for_bpf(const nri::SeccompPolicy& policy) {
  oci::SeccompProfile profile;
  profile.default_action = policy.default_action;
  for (size_t position = 0; position < policy.rules.size(); ++position) {
    const nri::SeccompRule& from = policy.rules[position];
    if (std::ranges::find(from.names, kBpf) == from.names.end()) continue;
    oci::SeccompRule& rule = profile.rules.emplace_back();
    rule.position = position;
    rule.action = from.action;
    rule.errnum = from.errno_return;
    for (const auto& one : from.arguments)
      rule.arguments.push_back({one.index, one.value, one.value_two, one.op});
  }
  return profile;
}

nri::SeccompRule to_nri(const oci::SeccompRule& from) {
  nri::SeccompRule rule;
  rule.names = {std::string(kBpf)};
  rule.action = from.action;
  if (from.errnum) rule.errno_return = static_cast<uint32_t>(*from.errnum);
  for (const auto& one : from.arguments)
    rule.arguments.push_back({static_cast<uint32_t>(one.index), one.value, one.value_two, one.op});
  return rule;
}

bool is_sysfs_writable(const nri::Container& container) {
  return std::ranges::any_of(container.mounts, [](const nri::Mount& mount) {
    return mount.destination == "/sys" &&
           std::ranges::find(mount.options, "ro") == mount.options.end();
  });
}

}  // namespace

Result<nri::SeccompPolicy> read_seccomp_profile(const std::string& path) {
  PINSCOPE_TRY(const Fd file, open_trusted_file(path, ErrorCode::kConfigInvalid));
  PINSCOPE_TRY(std::string text, read_all(file.get(), kProfileLimit, path));
  PINSCOPE_TRY(const JsonDocument document,
               JsonDocument::parse(std::move(text), path, ErrorCode::kConfigInvalid));
  const JsonView root = document.root();
  nri::SeccompPolicy policy;
  PINSCOPE_TRY(const auto members, root.members());
  for (const auto& [key, value] : members) {
    if (key == "defaultAction") {
      PINSCOPE_TRY(policy.default_action, root.string_or(key, ""));
    } else if (key == "architectures") {
      PINSCOPE_TRY(policy.architectures, texts(value));
      std::erase_if(policy.architectures, [](const auto& one) { return !can_run(one); });
    } else if (key == "flags") {
      PINSCOPE_TRY(policy.flags, texts(value));
    } else if (key == "syscalls") {
      PINSCOPE_TRY(const auto rules, value.elements());
      for (const JsonView& element : rules) {
        PINSCOPE_TRY(auto rule, read_rule(element));
        policy.rules.push_back(std::move(rule));
      }
    } else {
      return std::unexpected(value.make_error("NRI has no place for it"));
    }
  }
  if (policy.default_action.empty() || policy.rules.empty())
    return std::unexpected(root.make_error("a default action and rules are needed"));
  return policy;
}

model::BpfCommands commands_for(const std::vector<model::Policy>& policies) {
  model::BpfCommands commands;
  for (const auto& policy : policies)
    for (const auto& grant : policy.grants)
      commands = commands | policy::commands_for(grant.access, grant.expect.kind);
  return commands;
}

bool lets_through(const nri::SeccompPolicy& policy, model::BpfCommands commands) {
  return (commands - rules_for_bpf(policy).allowed()).empty();
}

model::BpfCommands allow_bpf(nri::SeccompPolicy& policy, model::BpfCommands commands) {
  const oci::SeccompChange change = oci::open_for(rules_for_bpf(policy), commands);
  for (const oci::SeccompRule& rule : change.without_bpf)
    std::erase(policy.rules[rule.position].names, kBpf);
  std::erase_if(policy.rules, [](const nri::SeccompRule& rule) { return rule.names.empty(); });
  for (const oci::SeccompRule& rule : change.added) policy.rules.push_back(to_nri(rule));
  return change.still_refused;
}

SeccompTold seccomp_told_by(const nri::RuntimeInfo& runtime) {
  if (runtime.name == "cri-o") return SeccompTold::kNothing;
  const auto version = nri::parse_version(runtime.version);
  if (runtime.name != "containerd" || !version) return SeccompTold::kProfile;
  if (*version < nri::Version{2, 2, 1}) return SeccompTold::kNothing;
  return *version < nri::Version{2, 3, 0} ? SeccompTold::kProfile : SeccompTold::kPolicy;
}

std::optional<nri::SeccompPolicy> policy_to_change(
    const nri::Container& container, SeccompTold told,
    const std::optional<nri::SeccompPolicy>& stand_in) {
  const bool is_default =
      container.seccomp_profile &&
      container.seccomp_profile->type == nri::SeccompProfile::Type::kRuntimeDefault;
  if (!is_default) return std::nullopt;
  if (told == SeccompTold::kPolicy || container.seccomp_policy) return container.seccomp_policy;
  return is_sysfs_writable(container) ? std::nullopt : stand_in;
}

}  // namespace pinscope::daemon
