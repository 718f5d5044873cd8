// The audit trail: one JSON line for each decision and outcome, to a file and, where there is one,
// to the system journal. docs/operating.md says what is in a line.
#pragma once

#include <string>
#include <string_view>

#include "plugin/base/fd.h"
#include "plugin/base/result.h"
#include "plugin/model/record.h"
#include "plugin/record/trail_file.h"
#include "plugin/record/waiting.h"

namespace pinscope::record {

struct AuditOptions {
  std::string path = "/var/log/pinscope/audit.jsonl";          // empty: no file
  std::string journal_socket = "/run/systemd/journal/socket";  // empty: no journal
  std::string waiting_directory = {};  // for lines that find no space in the file; empty: none
};

// From this size in bytes on, the file takes no refusals any more: anybody can cause them at no
// cost, while every other line needs a container. The journal still takes them.
inline constexpr size_t kRefusalsUpToSize = size_t{64} << 20;

class AuditTrail {
 public:
  // Opens what is there; missing directories of the file are made (the last one 0700), the file is
  // made 0600. What is no regular file, or is a symbolic link, is not opened. Keeps descriptors, so
  // it goes on working after a change of mount namespace and after the privileges are gone.
  static AuditTrail open(const AuditOptions& options);

  // Appends one line, which gets its place in the chain, with one write, and sends it to the
  // journal; waits for neither, but for another writer up to 0.2 seconds. A line
  // for which the file has no space waits in the waiting directory, until a later one is taken.
  // kAudit if there are sinks and none took it. A line over 32 KiB that the file took goes to the
  // journal without its details.
  [[nodiscard]] Status write(const model::AuditEvent& event) const;

  // Moves the lines that wait into the file, as far as it takes them.
  void move_waiting() const;

 private:
  // The line as it is in the file; an error's errno is ENOSPC if there is no space.
  [[nodiscard]] Result<std::string> append(std::string_view line,
                                           model::AuditEvent::Outcome outcome) const;

  TrailFile file_;
  Fd journal_;
  WaitingLines waiting_;
  bool no_space_ = false;  // is why there is no file
  std::string problem_;    // why there is no file, or no journal
};

}  // namespace pinscope::record
