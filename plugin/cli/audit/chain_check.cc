#include "plugin/cli/audit/chain_check.h"

#include <algorithm>

#include "plugin/base/text.h"
#include "plugin/json/json.h"
#include "plugin/record/chain.h"

namespace pinscope::cli {
namespace {

constexpr const char* kNoDigest =
    "this line has no digest: it was put in or changed, or an older version of Pinscope wrote it";
// How many of the lines that were cut may have come when somebody had read the others already.
constexpr int kMaxLate = 64;

// A line that was cut is never the whole of an object.
bool is_whole(std::string_view line) {
  if (!line.ends_with('}')) return false;
  const auto document = JsonDocument::parse(std::string(line), "a line", ErrorCode::kAudit);
  return document && document->root().is_object();
}

// Whether `digest` is that of the first lines of `text`; empty: of none.
bool is_digest_of_first(std::string_view text, std::string_view digest) {
  if (digest.empty()) return true;
  for (int late = 0; late <= kMaxLate; ++late) {
    if (record::cut_digest_of(text) == digest) return true;
    const size_t newline = text.rfind('\n');
    if (newline == std::string_view::npos) return false;
    text = text.substr(0, newline);
  }
  return false;
}

}  // namespace

struct ChainCheck::Link {
  std::string prev;
  std::string cut_digest;
  bool first = false;
  bool unlocked = false;
};

Result<ChainCheck::Link> ChainCheck::read_link(std::string_view line) {
  PINSCOPE_TRY(const auto document,
               JsonDocument::parse(std::string(line), "a line", ErrorCode::kAudit));
  const JsonView root = document.root();
  Link link;
  PINSCOPE_TRY(link.prev, root.string_or("prev", ""));
  PINSCOPE_TRY(link.cut_digest, root.string_or("cut_digest", ""));
  PINSCOPE_TRY(link.first, root.bool_or("first", false));
  PINSCOPE_TRY(link.unlocked, root.bool_or("unlocked", false));
  return link;
}

void ChainCheck::begin_file(std::string file) {
  file_ = std::move(file);
  line_ = 0;
  begun_in_file_ = older_in_file_ = false;
  before_file_ = number_;
  of_previous_ = std::exchange(of_file_, {});
  accounted_before_ = std::exchange(accounted_, {});
  if (!cut_) return;
  if (cut_before_) note_never_finished(*cut_before_);
  cut_before_ = std::exchange(cut_, std::nullopt);
}

void ChainCheck::fail(Said said) {
  ++problem_count_;
  if (problems_.size() < kMaxProblems) problems_.push_back(std::move(said));
}

void ChainCheck::note_never_finished(const Cut& cut) {
  if (cut.has_problem) return;
  notes_.push_back(
      {cut.where.file, cut.where.line,
       cut.lines == 1
           ? "this line was never finished: its writer was stopped, or the disk was full"
           : "from here, " + std::to_string(cut.lines) +
                 " lines were never finished: their writers were stopped, or the disk was full"});
}

void ChainCheck::take(std::string_view line, bool ended) {
  ++line_;
  if (line.empty() && !cut_) return;
  if (const auto digest = record::digest_of(line)) return take_chained(line, *digest);
  if (begun_ || !ended) return take_cut(line);
  ++older_;
  older_in_file_ = true;
}

void ChainCheck::take_cut(std::string_view line) {
  if (cut_) {
    cut_->text.append("\n").append(line);
  } else {
    cut_ = Cut{.where = {file_, line_, ""}, .text = std::string(line)};
  }
  if (!line.empty()) ++cut_->lines;
  if (!is_whole(line)) return;
  cut_->has_problem = true;
  fail(kNoDigest);
}

// Behind a problem, the chain goes on from the line that has it, or from the one before.
void ChainCheck::take_chained(std::string_view line, std::string_view digest) {
  const auto link = read_link(line);
  const size_t problems = problem_count_;
  if (!link || !record::has_right_digest(line)) {
    fail("this line was changed: its digest is not that of its text");
    cut_.reset();
    cut_before_.reset();
  } else if (accounts_for_cut(*link)) {
    const bool goes_on = !last_good_.empty() && link->prev == last_good_;
    const std::string wrong = goes_on ? "" : wrong_link(link->prev, link->first, link->unlocked);
    if (!wrong.empty()) fail(wrong);
  }
  if (problem_count_ == problems) {
    ++verified_;
    last_good_.clear();
  } else if (last_good_.empty()) {
    last_good_ = last_;
  }
  begun_ = begun_in_file_ = true;
  last_ = digest;
  ++number_;
  if (!link || !link->unlocked) last_locked_ = number_;
  of_file_.emplace(last_, number_);
  found_ = found_ || last_ == expected_;
}

bool ChainCheck::accounts_for_cut(const Link& link) {
  const bool in_file_before = cut_before_ && !cut_;
  if (cut_before_ && cut_) note_never_finished(*cut_before_);
  const auto before = std::exchange(cut_before_, std::nullopt);
  const auto cut = in_file_before ? before : std::exchange(cut_, std::nullopt);
  if (!cut) {
    if (!begun_ || link.cut_digest.empty() || accounts_again(link)) return true;
    fail("in front of this line there was one that was never finished, and it is gone");
    return false;
  }
  if (cut->has_problem) return true;
  if (!accounts_for(*cut, link, in_file_before)) {
    fail({cut->where.file, cut->where.line, kNoDigest});
    return false;
  }
  if (!in_file_before) accounted_.push_back(cut->text);
  note_never_finished(*cut);
  return true;
}

// Lines that were cut later, by somebody who had the file before open still or had no lock, are not
// among those that a line accounts for.
bool ChainCheck::accounts_for(const Cut& cut, const Link& link, bool in_file_before) const {
  if (record::cut_digest_of(cut.text) == link.cut_digest) return true;
  // What could not be read when this file was begun cannot be accounted for.
  if (in_file_before && link.first && link.prev.empty()) return true;
  if (!link.unlocked && !(in_file_before && link.first)) return false;
  return is_digest_of_first(cut.text, link.cut_digest) || accounts_again(link);
}

// Two lines that go on from the same one account for the same.
bool ChainCheck::accounts_again(const Link& link) const {
  const auto has = [&](const std::vector<std::string>& texts) {
    return std::ranges::any_of(
        texts, [&](const std::string& text) { return is_digest_of_first(text, link.cut_digest); });
  };
  return link.prev != last_ && (has(accounted_) || (!begun_in_file_ && has(accounted_before_)));
}

// Whoever writes without the lock may go on from the same line as somebody else.
std::string ChainCheck::wrong_link(std::string_view prev, bool first, bool unlocked) {
  const auto number_in = [&](const std::unordered_map<std::string, size_t>& digests) -> size_t {
    const auto found = digests.find(std::string(prev));
    return found == digests.end() ? 0 : found->second;
  };
  const auto at_one_time = [&](size_t fork) { return unlocked || last_locked_ <= fork; };
  const auto noted = [&](std::string text) {
    note(std::move(text));
    return std::string();
  };
  constexpr const char* kAtOneTime =
      "this line and the one before were written at the same time, because the lock was held";

  if (begun_in_file_ && first)
    return at_one_time(before_file_)
               ? noted(kAtOneTime)
               : "this line was the first of a file: it was moved, or what is above it was put in";
  if (!begun_in_file_ && !first && !(older_in_file_ && prev.empty()))
    return "lines in front of this one are gone: it was not the first of its file";
  if (begun_ && prev == last_) return "";
  if (begun_in_file_) {
    const size_t fork = number_in(of_file_);
    if (fork != 0 && at_one_time(fork)) return noted(kAtOneTime);
    if (fork != 0) return "this line does not go on from the one before: it was copied or moved";
    return prev.empty()
               ? "this line begins a chain of its own: it was put in, or the one before was "
                 "changed"
               : "this line does not go on from the one before: lines were removed, moved "
                 "or put in";
  }
  if (!begun_)
    return prev.empty() ? "" : noted("the lines before this one are in a file that is not there");
  if (prev.empty())
    return noted("a chain begins here: the file before could not be read then, or was compressed");
  if (number_in(of_previous_) != 0)
    return noted("the file before was written to until after this one was begun");
  return "lines in front of this one are gone: the end of the file before, or a whole file";
}

void ChainCheck::end() {
  if (cut_before_) note_never_finished(*cut_before_);
  if (cut_ && !cut_->has_problem)
    notes_.push_back({cut_->where.file, cut_->where.line,
                      "this line is not finished yet, or its writer was stopped"});
  if (!expected_.empty() && !found_)
    fail("no line has the digest " + quoted(expected_) +
         ": lines are gone, from the end or the front");
  if (number_ == 0 && problem_count_ == 0) note("there is nothing to verify: no line has a digest");
}

}  // namespace pinscope::cli
