// The journal's native protocol (systemd.io/JOURNAL_NATIVE_PROTOCOL), as far as an audit event
// needs it. Internal to record/.
#pragma once

#include <string>
#include <string_view>

#include "plugin/base/fd.h"
#include "plugin/base/result.h"
#include "plugin/model/record.h"

namespace pinscope::record {

Result<Fd> connect_journal(const std::string& socket_path);

// Sends one entry; does not wait for a journal that is busy. `line` is the whole event as JSON;
// without `details`, what people read of it and its digest alone are sent.
Status send_to_journal(int socket, const model::AuditEvent& event, std::string_view line,
                       bool details = true);

// The bytes of the entry.
std::string journal_entry(const model::AuditEvent& event, std::string_view line,
                          bool details = true);

}  // namespace pinscope::record
