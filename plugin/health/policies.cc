#include "plugin/health/policies.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <climits>
#include <cstdlib>

#include "plugin/base/clock.h"
#include "plugin/base/path.h"
#include "plugin/base/text.h"
#include "plugin/health/directory.h"
#include "plugin/health/every_start.h"
#include "plugin/health/place.h"
#include "plugin/host/file.h"
#include "plugin/kernel/mount/mountinfo.h"
#include "plugin/policy/language/check_places.h"
#include "plugin/policy/language/check_set.h"
#include "plugin/policy/set/cache.h"
#include "plugin/policy/set/install.h"

namespace pinscope::health {

using model::Finding;
using model::Findings;
using Level = Finding::Level;

namespace {

// The path without symbolic links, as far as it exists.
std::string resolved(const std::string& path) {
  char real[PATH_MAX];
  if (::realpath(path.c_str(), real) != nullptr) return real;
  if (path == "/") return path;
  return join(resolved(std::string(parent_of(path))), std::string(base_name(path)));
}

// Whether the caller may read the policies: what is closed to a user says nothing about them.
bool may_read(const std::string& policy_path) {
  if (::access(policy_path.c_str(), R_OK) != 0) return errno == ENOENT;
  const auto directory = open_at(AT_FDCWD, policy_path, O_RDONLY | O_DIRECTORY);
  if (!directory) return directory.error().errnum() == ENOTDIR;
  const auto names = names_in(directory->get(), policy_path);
  return names && std::ranges::all_of(*names, [&](const std::string& name) {
           return ::faccessat(directory->get(), name.c_str(), R_OK, 0) == 0 || errno == ENOENT;
         });
}

Finding policy_files(const policy::Loaded& loaded, const std::string& policy_path) {
  size_t errors = 0;
  size_t warnings = 0;
  size_t notes = 0;
  std::string first;
  for (const auto& diagnostic : loaded.diagnostics) {
    const bool is_error = diagnostic.severity == policy::Diagnostic::Severity::kError;
    if (is_error && errors == 0)
      first = model::to_string(diagnostic.place) + ": " + diagnostic.message;
    const bool is_note = diagnostic.severity == policy::Diagnostic::Severity::kNote;
    ++(is_error ? errors : is_note ? notes : warnings);
  }
  const std::string files = count_of(loaded.files.size(), "file", "files") + " in " + policy_path;
  if (errors > 0)
    return {Level::kFail, "policy", "files",
            files + ": " + count_of(errors, "error", "errors") + ", the first: " + first,
            "pinscope check shows them all; until they are fixed the last good set stays in force"};
  if (loaded.files.empty())
    return {Level::kWarn, "policy", "files", files,
            "write a policy: without one every container is left alone"};
  const std::string noted =
      notes > 0 ? ", " + count_of(notes, "note", "notes") + " (pinscope check)" : "";
  if (warnings > 0)
    return {Level::kWarn, "policy", "files",
            files + ": " + count_of(warnings, "warning", "warnings") + noted,
            "pinscope check shows them"};
  return {Level::kOk, "policy", "files",
          files + ": " + count_of(loaded.policies.size(), "policy", "policies") + noted, ""};
}

Finding policy_in_force(const policy::Loaded& loaded, const std::string& policy_path,
                        const std::string& cache_directory) {
  const auto finding = [](Level level, std::string detail, std::string action) {
    return Finding{level, "policy", "in force", std::move(detail), std::move(action)};
  };
  const auto open = [&](const char* suffix) {
    return policy::CachedSet::open(cache_directory, policy_path, suffix);
  };
  const auto cached = open(policy::kSetSuffix);
  if (!cached)
    return finding(Level::kFail, cached.error().sentence(),
                   "remove the file that is named: the next container start makes a new one");
  if (!*cached && loaded.files.empty()) return finding(Level::kOk, "no policy", "");
  if (const auto writable = policy::check_writable(cache_directory);
      !*cached && loaded.ok() && !writable)
    return finding(Level::kFail, "nothing: " + writable.error().sentence(),
                   "make it writable: until then no container starts");
  if (!*cached && loaded.ok())
    return finding(Level::kOk, "nothing yet: the next container start compiles the files", "");
  if (!*cached)
    return finding(Level::kFail, "nothing: no set was ever accepted",
                   "fix the errors: until then every container is refused");
  const auto& set = (*cached)->set();
  const std::string what = count_of(set.policy_count(), "policy", "policies") + ", compiled " +
                           utc_time(set.compiled_at_ns());
  if ((*cached)->is_current(policy_path, policy::Racy::kIsIgnored)) {
    if (loaded.ok() && !(*cached)->holds(loaded.policies))
      return finding(Level::kFail, what + ", and not what the files say: the set is damaged",
                     "pinscope compile makes it again; look for the reason on the disk");
    return finding(Level::kOk, what, "");
  }
  const auto refused = open(policy::kRejectedSuffix);
  if (refused && *refused && (*refused)->set().refusal() &&
      (*refused)->is_current(policy_path, policy::Racy::kIsIgnored))
    return finding(
        Level::kFail,
        what + "; the newest edit was refused: " + std::string(*(*refused)->set().refusal()),
        "fix it (pinscope check); until then the older set stays in force");
  if (const auto writable = policy::check_writable(cache_directory); !writable)
    return finding(
        Level::kFail,
        what + "; the files have changed and are not in force: " + writable.error().sentence(),
        "make it writable: until then the older set stays in force");
  return finding(Level::kOk, what + "; the files have changed: the next start looks at them", "");
}

}  // namespace

Findings check_policies(const std::string& policy_path, const std::string& cache_directory,
                        const model::LookAtPin& look_at_pin) {
  if (!may_read(policy_path)) return {};
  auto loaded = is_root() ? policy::load_for_install(policy_path, cache_directory)
                          : policy::load_path(policy_path);
  add_findings_of_host(loaded, look_at_pin);
  Findings findings = {policy_files(loaded, policy_path)};
  if (!is_root()) return findings;
  findings.push_back(policy_in_force(loaded, policy_path, cache_directory));
  if (loaded.ok() && !loaded.policies.empty())
    findings.push_back(check_every_start(loaded.policies));
  findings.push_back(check_directory("policy", "cache", cache_directory));
  return findings;
}

void add_findings_of_host(policy::Loaded& loaded, const model::LookAtPin& look_at_pin) {
  if (!loaded.ok()) return;
  const auto bpffs = kernel::bpffs_places();
  policy::insert_by_place(loaded.diagnostics, policy::warn_of_no_bpffs(loaded.policies, bpffs));
  policy::insert_by_place(loaded.diagnostics,
                          policy::look_for_pins(loaded.policies, bpffs, look_at_pin));
  policy::insert_by_place(loaded.diagnostics,
                          policy::warn_of_linked_bundles(loaded.policies, resolved));
}

}  // namespace pinscope::health
