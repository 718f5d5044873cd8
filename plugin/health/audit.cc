#include "plugin/health/audit.h"

#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

#include "plugin/base/path.h"
#include "plugin/base/text.h"
#include "plugin/host/trust.h"
#include "plugin/record/audit.h"
#include "plugin/record/waiting.h"

namespace pinscope::health {

using model::Finding;
using model::Findings;
using Level = Finding::Level;

namespace {

constexpr const char* kJournalSocket = "/run/systemd/journal/socket";

}  // namespace

Findings check_audit(const std::string& audit_path, const std::string& state_directory) {
  Findings findings;
  struct stat status {};
  if (::stat(audit_path.c_str(), &status) == 0) {
    const bool good =
        S_ISREG(status.st_mode) && check_trusted(status, audit_path, TrustRule(ErrorCode::kAudit));
    findings.push_back(
        {good ? Level::kOk : Level::kFail, "audit", "file", audit_path,
         good ? "" : "it must be a regular file that root owns and alone may write"});
  } else if (errno == ENOENT) {
    findings.push_back({Level::kOk, "audit", "file",
                        audit_path + " is not there yet: the first event makes it", ""});
  } else {
    findings.push_back({Level::kWarn, "audit", "file",
                        Error::system("stat " + quoted(audit_path), errno).sentence(), ""});
  }
  if (static_cast<size_t>(status.st_size) >= record::kRefusalsUpToSize)
    findings.push_back({Level::kWarn, "audit", "size",
                        audit_path + " is so large that it takes no refusals any more",
                        "rotate it: config/logrotate, every hour"});
  const std::string waiting = join(state_directory, record::kWaitingName);
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

}  // namespace pinscope::health
