// The log of pinscoped: one line on stderr for each event that people should know of. An engine
// that starts it as a plugin discards its stderr; then the lines go to syslog as well.
#pragma once

#include <string>

namespace pinscope::daemon {

enum class Severity { kInfo, kWarning, kError };

class Log {
 public:
  explicit Log(bool to_syslog);
  Log(const Log&) = delete;
  Log& operator=(const Log&) = delete;
  ~Log();

  // `text` is one line without its end; control characters in it are escaped.
  void write(Severity severity, const std::string& text) const;

 private:
  bool to_syslog_;
};

}  // namespace pinscope::daemon
