#include "plugin/record/audit.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <cerrno>

#include "plugin/base/file.h"
#include "plugin/base/path.h"
#include "plugin/base/text.h"
#include "plugin/record/journal.h"

namespace pinscope::record {
namespace {

constexpr mode_t kDirectoryMode = 0700;
constexpr mode_t kFileMode = 0600;
// What a journal shows well; more than this belongs into the file.
constexpr size_t kLargestJournalDetails = 32768;

// O_NONBLOCK: opening a FIFO that somebody put there would wait for a reader.
Result<Fd> open_file(const std::string& path) {
  constexpr int kFlags = O_WRONLY | O_APPEND | O_CREAT | O_NOFOLLOW | O_NONBLOCK;
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
  return file;
}

// One write, so that lines of hooks that run at the same time do not mix.
Status append(int fd, const std::string& line) {
  const ssize_t count = ::write(fd, line.data(), line.size());
  if (count < 0) return std::unexpected(Error::system("append to the audit file", errno));
  if (static_cast<size_t>(count) != line.size())
    return std::unexpected(
        Error(ErrorCode::kAudit, "append to the audit file").reason("it took a part of the line"));
  return {};
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
    }
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

Status AuditTrail::write(const model::AuditEvent& event) const {
  std::string line = to_json_line(event);
  std::string problems = problem_;
  bool taken = false;
  if (file_.valid()) {
    line += '\n';
    auto appended = append(file_.get(), line);
    line.pop_back();
    taken = appended.has_value();
    if (!taken) add_problem(problems, appended.error());
  }
  if (journal_.valid()) {
    const bool with_details = !taken || line.size() <= kLargestJournalDetails;
    auto sent = send_to_journal(journal_.get(), event, with_details ? line : std::string_view());
    taken = taken || sent.has_value();
    if (!sent) add_problem(problems, sent.error());
  }
  if (taken || problems.empty()) return {};
  return std::unexpected(
      Error(ErrorCode::kAudit, "write the audit line").reason(std::move(problems)));
}

}  // namespace pinscope::record
