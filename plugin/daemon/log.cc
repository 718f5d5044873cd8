#include "plugin/daemon/log.h"

#include <syslog.h>
#include <unistd.h>

#include "plugin/base/text.h"

namespace pinscope::daemon {
namespace {

int priority_of(Severity severity) {
  switch (severity) {
    case Severity::kInfo:
      return LOG_INFO;
    case Severity::kWarning:
      return LOG_WARNING;
    case Severity::kError:
      return LOG_ERR;
  }
  return LOG_ERR;
}

}  // namespace

Log::Log(bool to_syslog) : to_syslog_(to_syslog) {
  if (to_syslog_) ::openlog("pinscoped", LOG_PID, LOG_DAEMON);
}

Log::~Log() {
  if (to_syslog_) ::closelog();
}

void Log::write(Severity severity, const std::string& text) const {
  const std::string safe = one_line(text);
  const std::string line = "pinscoped: " + safe + "\n";
  // Nobody is left to be told that this failed.
  [[maybe_unused]] const ssize_t written = ::write(STDERR_FILENO, line.data(), line.size());
  if (to_syslog_) ::syslog(priority_of(severity), "%s", safe.c_str());
}

}  // namespace pinscope::daemon
