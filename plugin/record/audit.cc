#include "plugin/record/audit.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <cerrno>

#include "plugin/base/path.h"
#include "plugin/base/text.h"
#include "plugin/host/file.h"
#include "plugin/record/audit_line.h"
#include "plugin/record/journal.h"

namespace pinscope::record {
namespace {

constexpr mode_t kDirectoryMode = 0700;
constexpr mode_t kFileMode = 0600;
// What a journal shows well; more than this belongs into the file.
constexpr size_t kLargestJournalDetails = 32768;

// Space behind the end of the file that is the file's already when a disk becomes full.
constexpr off_t kReserve = off_t{1} << 20;
constexpr off_t kBlock = 512;  // of st_blocks

// Not every file system can, and none has to: it only makes the file the last to find no space.
void reserve(int fd, const struct stat& status) {
  if (status.st_blocks * kBlock < status.st_size + kReserve / 2)
    (void)::fallocate(fd, FALLOC_FL_KEEP_SIZE, status.st_size, kReserve);
}

// O_NONBLOCK: opening a FIFO that somebody put there would wait for a reader.
Result<Fd> open_file(const std::string& path) {
  constexpr int kFlags = O_RDWR | O_APPEND | O_CREAT | O_NOFOLLOW | O_NONBLOCK;
  auto file = open_at(AT_FDCWD, path, kFlags, kFileMode);
  if (!file && file.error().errnum() == ENOENT) {
    PINSCOPE_TRY([[maybe_unused]] const Fd directory,
                 make_directory(std::string(parent_of(path)), kDirectoryMode));
    file = open_at(AT_FDCWD, path, kFlags, kFileMode);
  }
  if (!file) return file;
  struct stat status {};
  if (::fstat(file->get(), &status) != 0)
    return std::unexpected(Error::system("stat " + quoted(path), errno));
  if (!S_ISREG(status.st_mode))
    return std::unexpected(
        Error(ErrorCode::kAudit, "open " + quoted(path)).reason("it is not a regular file"));
  reserve(file->get(), status);
  return file;
}

bool is_lack_of_space(int errnum) {
  return errnum == ENOSPC || errnum == EDQUOT;
}

void add_problem(std::string& problems, const Error& error) {
  if (!problems.empty()) problems += "; ";
  problems += error.sentence();
}

}  // namespace

AuditTrail AuditTrail::open(const AuditOptions& options) {
  AuditTrail trail;
  if (!options.path.empty()) {
    if (auto file = open_file(options.path)) {
      trail.file_ = *std::move(file);
    } else {
      add_problem(trail.problem_, file.error());
      trail.no_space_ = is_lack_of_space(file.error().errnum());
    }
    if (!options.waiting_directory.empty())
      if (auto waiting = WaitingLines::open(options.waiting_directory))
        trail.waiting_ = *std::move(waiting);
  }
  if (!options.journal_socket.empty()) {
    if (auto journal = connect_journal(options.journal_socket)) {
      trail.journal_ = *std::move(journal);
    } else {
      add_problem(trail.problem_, journal.error());
    }
  }
  return trail;
}

// One write, so that lines of hooks that run at the same time do not mix.
Status AuditTrail::append(const std::string& line, model::AuditEvent::Outcome outcome) const {
  const auto cannot = [](const char* reason) {
    return Error(ErrorCode::kAudit, "append to the audit file").reason(reason);
  };
  if (outcome == model::AuditEvent::Outcome::kRefused &&
      static_cast<size_t>(::lseek(file_.get(), 0, SEEK_END)) >= kRefusalsUpToSize)
    return std::unexpected(
        cannot("it is so large that it takes no refusals").hint("it has to be rotated"));
  const std::string text = line + "\n";
  const ssize_t count = append_lines(file_.get(), text);
  if (count < 0)
    return std::unexpected(
        Error::system("append to the audit file", static_cast<int>(-count), ErrorCode::kAudit));
  if (static_cast<size_t>(count) != text.size())
    return std::unexpected(Error::system("append to the audit file", ENOSPC, ErrorCode::kAudit)
                               .reason("it took a part of the line"));
  return {};
}

Status AuditTrail::write(const model::AuditEvent& event) const {
  const std::string line = to_json_line(event);
  std::string problems = problem_;
  bool taken = false;
  bool no_space = no_space_;
  if (file_.valid()) {
    const auto appended = append(line, event.outcome);
    taken = appended.has_value();
    if (!taken) {
      add_problem(problems, appended.error());
      no_space = is_lack_of_space(appended.error().errnum());
    }
  }
  const bool in_file = taken;
  if (in_file) {
    move_waiting();
  } else if (no_space && waiting_.valid()) {
    const auto kept = waiting_.add(line, event.outcome == model::AuditEvent::Outcome::kGranted);
    taken = kept.has_value();
    if (!kept) add_problem(problems, kept.error());
  }
  if (journal_.valid()) {
    const bool with_details = !in_file || line.size() <= kLargestJournalDetails;
    auto sent = send_to_journal(journal_.get(), event, with_details ? line : std::string_view());
    taken = taken || sent.has_value();
    if (!sent) add_problem(problems, sent.error());
  }
  if (taken || problems.empty()) return {};
  return std::unexpected(
      Error(ErrorCode::kAudit, "write the audit line").reason(std::move(problems)));
}

void AuditTrail::move_waiting() const {
  if (file_.valid()) waiting_.move_to(file_.get());
}

}  // namespace pinscope::record
