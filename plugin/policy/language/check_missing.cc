// What is doubtful with the pins of grants on the machine that they are for: the machine is looked
// at by whoever calls this.
#include "plugin/base/text.h"
#include "plugin/policy/glob.h"
#include "plugin/policy/language/check_places.h"
#include "plugin/policy/language/check_set.h"
#include "plugin/policy/language/limits.h"

namespace pinscope::policy {
namespace {

using model::AtPin;
using model::Grant;

Diagnostic missing(const Grant& grant) {
  if (is_glob(grant.pin))
    return note_at(grant.place, "no pin on this machine matches " + quoted(grant.pin),
                   "containers start without; say missing: skip if that is meant");
  return note_at(grant.place, "there is no pin " + quoted(grant.pin) + " on this machine",
                 "until there is, containers of this policy do not start; say missing: skip if "
                 "they may");
}

std::optional<Diagnostic> finding_of(const Grant& grant, AtPin found) {
  switch (found) {
    case AtPin::kNothing:
      if (grant.missing != model::Missing::kFail) return std::nullopt;
      return missing(grant);
    case AtPin::kDirectory:
      return warning_at(grant.place, quoted(grant.pin) + " is a directory on this machine",
                        "for all pins below it, write " + quoted(grant.pin + "/**"));
    case AtPin::kPin:
    case AtPin::kNotKnown:
      return std::nullopt;
  }
  return std::nullopt;
}

}  // namespace

std::vector<Diagnostic> look_for_pins(const std::vector<model::Policy>& policies,
                                      const std::vector<std::string>& bpffs,
                                      const model::LookAtPin& look) {
  std::vector<Diagnostic> findings;
  for (const auto& policy : policies)
    for (const auto& grant : policy.grants) {
      if (findings.size() == kMaxDiagnostics) return findings;
      if (!may_be_in_bpffs(grant.pin, bpffs)) continue;
      if (auto finding = finding_of(grant, look(grant.pin)))
        findings.push_back(*std::move(finding));
    }
  return findings;
}

}  // namespace pinscope::policy
