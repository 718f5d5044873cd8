#include "plugin/record/audit.h"

#include <cerrno>

#include "plugin/record/audit_line.h"
#include "plugin/record/journal.h"

namespace pinscope::record {
namespace {

// What a journal shows well; more than this belongs into the file.
constexpr size_t kLargestJournalDetails = 32768;

bool is_lack_of_space(int errnum) {
  return errnum == ENOSPC || errnum == EDQUOT;
}

// Of these a container, or whoever starts some, may bring about as many as it likes.
bool is_of_no_effect(model::AuditEvent::Outcome outcome) {
  using Outcome = model::AuditEvent::Outcome;
  return outcome == Outcome::kRefused || outcome == Outcome::kNotChanged;
}

void add_problem(std::string& problems, const Error& error) {
  if (!problems.empty()) problems += "; ";
  problems += error.sentence();
}

}  // namespace

AuditTrail AuditTrail::open(const AuditOptions& options) {
  AuditTrail trail;
  if (!options.path.empty()) {
    if (auto file = TrailFile::open(options.path)) {
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

Result<std::string> AuditTrail::append(std::string_view line,
                                       model::AuditEvent::Outcome outcome) const {
  const Error cannot(ErrorCode::kAudit, "append to the audit file");
  if (is_of_no_effect(outcome) && file_.size() >= kRefusalsUpToSize)
    return std::unexpected(Error(cannot)
                               .reason("it is so large that it takes no refusals")
                               .hint("it has to be rotated"));
  auto appended = file_.append({&line, 1});
  if (appended.lines == 1) return std::move(appended.text);
  Error error = Error::system("append to the audit file", appended.errnum, ErrorCode::kAudit);
  if (appended.cut) error = std::move(error).reason("it took a part of the line");
  return std::unexpected(std::move(error));
}

Status AuditTrail::write(const model::AuditEvent& event) const {
  std::string line = to_json_line(event);
  std::string problems = problem_;
  bool in_file = false;
  bool no_space = no_space_;
  if (file_.valid()) {
    auto appended = append(line, event.outcome);
    in_file = appended.has_value();
    if (in_file) {
      line = *std::move(appended);
    } else {
      add_problem(problems, appended.error());
      no_space = is_lack_of_space(appended.error().errnum());
    }
  }
  bool taken = in_file;
  if (in_file) {
    move_waiting();
  } else if (no_space && waiting_.valid()) {
    const auto kept = waiting_.add(line, event.outcome == model::AuditEvent::Outcome::kGranted);
    taken = kept.has_value();
    if (!kept) add_problem(problems, kept.error());
  }
  if (journal_.valid()) {
    auto sent = send_to_journal(journal_.get(), event, line,
                                !in_file || line.size() <= kLargestJournalDetails);
    taken = taken || sent.has_value();
    if (!sent) add_problem(problems, sent.error());
  }
  if (taken || problems.empty()) return {};
  return std::unexpected(
      Error(ErrorCode::kAudit, "write the audit line").reason(std::move(problems)));
}

void AuditTrail::move_waiting() const {
  if (file_.valid()) waiting_.move_to(file_);
}

}  // namespace pinscope::record
