// The audit trail: one JSON line for each decision and outcome, to a file and, where there is one,
// to the system journal. docs/operating.md says what is in a line.
#pragma once

#include <string>

#include "plugin/base/fd.h"
#include "plugin/base/result.h"
#include "plugin/model/record.h"

namespace pinscope::record {

struct AuditOptions {
  std::string path = "/var/log/pinscope/audit.jsonl";          // empty: no file
  std::string journal_socket = "/run/systemd/journal/socket";  // empty: no journal
};

class AuditTrail {
 public:
  // Opens what is there; missing directories of the file are made (the last one 0700), the file is
  // made 0600. What is no regular file, or is a symbolic link, is not opened. Keeps descriptors, so
  // it goes on working after a change of mount namespace and after the privileges are gone.
  static AuditTrail open(const AuditOptions& options);

  // Appends one line with one write, and sends it to the journal; never waits for either. kAudit if
  // there are sinks and none took it. A line over 32 KiB that the file took goes to the journal
  // without its details.
  [[nodiscard]] Status write(const model::AuditEvent& event) const;

 private:
  Fd file_;
  Fd journal_;
  std::string problem_;  // why there is no file, or no journal
};

// Into `event`, what a record says of its container: who it is, what selected it, what it got.
void describe(const model::Record& record, model::AuditEvent& event);

// The line, without its newline.
std::string to_json_line(const model::AuditEvent& event);

}  // namespace pinscope::record
