#include "plugin/daemon/log.h"

#include <syslog.h>
#include <unistd.h>

#include "plugin/base/text.h"

namespace pinscope::daemon {
namespace {

constexpr size_t kLongestLine = 4096;  // bytes

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

// What is told may be as long as whoever told it to us liked.
void Log::write(Severity severity, const std::string& text) const {
  std::string safe = one_line(text);
  if (safe.size() > kLongestLine) {
    size_t end = kLongestLine;
    while (end > 0 && (static_cast<unsigned char>(safe[end]) & 0xC0U) == 0x80U) --end;
    const size_t left_out = safe.size() - end;
    safe.resize(end);
    safe += "… (" + count_of(left_out, "byte", "bytes") + " more)";
  }
  const std::string line = "pinscoped: " + safe + "\n";
  // Nobody is left to be told that this failed.
  [[maybe_unused]] const ssize_t written = ::write(STDERR_FILENO, line.data(), line.size());
  if (to_syslog_) ::syslog(priority_of(severity), "%s", safe.c_str());
}

}  // namespace pinscope::daemon
