#include "plugin/record/journal.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <cerrno>
#include <cstring>

#include "plugin/base/text.h"
#include "plugin/record/audit.h"
#include "plugin/record/bounds.h"
#include "plugin/record/chain.h"
#include "plugin/record/words.h"

namespace pinscope::record {
namespace {

using model::AuditEvent;

// syslog(3)
constexpr const char* kPriorityError = "3";
constexpr const char* kPriorityWarning = "4";
constexpr const char* kPriorityNotice = "5";
constexpr const char* kPriorityInfo = "6";

const char* priority_of(AuditEvent::Outcome outcome) {
  switch (outcome) {
    case AuditEvent::Outcome::kRefused:
    case AuditEvent::Outcome::kNotChanged:
      return kPriorityError;
    case AuditEvent::Outcome::kPolicyRejected:
      return kPriorityWarning;
    case AuditEvent::Outcome::kPolicyAccepted:
    case AuditEvent::Outcome::kCollected:
    case AuditEvent::Outcome::kChanged:
      return kPriorityNotice;
    case AuditEvent::Outcome::kGranted:
    case AuditEvent::Outcome::kRemoved:
      return kPriorityInfo;
  }
  return kPriorityInfo;
}

std::string message_of(const AuditEvent& event) {
  const std::string container = "container " + quoted(event.given.id);
  switch (event.outcome) {
    case AuditEvent::Outcome::kGranted: {
      std::string text =
          "granted " + count_of(event.given.pins.size(), "pin", "pins") + " to " + container;
      if (!event.given.refusals.empty())
        text += ", " + std::to_string(event.given.refusals.size()) + " denied";
      return text;
    }
    case AuditEvent::Outcome::kRefused:
    case AuditEvent::Outcome::kNotChanged:
      return (event.outcome == AuditEvent::Outcome::kRefused ? "refused "
                                                             : "did not change the view of ") +
             container + ": " + one_line(event.error);
    case AuditEvent::Outcome::kRemoved:
      return "removed the view of " + container;
    case AuditEvent::Outcome::kPolicyRejected:
      return "rejected the policies, the last good ones stay in force: " + one_line(event.error);
    case AuditEvent::Outcome::kPolicyAccepted:
      return "accepted the policies";
    case AuditEvent::Outcome::kCollected:
      return "collected what " + container + " left behind";
    case AuditEvent::Outcome::kChanged:
      return "changed the view of " + container + " to " +
             count_of(event.given.pins.size(), "pin", "pins");
  }
  return {};
}

// Long texts are cut as in the line. A value with a newline is sent by its length, 64 bits
// little-endian, so that it cannot begin a field of its own.
void append_field(std::string& entry, std::string_view name, std::string_view text,
                  size_t limit = kLongestSentence) {
  std::string room;
  const std::string_view value = bounded(text, limit, room);
  if (value.empty()) return;
  entry += name;
  if (value.find('\n') == std::string_view::npos) {
    entry += '=';
  } else {
    entry += '\n';
    for (size_t i = 0; i < sizeof(uint64_t); ++i)
      entry += static_cast<char>(uint64_t{value.size()} >> (8 * i));
  }
  entry += value;
  entry += '\n';
}

void append_fact(std::string& entry, std::string_view name,
                 const std::optional<model::Fact>& fact) {
  if (fact) append_field(entry, name, fact->value);
}

// An entry that is too large for a datagram travels in a sealed memory file (as sd_journal_send
// does it): the journal refuses one that could still change.
Status send_as_file(int socket, std::string_view entry) {
  const auto fail = [](const char* what) {
    return std::unexpected(Error::system(what, errno, ErrorCode::kAudit));
  };
  const Fd file(::memfd_create("pinscope-journal", MFD_CLOEXEC | MFD_ALLOW_SEALING));
  if (!file.valid()) return fail("make a memory file for the journal");
  while (!entry.empty()) {
    const ssize_t count = ::write(file.get(), entry.data(), entry.size());
    if (count < 0) return fail("write a memory file for the journal");
    entry.remove_prefix(static_cast<size_t>(count));
  }
  constexpr int kSeals = F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_SEAL;
  if (::fcntl(file.get(), F_ADD_SEALS, kSeals) != 0)
    return fail("seal a memory file for the journal");

  alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int))] = {};
  msghdr message{};
  message.msg_control = control;
  message.msg_controllen = sizeof control;
  cmsghdr* header = CMSG_FIRSTHDR(&message);
  header->cmsg_level = SOL_SOCKET;
  header->cmsg_type = SCM_RIGHTS;
  header->cmsg_len = CMSG_LEN(sizeof(int));
  const int descriptor = file.get();
  std::memcpy(CMSG_DATA(header), &descriptor, sizeof descriptor);
  if (::sendmsg(socket, &message, MSG_NOSIGNAL) < 0)
    return fail("send a memory file to the journal");
  return {};
}

}  // namespace

Result<Fd> connect_journal(const std::string& socket_path) {
  const std::string operation = "connect to the journal at " + quoted(socket_path);
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (socket_path.size() >= sizeof address.sun_path)
    return std::unexpected(Error::system(operation, ENAMETOOLONG, ErrorCode::kAudit));
  std::memcpy(address.sun_path, socket_path.c_str(), socket_path.size() + 1);
  Fd socket(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!socket.valid() ||
      ::connect(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0)
    return std::unexpected(Error::system(operation, errno, ErrorCode::kAudit));
  return socket;
}

std::string journal_entry(const AuditEvent& event, std::string_view line, bool details) {
  std::string entry;
  append_field(entry, "MESSAGE", message_of(event));
  append_field(entry, "PRIORITY", priority_of(event.outcome));
  append_field(entry, "SYSLOG_IDENTIFIER", "pinscope");
  append_field(entry, "PINSCOPE_OUTCOME", name_of(event.outcome));
  append_field(entry, "PINSCOPE_CODE", event.error_code);
  append_field(entry, "PINSCOPE_ERROR", event.error);
  append_field(entry, "PINSCOPE_STAGE", event.stage);
  append_field(entry, "PINSCOPE_CONTAINER_ID", event.given.id);
  append_field(entry, "PINSCOPE_BUNDLE", event.given.bundle);
  if (event.given.pid != 0) append_field(entry, "PINSCOPE_PID", std::to_string(event.given.pid));
  append_field(entry, "PINSCOPE_ENGINE", model::engine_name(event.given.engine));
  if (event.given.uid) append_field(entry, "PINSCOPE_UID", std::to_string(*event.given.uid));
  append_fact(entry, "PINSCOPE_KUBERNETES_NAMESPACE", event.given.identity.kubernetes_namespace);
  append_fact(entry, "PINSCOPE_KUBERNETES_POD", event.given.identity.kubernetes_pod);
  append_fact(entry, "PINSCOPE_KUBERNETES_CONTAINER", event.given.identity.kubernetes_container);
  append_fact(entry, "PINSCOPE_IMAGE", event.given.identity.image);
  if (!event.given.bypasses.empty())
    append_field(entry, "PINSCOPE_VOID", joined(model::names_of(event.given.bypasses), " "));
  append_field(entry, "PINSCOPE_PINS", std::to_string(event.given.pins.size()));
  append_field(entry, "PINSCOPE_DIGEST", digest_of(line).value_or(""));
  if (details) append_field(entry, "PINSCOPE_EVENT", line, kLongestLine);
  return entry;
}

Status send_to_journal(int socket, const AuditEvent& event, std::string_view line, bool details) {
  const std::string entry = journal_entry(event, line, details);
  if (::send(socket, entry.data(), entry.size(), MSG_NOSIGNAL) >= 0) return {};
  if (errno == EMSGSIZE || errno == ENOBUFS) return send_as_file(socket, entry);
  return std::unexpected(Error::system("send to the journal", errno, ErrorCode::kAudit));
}

}  // namespace pinscope::record
