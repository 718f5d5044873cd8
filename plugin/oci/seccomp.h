// What config.json's seccomp profile does with bpf(2), and what has to change in it so that a
// container can use what it was granted (runtime-spec, config-linux.md "Seccomp"; how rules meet
// is libseccomp's: a rule without arguments wins over those with some, whatever their order).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "plugin/json/json.h"
#include "plugin/model/bpf_commands.h"
#include "plugin/model/container.h"

namespace pinscope::oci {

// A condition of a rule; all of a rule's have to hold.
struct SeccompArgument {
  uint64_t index = 0;
  uint64_t value = 0;
  uint64_t value_two = 0;
  std::string op;  // SCMP_CMP_EQ
};

// A rule of the profile that names bpf.
struct SeccompRule {
  size_t position = 0;             // in "syscalls"
  std::vector<size_t> bpf;         // where in its names bpf stands
  bool is_for_others = false;      // it names other calls as well
  std::string action;              // SCMP_ACT_ERRNO
  std::optional<uint64_t> errnum;  // errnoRet
  std::vector<SeccompArgument> arguments;
};

struct SeccompProfile {
  std::string default_action;
  std::vector<SeccompRule> rules;  // that name bpf

  [[nodiscard]] model::SeccompBpf verdict() const;
  // Commands that are let through for certain.
  [[nodiscard]] model::BpfCommands allowed() const;
};

// `linux` is config.json's object of that name. Nothing if it has no profile.
Result<std::optional<SeccompProfile>> read_seccomp(const JsonView& linux);

// What has to change in a profile.
struct SeccompChange {
  // Rules that lose bpf from their names, in the order of the profile.
  std::vector<SeccompRule> without_bpf;
  // New rules for bpf, each with one argument.
  std::vector<SeccompRule> added;
  // Needed, and still not let through, because the profile is of a kind that we do not change: it
  // asks a supervisor, contradicts itself, or filters the call by arguments of its own.
  model::BpfCommands still_refused;

  [[nodiscard]] bool empty() const { return without_bpf.empty() && added.empty(); }
};

// The smallest change after which the profile lets `needed` through: everything else that was
// refused still is. Nothing where nothing is missing.
SeccompChange open_for(const SeccompProfile& profile, model::BpfCommands needed);

}  // namespace pinscope::oci
