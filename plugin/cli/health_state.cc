// doctor: what Pinscope itself keeps: policies in force, records, the audit trail.
#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

#include "plugin/base/path.h"
#include "plugin/base/text.h"
#include "plugin/cli/health.h"
#include "plugin/cli/records.h"
#include "plugin/cli/term/diagnostics.h"
#include "plugin/cli/term/table.h"
#include "plugin/host/file.h"
#include "plugin/policy/set/cache.h"
#include "plugin/policy/set/install.h"
#include "plugin/record/audit.h"
#include "plugin/record/store.h"
#include "plugin/record/waiting.h"

namespace pinscope::cli {
namespace {

using Level = Finding::Level;

constexpr const char* kJournalSocket = "/run/systemd/journal/socket";

Finding policy_files(const policy::Loaded& loaded, const Settings& settings) {
  size_t errors = 0;
  size_t warnings = 0;
  std::string first;
  for (const auto& diagnostic : loaded.diagnostics) {
    const bool is_error = diagnostic.severity == policy::Diagnostic::Severity::kError;
    if (is_error && errors == 0)
      first = model::to_string(diagnostic.place) + ": " + diagnostic.message;
    ++(is_error ? errors : warnings);
  }
  const std::string files =
      count_of(loaded.files.size(), "file", "files") + " in " + settings.hook.policy.policy_path;
  if (errors > 0)
    return {Level::kFail, "policy", "files",
            files + ": " + count_of(errors, "error", "errors") + ", the first: " + first,
            "pinscope check shows them all; until they are fixed the last good set stays in force"};
  if (loaded.files.empty())
    return {Level::kWarn, "policy", "files", files,
            "write a policy: without one every container is left alone"};
  if (warnings > 0)
    return {Level::kWarn, "policy", "files",
            files + ": " + count_of(warnings, "warning", "warnings"), "pinscope check shows them"};
  return {Level::kOk, "policy", "files",
          files + ": " + count_of(loaded.policies.size(), "policy", "policies"), ""};
}

Finding policy_in_force(const policy::Loaded& loaded, const Settings& settings) {
  const auto finding = [](Level level, std::string detail, std::string action) {
    return Finding{level, "policy", "in force", std::move(detail), std::move(action)};
  };
  const auto open = [&](const char* suffix) {
    return policy::CachedSet::open(settings.hook.policy.cache_directory,
                                   settings.hook.policy.policy_path, suffix);
  };
  const auto cached = open(policy::kSetSuffix);
  if (!cached)
    return finding(Level::kFail, cached.error().sentence(),
                   "remove the file that is named: the next container start makes a new one");
  if (!*cached && loaded.files.empty()) return finding(Level::kOk, "no policy", "");
  if (const auto writable = policy::check_writable(settings.hook.policy.cache_directory);
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
  if ((*cached)->is_current(settings.hook.policy.policy_path, policy::Racy::kIsIgnored)) {
    if (loaded.ok() && !(*cached)->holds(loaded.policies))
      return finding(Level::kFail, what + ", and not what the files say: the set is damaged",
                     "pinscope compile makes it again; look for the reason on the disk");
    return finding(Level::kOk, what, "");
  }
  const auto refused = open(policy::kRejectedSuffix);
  if (refused && *refused && (*refused)->set().refusal() &&
      (*refused)->is_current(settings.hook.policy.policy_path, policy::Racy::kIsIgnored))
    return finding(
        Level::kFail,
        what + "; the newest edit was refused: " + std::string(*(*refused)->set().refusal()),
        "fix it (pinscope check); until then the older set stays in force");
  if (const auto writable = policy::check_writable(settings.hook.policy.cache_directory); !writable)
    return finding(
        Level::kFail,
        what + "; the files have changed and are not in force: " + writable.error().sentence(),
        "make it writable: until then the older set stays in force");
  return finding(Level::kOk, what + "; the files have changed: the next start looks at them", "");
}

// What the caller may do with a file is not the question: root runs the hook.
Finding trusted_directory(const char* area, const char* name, const std::string& path) {
  const auto directory = open_at(AT_FDCWD, path, O_RDONLY | O_DIRECTORY);
  if (!directory) {
    if (directory.error().errnum() == ENOENT)
      return {Level::kOk, area, name, path + " is not there yet: the first view makes it", ""};
    return {Level::kWarn, area, name, directory.error().sentence(), "run pinscope doctor as root"};
  }
  struct stat status {};
  if (::fstat(directory->get(), &status) != 0)
    return {Level::kWarn, area, name, Error::system("stat " + quoted(path), errno).sentence(), ""};
  if (const auto trusted = check_trusted(status, path); !trusted)
    return {Level::kFail, area, name, trusted.error().sentence(),
            "chown root:root " + path + " and chmod go-w " + path};
  return {Level::kOk, area, name, path, ""};
}

Finding records(const Entries& all) {
  size_t running = 0;
  size_t gone = 0;
  size_t odd = 0;
  for (const auto& entry : all.entries) {
    const std::string summary = inventory::summary(entry.record, entry.live);
    ++(summary == "running" ? running : summary == "gone" ? gone : odd);
  }
  std::string detail = std::to_string(running) + " running, " + std::to_string(gone) + " gone";
  if (odd > 0) detail += ", " + std::to_string(odd) + " incomplete or without view";
  if (!all.unreadable.empty())
    return {Level::kFail, "state", "records",
            detail + ", " + std::to_string(all.unreadable.size()) +
                " unreadable: " + all.unreadable.front().sentence(),
            "pinscope gc --damaged removes records that cannot be read"};
  if (gone > 0)
    return {Level::kWarn, "state", "records", detail, "pinscope gc removes what is left of them"};
  if (odd > 0) return {Level::kWarn, "state", "records", detail, "pinscope list shows which"};
  return {Level::kOk, "state", "records", detail, ""};
}

Finding stale_grants(const Entries& all) {
  size_t stale = 0;
  for (const auto& entry : all.entries)
    if (entry.live.process == inventory::ProcessState::kRunning) stale += entry.live.stale_count();
  if (stale == 0) return {Level::kOk, "state", "stale grants", "none", ""};
  return {
      Level::kWarn, "state", "stale grants",
      count_of(stale, "grant shows", "grants show") + " an object that its source no longer names",
      "pinscope list shows which containers; restart them to follow"};
}

}  // namespace

Findings policy_health(const Settings& settings) {
  auto loaded = policy::load_for_install(settings.hook.policy.policy_path,
                                         settings.hook.policy.cache_directory);
  add_warnings_of_host(loaded);
  return {policy_files(loaded, settings), policy_in_force(loaded, settings),
          trusted_directory("policy", "cache", settings.hook.policy.cache_directory)};
}

Findings state_health(const Settings& settings) {
  Findings findings = {trusted_directory("state", "directory", settings.hook.state_directory)};
  const auto all = read_entries(settings.hook.state_directory);
  if (!all) {
    findings.push_back({Level::kFail, "state", "records", all.error().sentence(), ""});
    return findings;
  }
  findings.push_back(records(*all));
  findings.push_back(stale_grants(*all));
  const auto store = record::Store::open(settings.hook.state_directory, false);
  const auto leftovers = store ? store->leftovers() : Result<std::vector<std::string>>{};
  if (leftovers && !leftovers->empty())
    findings.push_back({Level::kWarn, "state", "leftovers",
                        count_of(leftovers->size(), "temporary file", "temporary files"),
                        "pinscope gc removes them"});
  return findings;
}

Findings audit_health(const Settings& settings) {
  Findings findings;
  struct stat status {};
  if (::stat(settings.hook.audit.path.c_str(), &status) == 0) {
    const bool good = S_ISREG(status.st_mode) && check_trusted(status, settings.hook.audit.path);
    findings.push_back(
        {good ? Level::kOk : Level::kFail, "audit", "file", settings.hook.audit.path,
         good ? "" : "it must be a regular file that root owns and alone may write"});
  } else if (errno == ENOENT) {
    findings.push_back({Level::kOk, "audit", "file",
                        settings.hook.audit.path + " is not there yet: the first event makes it",
                        ""});
  } else {
    findings.push_back({Level::kWarn, "audit", "file",
                        Error::system("stat " + quoted(settings.hook.audit.path), errno).sentence(),
                        ""});
  }
  if (static_cast<size_t>(status.st_size) >= record::kRefusalsUpToSize)
    findings.push_back(
        {Level::kWarn, "audit", "size",
         settings.hook.audit.path + " is so large that it takes no refusals any more",
         "rotate it: config/logrotate, every hour"});
  const std::string waiting = join(settings.hook.state_directory, record::kWaitingName);
  if (::stat(waiting.c_str(), &status) == 0 && status.st_size > 0)
    findings.push_back({Level::kWarn, "audit", "waiting",
                        std::to_string(status.st_size) + " bytes of lines wait in " + waiting,
                        "there was no space for them: make some, then run pinscope gc"});
  const bool journal = ::access(kJournalSocket, F_OK) == 0;
  findings.push_back({Level::kOk, "audit", "journal",
                      journal ? kJournalSocket : "none on this machine: only the file is written",
                      ""});
  return findings;
}

}  // namespace pinscope::cli
