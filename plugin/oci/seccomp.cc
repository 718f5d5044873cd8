#include "plugin/oci/seccomp.h"

#include <algorithm>
#include <optional>
#include <string_view>

namespace pinscope::oci {
namespace {

using model::SeccompBpf;

// What an action means for a call: it happens, somebody else decides, or it does not.
SeccompBpf verdict_of(std::string_view action) {
  constexpr std::string_view kRefusing[] = {"SCMP_ACT_ERRNO", "SCMP_ACT_KILL",
                                            "SCMP_ACT_KILL_PROCESS", "SCMP_ACT_KILL_THREAD",
                                            "SCMP_ACT_TRAP"};
  if (action == "SCMP_ACT_ALLOW" || action == "SCMP_ACT_LOG") return SeccompBpf::kAllowed;
  if (std::find(std::begin(kRefusing), std::end(kRefusing), action) != std::end(kRefusing))
    return SeccompBpf::kRefused;
  return SeccompBpf::kFiltered;  // SCMP_ACT_NOTIFY, SCMP_ACT_TRACE, or newer than this
}

Result<bool> names_bpf(const JsonView& rule) {
  PINSCOPE_TRY(const auto names, rule.find("names"));
  if (!names) return false;
  PINSCOPE_TRY(const auto all, names->elements());
  for (const auto& name : all) {
    PINSCOPE_TRY(const auto text, name.as_string());
    if (text == "bpf") return true;
  }
  return false;
}

Result<bool> has_arguments(const JsonView& rule) {
  PINSCOPE_TRY(const auto found, rule.find("args"));
  if (!found) return false;
  PINSCOPE_TRY(const auto all, found->elements());
  return !all.empty();
}

}  // namespace

Result<SeccompBpf> read_seccomp_bpf(const JsonView& linux) {
  PINSCOPE_TRY(const auto seccomp, linux.find("seccomp"));
  if (!seccomp) return SeccompBpf::kNoProfile;
  PINSCOPE_TRY(const auto default_action, seccomp->string_or("defaultAction", ""));
  const SeccompBpf otherwise = verdict_of(default_action);

  PINSCOPE_TRY(const auto rules, seccomp->find("syscalls"));
  if (!rules) return otherwise;
  PINSCOPE_TRY(const auto all, rules->elements());
  // libseccomp lets a rule without arguments win over those with some.
  std::optional<SeccompBpf> unconditional;
  bool filtered = false;
  for (const auto& rule : all) {
    PINSCOPE_TRY(const bool named, names_bpf(rule));
    if (!named) continue;
    PINSCOPE_TRY(const auto action, rule.string_or("action", ""));
    PINSCOPE_TRY(const bool conditional, has_arguments(rule));
    const SeccompBpf verdict = verdict_of(action);
    if (conditional) {
      filtered = filtered || verdict != otherwise;
    } else if (!unconditional) {
      unconditional = verdict;
    } else if (*unconditional != verdict) {
      unconditional = SeccompBpf::kFiltered;  // they contradict each other
    }
  }
  if (unconditional) return *unconditional;
  return filtered ? SeccompBpf::kFiltered : otherwise;
}

}  // namespace pinscope::oci
