#include "plugin/policy/language/check_places.h"

#include <algorithm>
#include <string_view>

#include "plugin/base/path.h"
#include "plugin/base/text.h"
#include "plugin/policy/glob.h"
#include "plugin/policy/language/limits.h"

namespace pinscope::policy {
namespace {

using model::Policy;

// Directories that programs in a container count on.
constexpr std::string_view kOfTheSystem[] = {
    "/bin",       "/boot",          "/etc",       "/home", "/lib",     "/lib32",   "/lib64",
    "/media",     "/mnt",           "/opt",       "/root", "/run",     "/sbin",    "/srv",
    "/sys",       "/sys/fs",        "/tmp",       "/usr",  "/usr/bin", "/usr/lib", "/usr/lib64",
    "/usr/local", "/usr/sbin",      "/usr/share", "/var",  "/var/lib", "/var/log", "/var/run",
    "/var/tmp",   "/sys/fs/cgroup", "/sys/kernel"};

// Whether `deny` can cover anything that `grant` gives: no only where that is certain.
bool may_cover(const model::Pattern& deny, const model::Pattern& grant) {
  if (denies_all_of(deny, grant)) return true;
  if (!is_glob(grant)) return false;
  const std::string denied = literal_prefix(deny);
  const std::string granted = literal_prefix(grant);
  return is_at_or_below(denied, granted) || (is_glob(deny) && is_at_or_below(granted, denied));
}

}  // namespace

bool denies_all_of(const model::Pattern& deny, const model::Pattern& grant) {
  if (deny == grant) return true;
  const std::string start = literal_prefix(grant);
  for (std::string_view path = start; path != "/"; path = parent_of(path))
    if (glob_matches(deny, path)) return true;
  return false;
}

void warn_of_view_place(const PolicyDraft& draft, Reporter& reporter) {
  const auto look = [&](const std::optional<std::string>& at, const std::optional<Position>& mark,
                        const char* what, const char* usual) {
    if (!at || !mark || std::ranges::find(kOfTheSystem, *at) == std::end(kOfTheSystem)) return;
    reporter.warning(*mark, std::string(what) + " what containers have at " + quoted(*at),
                     std::string("use a directory of its own, usually ") + usual);
  };
  look(draft.policy.view.at, draft.view_at, "the view hides", "/sys/fs/bpf or /run/bpf");
  if (const auto& values = draft.policy.view.values)
    look(values->at, draft.values->place, "the values hide", "/run/bpf");
}

std::vector<Diagnostic> warn_of_idle_denials(const std::vector<Policy>& policies) {
  std::vector<Diagnostic> warnings;
  for (const auto& policy : policies)
    for (const auto& deny : policy.denials) {
      if (warnings.size() == kMaxDiagnostics) return warnings;
      // A policy that grants nothing, and a denial of all that is below a directory, guard against
      // grants that others may come to write.
      if (policy.grants.empty() || deny.pin.ends_with("/**")) continue;
      const bool used = std::ranges::any_of(policies, [&](const Policy& other) {
        return std::ranges::any_of(other.grants, [&](const model::Grant& grant) {
          return may_cover(deny.pin, grant.pin);
        });
      });
      if (!used)
        warnings.push_back(warning_at(
            deny.place, "no policy here grants anything that " + quoted(deny.pin) + " denies",
            "is the path right? Only other names of the objects that are pinned there are denied"));
    }
  return warnings;
}

bool may_be_in_bpffs(const model::Pattern& pin, const std::vector<std::string>& bpffs) {
  const std::string start = literal_prefix(pin);
  return std::ranges::any_of(bpffs, [&](const std::string& mount) {
    return is_at_or_below(start, mount) || is_at_or_below(mount, start);
  });
}

std::vector<Diagnostic> warn_of_no_bpffs(const std::vector<Policy>& policies,
                                         const std::vector<std::string>& bpffs) {
  std::vector<Diagnostic> warnings;
  const auto look = [&](const model::Pattern& pin, const model::Place& place) {
    if (!may_be_in_bpffs(pin, bpffs) && warnings.size() < kMaxDiagnostics)
      warnings.push_back(warning_at(place,
                                    "no BPF file system is mounted where " + quoted(pin) + " is",
                                    "is the path right? Pins are usually below /sys/fs/bpf"));
  };
  for (const auto& policy : policies) {
    for (const auto& grant : policy.grants) look(grant.pin, grant.place);
    for (const auto& deny : policy.denials) look(deny.pin, deny.place);
  }
  return warnings;
}

std::vector<Diagnostic> warn_of_linked_bundles(
    const std::vector<Policy>& policies,
    const std::function<std::string(const std::string&)>& resolved) {
  std::vector<Diagnostic> warnings;
  const auto look = [&](const model::Select& select, const model::Place& place) {
    for (const auto& bundle : select.bundles) {
      const std::string start = literal_prefix(bundle);
      const std::string real = resolved(start);
      if (real != start && warnings.size() < kMaxDiagnostics)
        warnings.push_back(warning_at(place,
                                      "\"bundle\": no container matches " + quoted(bundle) +
                                          ", because " + quoted(start) + " is really " +
                                          quoted(real),
                                      "write the path without symbolic links"));
    }
  };
  for (const auto& policy : policies) {
    look(policy.select, policy.place);
    for (const auto& exclusion : policy.exclusions) look(exclusion.matching, exclusion.place);
  }
  return warnings;
}

}  // namespace pinscope::policy
