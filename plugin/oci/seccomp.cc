#include "plugin/oci/seccomp.h"

#include <algorithm>

namespace pinscope::oci {
namespace {

using model::BpfCommands;
using model::SeccompBpf;

constexpr const char* kAllow = "SCMP_ACT_ALLOW";
constexpr const char* kEqual = "SCMP_CMP_EQ";
constexpr const char* kGreater = "SCMP_CMP_GT";

// What an action means for a call: it happens, somebody else decides, or it does not.
SeccompBpf verdict_of(std::string_view action) {
  constexpr std::string_view kRefusing[] = {"SCMP_ACT_ERRNO", "SCMP_ACT_KILL",
                                            "SCMP_ACT_KILL_PROCESS", "SCMP_ACT_KILL_THREAD",
                                            "SCMP_ACT_TRAP"};
  if (action == kAllow || action == "SCMP_ACT_LOG") return SeccompBpf::kAllowed;
  if (std::find(std::begin(kRefusing), std::end(kRefusing), action) != std::end(kRefusing))
    return SeccompBpf::kRefused;
  return SeccompBpf::kFiltered;  // SCMP_ACT_NOTIFY, SCMP_ACT_TRACE, or newer than this
}

SeccompBpf verdict_of(const SeccompRule& rule) {
  return verdict_of(rule.action);
}

// Whether the rule is for calls with this command. Nothing if that depends on more than the
// command, or on how a runtime reads several conditions for one argument.
std::optional<bool> matches(const SeccompRule& rule, uint64_t command) {
  if (rule.arguments.size() != 1 || rule.arguments[0].index != 0) return std::nullopt;
  const SeccompArgument& argument = rule.arguments[0];
  if (argument.op == kEqual) return command == argument.value;
  if (argument.op == "SCMP_CMP_NE") return command != argument.value;
  if (argument.op == "SCMP_CMP_LT") return command < argument.value;
  if (argument.op == "SCMP_CMP_LE") return command <= argument.value;
  if (argument.op == "SCMP_CMP_GE") return command >= argument.value;
  if (argument.op == kGreater) return command > argument.value;
  if (argument.op == "SCMP_CMP_MASKED_EQ") return (command & argument.value) == argument.value_two;
  return std::nullopt;
}

// The verdict of the rules without arguments; nothing if there are none.
std::optional<SeccompBpf> unconditional(const SeccompProfile& profile) {
  std::optional<SeccompBpf> verdict;
  for (const auto& rule : profile.rules) {
    if (!rule.arguments.empty()) continue;
    if (verdict && *verdict != verdict_of(rule)) return SeccompBpf::kFiltered;  // a contradiction
    verdict = verdict_of(rule);
  }
  return verdict;
}

// The verdict of the rules with arguments; nothing if none is for this command.
std::optional<SeccompBpf> conditional(const SeccompProfile& profile, uint32_t command) {
  std::optional<SeccompBpf> verdict;
  for (const auto& rule : profile.rules) {
    if (rule.arguments.empty()) continue;
    const auto match = matches(rule, command);
    if (match && !*match) continue;
    if (!match && verdict_of(rule) == verdict_of(profile.default_action)) continue;
    const bool clear = match && (!verdict || *verdict == verdict_of(rule));
    verdict = clear ? verdict_of(rule) : SeccompBpf::kFiltered;
  }
  return verdict;
}

SeccompRule rule_for(uint64_t command, const char* op, std::string action,
                     std::optional<uint64_t> errnum = std::nullopt) {
  SeccompRule rule;
  rule.action = std::move(action);
  rule.errnum = errnum;
  rule.arguments = {{0, command, 0, op}};
  return rule;
}

bool has_rule_for(const SeccompProfile& profile, uint64_t value, std::string_view op) {
  return std::any_of(profile.rules.begin(), profile.rules.end(), [&](const SeccompRule& rule) {
    return rule.arguments.size() == 1 && rule.arguments[0].index == 0 &&
           rule.arguments[0].value == value && rule.arguments[0].op == op;
  });
}

// Where everything else is allowed, what a rule without arguments refused is refused command by
// command: a rule has one condition for one argument, so "all but these" takes one for each.
void refuse_others(const SeccompProfile& profile, BpfCommands needed, const SeccompRule& as,
                   std::vector<SeccompRule>& added) {
  const uint32_t last = needed.list().back();
  for (uint32_t command = 0; command < last; ++command)
    if (!needed.contains(command) && !has_rule_for(profile, command, kEqual))
      added.push_back(rule_for(command, kEqual, as.action, as.errnum));
  if (!has_rule_for(profile, last, kGreater))
    added.push_back(rule_for(last, kGreater, as.action, as.errnum));
}

Result<std::vector<JsonView>> list_of(const JsonView& object, std::string_view key) {
  PINSCOPE_TRY(const auto found, object.find(key));
  if (!found) return std::vector<JsonView>{};
  return found->elements();
}

Result<SeccompArgument> read_argument(const JsonView& view) {
  SeccompArgument argument;
  PINSCOPE_TRY(argument.index, view.unsigned_or("index", 0));
  PINSCOPE_TRY(argument.value, view.unsigned_or("value", 0));
  PINSCOPE_TRY(argument.value_two, view.unsigned_or("valueTwo", 0));
  PINSCOPE_TRY(argument.op, view.string_or("op", ""));
  return argument;
}

// Nothing for a rule that does not name bpf.
Result<std::optional<SeccompRule>> read_rule(const JsonView& view, size_t position) {
  SeccompRule rule;
  rule.position = position;
  PINSCOPE_TRY(const auto names, list_of(view, "names"));
  for (size_t i = 0; i < names.size(); ++i) {
    PINSCOPE_TRY(const auto name, names[i].as_string());
    if (name == "bpf") rule.bpf.push_back(i);
  }
  if (rule.bpf.empty()) return std::nullopt;
  rule.is_for_others = rule.bpf.size() < names.size();
  PINSCOPE_TRY(rule.action, view.string_or("action", ""));
  PINSCOPE_TRY(const auto errnum, view.find("errnoRet"));
  if (errnum) {
    PINSCOPE_TRY(rule.errnum, errnum->as_unsigned());
  }
  PINSCOPE_TRY(const auto arguments, list_of(view, "args"));
  for (const auto& argument : arguments) {
    PINSCOPE_TRY(auto read, read_argument(argument));
    rule.arguments.push_back(std::move(read));
  }
  return rule;
}

}  // namespace

SeccompBpf SeccompProfile::verdict() const {
  if (const auto whole = unconditional(*this)) return *whole;
  const SeccompBpf otherwise = verdict_of(default_action);
  const bool filters = std::any_of(rules.begin(), rules.end(), [&](const SeccompRule& rule) {
    return verdict_of(rule) != otherwise;
  });
  return filters ? SeccompBpf::kFiltered : otherwise;
}

BpfCommands SeccompProfile::allowed() const {
  if (const auto whole = unconditional(*this))
    return *whole == SeccompBpf::kAllowed ? BpfCommands::all() : BpfCommands{};
  const SeccompBpf otherwise = verdict_of(default_action);
  BpfCommands commands;
  for (uint32_t command = 0; command < BpfCommands::kEnd; ++command)
    if (conditional(*this, command).value_or(otherwise) == SeccompBpf::kAllowed)
      commands.add(command);
  return commands;
}

Result<std::optional<SeccompProfile>> read_seccomp(const JsonView& linux) {
  PINSCOPE_TRY(const auto seccomp, linux.find("seccomp"));
  if (!seccomp) return std::nullopt;
  SeccompProfile profile;
  PINSCOPE_TRY(profile.default_action, seccomp->string_or("defaultAction", ""));
  PINSCOPE_TRY(const auto rules, list_of(*seccomp, "syscalls"));
  for (size_t i = 0; i < rules.size(); ++i) {
    PINSCOPE_TRY(auto rule, read_rule(rules[i], i));
    if (rule) profile.rules.push_back(*std::move(rule));
  }
  return profile;
}

SeccompChange open_for(const SeccompProfile& profile, BpfCommands needed) {
  SeccompChange change;
  const BpfCommands missing = needed - profile.allowed();
  if (missing.empty()) return change;
  const auto leave_it = [&] {
    change = {};
    change.still_refused = missing;
    return change;
  };
  const SeccompBpf otherwise = verdict_of(profile.default_action);
  const auto whole = unconditional(profile);
  if (whole) {
    // Taking a refusal away would bring rules to life that it overruled.
    const bool revives =
        std::any_of(profile.rules.begin(), profile.rules.end(), [](const SeccompRule& rule) {
          return !rule.arguments.empty() && verdict_of(rule) != SeccompBpf::kRefused;
        });
    if (*whole != SeccompBpf::kRefused || revives) return leave_it();
    for (const auto& rule : profile.rules)
      if (rule.arguments.empty()) change.without_bpf.push_back(rule);
  } else if (otherwise == SeccompBpf::kFiltered) {
    return leave_it();
  }
  // A rule for more than the command may be for calls that a new rule is for, too.
  for (const auto& rule : profile.rules)
    if (!rule.arguments.empty() && !matches(rule, 0) && verdict_of(rule) != SeccompBpf::kAllowed)
      return leave_it();
  for (const uint32_t command : missing.list()) {
    const auto verdict = conditional(profile, command);
    if (verdict && *verdict != SeccompBpf::kAllowed) return leave_it();
    if (!verdict && otherwise != SeccompBpf::kAllowed)
      change.added.push_back(rule_for(command, kEqual, kAllow));
  }
  if (!change.without_bpf.empty() && otherwise != SeccompBpf::kRefused)
    refuse_others(profile, needed, change.without_bpf.front(), change.added);
  return change;
}

}  // namespace pinscope::oci
