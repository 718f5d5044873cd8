#include "plugin/nri/convert.h"

namespace pinscope::nri {
namespace {

StringMap to_map(const google::protobuf::Map<std::string, std::string>& map) {
  return {map.begin(), map.end()};
}

SeccompProfile to_profile(const wire::SecurityProfile& message) {
  using Type = SeccompProfile::Type;
  SeccompProfile profile;
  switch (message.profile_type()) {
    case 0:
      profile.type = Type::kRuntimeDefault;
      break;
    case 1:
      profile.type = Type::kUnconfined;
      break;
    case 2:
      profile.type = Type::kLocalhost;
      break;
    default:
      profile.type = Type::kOther;
  }
  profile.file = message.localhost_ref();
  return profile;
}

SeccompPolicy to_policy(const wire::LinuxSeccomp& message) {
  SeccompPolicy policy;
  policy.default_action = message.default_action();
  if (message.has_default_errno()) policy.default_errno = message.default_errno().value();
  policy.architectures = {message.architectures().begin(), message.architectures().end()};
  policy.flags = {message.flags().begin(), message.flags().end()};
  for (const auto& syscall : message.syscalls()) {
    SeccompRule& rule = policy.rules.emplace_back();
    rule.names = {syscall.names().begin(), syscall.names().end()};
    rule.action = syscall.action();
    if (syscall.has_errno_ret()) rule.errno_return = syscall.errno_ret().value();
    for (const auto& arg : syscall.args())
      rule.arguments.push_back({arg.index(), arg.value(), arg.value_two(), arg.op()});
  }
  return policy;
}

std::vector<Hook> to_hooks(const google::protobuf::RepeatedPtrField<wire::Hook>& messages) {
  std::vector<Hook> hooks;
  for (const wire::Hook& message : messages) {
    Hook& hook = hooks.emplace_back();
    hook.path = message.path();
    hook.args = {message.args().begin(), message.args().end()};
    hook.env = {message.env().begin(), message.env().end()};
    if (message.has_timeout()) hook.timeout_seconds = message.timeout().value();
  }
  return hooks;
}

Hooks to_hooks(const wire::Hooks& message) {
  return {to_hooks(message.prestart()),         to_hooks(message.create_runtime()),
          to_hooks(message.create_container()), to_hooks(message.start_container()),
          to_hooks(message.poststart()),        to_hooks(message.poststop())};
}

void add_hooks(const std::vector<Hook>& hooks,
               google::protobuf::RepeatedPtrField<wire::Hook>& messages) {
  for (const Hook& hook : hooks) {
    wire::Hook& message = *messages.Add();
    message.set_path(hook.path);
    message.mutable_args()->Assign(hook.args.begin(), hook.args.end());
    message.mutable_env()->Assign(hook.env.begin(), hook.env.end());
    if (hook.timeout_seconds) message.mutable_timeout()->set_value(*hook.timeout_seconds);
  }
}

// An empty message would say that there are hooks.
bool any(const Hooks& hooks) {
  return !hooks.prestart.empty() || !hooks.create_runtime.empty() ||
         !hooks.create_container.empty() || !hooks.start_container.empty() ||
         !hooks.poststart.empty() || !hooks.poststop.empty();
}

void add_seccomp(const SeccompPolicy& policy, wire::LinuxSeccomp& message) {
  message.set_default_action(policy.default_action);
  if (policy.default_errno) message.mutable_default_errno()->set_value(*policy.default_errno);
  message.mutable_architectures()->Assign(policy.architectures.begin(), policy.architectures.end());
  message.mutable_flags()->Assign(policy.flags.begin(), policy.flags.end());
  for (const SeccompRule& rule : policy.rules) {
    wire::LinuxSyscall& syscall = *message.add_syscalls();
    syscall.mutable_names()->Assign(rule.names.begin(), rule.names.end());
    syscall.set_action(rule.action);
    if (rule.errno_return) syscall.mutable_errno_ret()->set_value(*rule.errno_return);
    for (const SeccompArgument& argument : rule.arguments) {
      wire::LinuxSeccompArg& arg = *syscall.add_args();
      arg.set_index(argument.index);
      arg.set_value(argument.value);
      arg.set_value_two(argument.value_two);
      arg.set_op(argument.op);
    }
  }
}

}  // namespace

Pod to_pod(const wire::PodSandbox& message) {
  Pod pod;
  pod.id = message.id();
  pod.name = message.name();
  pod.uid = message.uid();
  pod.namespace_name = message.namespace_();
  pod.labels = to_map(message.labels());
  pod.annotations = to_map(message.annotations());
  pod.runtime_handler = message.runtime_handler();
  return pod;
}

Container to_container(const wire::Container& message) {
  Container container;
  container.id = message.id();
  container.pod_id = message.pod_sandbox_id();
  container.name = message.name();
  container.labels = to_map(message.labels());
  container.annotations = to_map(message.annotations());
  for (const auto& mount : message.mounts())
    container.mounts.push_back({mount.destination(),
                                mount.type(),
                                mount.source(),
                                {mount.options().begin(), mount.options().end()}});
  if (message.has_hooks()) container.hooks = to_hooks(message.hooks());
  container.env = {message.env().begin(), message.env().end()};
  for (const auto& one : message.linux().namespaces())
    container.namespaces.push_back({one.type(), one.path()});
  container.pid = message.pid();
  if (message.linux().has_seccomp_profile())
    container.seccomp_profile = to_profile(message.linux().seccomp_profile());
  if (message.linux().has_seccomp_policy())
    container.seccomp_policy = to_policy(message.linux().seccomp_policy());
  return container;
}

wire::ContainerAdjustment to_message(const Adjustment& adjustment) {
  wire::ContainerAdjustment message;
  message.mutable_annotations()->insert(adjustment.annotations.begin(),
                                        adjustment.annotations.end());
  for (const Mount& mount : adjustment.mounts) {
    wire::Mount& added = *message.add_mounts();
    added.set_destination(mount.destination);
    added.set_type(mount.type);
    added.set_source(mount.source);
    added.mutable_options()->Assign(mount.options.begin(), mount.options.end());
  }
  for (const auto& [key, value] : adjustment.env) {
    wire::KeyValue& added = *message.add_env();
    added.set_key(key);
    added.set_value(value);
  }
  if (any(adjustment.hooks)) {
    wire::Hooks& hooks = *message.mutable_hooks();
    add_hooks(adjustment.hooks.prestart, *hooks.mutable_prestart());
    add_hooks(adjustment.hooks.create_runtime, *hooks.mutable_create_runtime());
    add_hooks(adjustment.hooks.create_container, *hooks.mutable_create_container());
    add_hooks(adjustment.hooks.start_container, *hooks.mutable_start_container());
    add_hooks(adjustment.hooks.poststart, *hooks.mutable_poststart());
    add_hooks(adjustment.hooks.poststop, *hooks.mutable_poststop());
  }
  if (adjustment.seccomp_policy)
    add_seccomp(*adjustment.seccomp_policy, *message.mutable_linux()->mutable_seccomp_policy());
  return message;
}

}  // namespace pinscope::nri
