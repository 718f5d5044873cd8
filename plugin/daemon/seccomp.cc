#include "plugin/daemon/seccomp.h"

#include <algorithm>

#include "plugin/daemon/delegation.h"
#include "plugin/host/file.h"
#include "plugin/host/trust.h"
#include "plugin/json/json.h"
#include "plugin/model/decision.h"
#include "plugin/policy/decide/commands.h"

namespace pinscope::daemon {
namespace {

constexpr size_t kProfileLimit = 1U << 20;  // bytes
constexpr std::string_view kBpf = "bpf";

using Texts = google::protobuf::RepeatedPtrField<std::string>;

Status read_texts(const JsonView& array, Texts& all) {
  PINSCOPE_TRY(const auto elements, array.elements());
  for (const JsonView& element : elements) {
    PINSCOPE_TRY(const auto text, element.as_string());
    all.Add(std::string(text));
  }
  return {};
}

Status read_argument(const JsonView& view, nri::LinuxSeccompArg& argument) {
  PINSCOPE_TRY(const uint64_t index, view.unsigned_or("index", 0));
  if (index > 5) return std::unexpected(view.make_error("a system call has six arguments"));
  argument.set_index(static_cast<uint32_t>(index));
  PINSCOPE_TRY(const uint64_t value, view.unsigned_or("value", 0));
  argument.set_value(value);
  PINSCOPE_TRY(const uint64_t value_two, view.unsigned_or("valueTwo", 0));
  argument.set_value_two(value_two);
  PINSCOPE_TRY(const auto op, view.string_or("op", ""));
  argument.set_op(op);
  return {};
}

Status read_rule(const JsonView& view, nri::LinuxSyscall& rule) {
  PINSCOPE_TRY(const auto members, view.members());
  for (const auto& [key, value] : members) {
    if (key == "names") {
      PINSCOPE_CHECK(read_texts(value, *rule.mutable_names()));
    } else if (key == "action") {
      PINSCOPE_TRY(const auto action, view.string_or(key, ""));
      rule.set_action(action);
    } else if (key == "errnoRet") {
      PINSCOPE_TRY(const uint64_t number, value.as_unsigned());
      rule.mutable_errno_ret()->set_value(static_cast<uint32_t>(number));
    } else if (key == "args") {
      PINSCOPE_TRY(const auto elements, value.elements());
      for (const JsonView& element : elements)
        PINSCOPE_CHECK(read_argument(element, *rule.add_args()));
    } else {
      return std::unexpected(value.make_error("NRI has no place for it"));
    }
  }
  return {};
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
oci::SeccompProfile rules_for_bpf(const nri::LinuxSeccomp& policy) {
  oci::SeccompProfile profile;
  profile.default_action = policy.default_action();
  for (int position = 0; position < policy.syscalls_size(); ++position) {
    const nri::LinuxSyscall& from = policy.syscalls(position);
    const auto named = std::ranges::count(from.names(), kBpf);
    if (named == 0) continue;
    oci::SeccompRule& rule = profile.rules.emplace_back();
    rule.position = static_cast<size_t>(position);
    rule.is_for_others = named < from.names_size();
    rule.action = from.action();
    if (from.has_errno_ret()) rule.errnum = from.errno_ret().value();
    for (const auto& one : from.args())
      rule.arguments.push_back({one.index(), one.value(), one.value_two(), one.op()});
  }
  return profile;
}

void set(nri::LinuxSyscall& message, const oci::SeccompRule& rule) {
  message.add_names(kBpf.data(), kBpf.size());
  message.set_action(rule.action);
  if (rule.errnum) message.mutable_errno_ret()->set_value(static_cast<uint32_t>(*rule.errnum));
  for (const auto& one : rule.arguments) {
    nri::LinuxSeccompArg& argument = *message.add_args();
    argument.set_index(static_cast<uint32_t>(one.index));
    argument.set_value(one.value);
    argument.set_value_two(one.value_two);
    argument.set_op(one.op);
  }
}

bool is_sysfs_writable(const nri::Container& container) {
  return std::ranges::any_of(container.mounts(), [](const nri::Mount& mount) {
    return mount.destination() == "/sys" && std::ranges::count(mount.options(), "ro") == 0;
  });
}

}  // namespace

Result<nri::LinuxSeccomp> read_seccomp_profile(const std::string& path) {
  PINSCOPE_TRY(const Fd file, open_trusted_file(path, ErrorCode::kConfigInvalid));
  PINSCOPE_TRY(std::string text, read_all(file.get(), kProfileLimit, path));
  PINSCOPE_TRY(const JsonDocument document,
               JsonDocument::parse(std::move(text), path, ErrorCode::kConfigInvalid));
  const JsonView root = document.root();
  nri::LinuxSeccomp policy;
  PINSCOPE_TRY(const auto members, root.members());
  for (const auto& [key, value] : members) {
    if (key == "defaultAction") {
      PINSCOPE_TRY(const auto action, root.string_or(key, ""));
      policy.set_default_action(action);
    } else if (key == "architectures") {
      Texts all;
      PINSCOPE_CHECK(read_texts(value, all));
      for (const std::string& one : all)
        if (can_run(one)) policy.add_architectures(one);
    } else if (key == "flags") {
      PINSCOPE_CHECK(read_texts(value, *policy.mutable_flags()));
    } else if (key == "syscalls") {
      PINSCOPE_TRY(const auto rules, value.elements());
      for (const JsonView& element : rules)
        PINSCOPE_CHECK(read_rule(element, *policy.add_syscalls()));
    } else {
      return std::unexpected(value.make_error("NRI has no place for it"));
    }
  }
  if (policy.default_action().empty() || policy.syscalls().empty())
    return std::unexpected(root.make_error("a default action and rules are needed"));
  return policy;
}

model::BpfCommands commands_for(const std::vector<model::Policy>& policies,
                                const nri::Container& container) {
  model::Decision most;
  for (const auto& policy : policies) {
    for (const auto& grant : policy.grants) {
      model::GrantedPin& granted = most.grants.emplace_back();
      granted.access = grant.access;
      granted.expect = grant.expect;
    }
    if (!policy.delegate || !has_user_namespace(container)) continue;
    if (!most.delegation) most.delegation.emplace();
    most.delegation->rights.add(policy.delegate->rights);
    most.delegation->pinning = most.delegation->pinning || policy.delegate->pinning;
  }
  return policy::commands_for(most, {});
}

oci::SeccompChange open_bpf(nri::LinuxSeccomp& policy, model::BpfCommands commands) {
  oci::SeccompChange change = oci::open_for(rules_for_bpf(policy), commands);
  // From the end, so that positions stay what they are.
  for (auto rule = change.without_bpf.rbegin(); rule != change.without_bpf.rend(); ++rule) {
    const int position = static_cast<int>(rule->position);
    auto& names = *policy.mutable_syscalls(position)->mutable_names();
    if (rule->is_for_others)
      names.erase(std::remove(names.begin(), names.end(), kBpf), names.end());
    else
      policy.mutable_syscalls()->DeleteSubrange(position, 1);
  }
  for (const oci::SeccompRule& rule : change.added) set(*policy.add_syscalls(), rule);
  return change;
}

SeccompTold seccomp_told_by(const nri::RuntimeInfo& runtime) {
  if (runtime.name == "cri-o") return SeccompTold::kNothing;
  const auto version = nri::parse_version(runtime.version);
  if (runtime.name != "containerd" || !version) return SeccompTold::kProfile;
  if (*version < nri::Version{2, 2, 1}) return SeccompTold::kNothing;
  return *version < nri::Version{2, 3, 0} ? SeccompTold::kProfile : SeccompTold::kPolicy;
}

std::optional<nri::LinuxSeccomp> policy_to_change(
    const nri::Container& container, SeccompTold told,
    const std::optional<nri::LinuxSeccomp>& stand_in) {
  const nri::LinuxContainer& linux = container.linux();
  const bool is_default = linux.has_seccomp_profile() && linux.seccomp_profile().profile_type() ==
                                                             nri::SecurityProfile::RUNTIME_DEFAULT;
  if (!is_default) return std::nullopt;
  if (linux.has_seccomp_policy()) return linux.seccomp_policy();
  if (told == SeccompTold::kPolicy || is_sysfs_writable(container)) return std::nullopt;
  return stand_in;
}

}  // namespace pinscope::daemon
