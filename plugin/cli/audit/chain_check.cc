#include "plugin/cli/audit/chain_check.h"

#include "plugin/base/text.h"
#include "plugin/json/json.h"
#include "plugin/record/chain.h"

namespace pinscope::cli {
namespace {

// What a line says of how it goes on.
struct Link {
  std::string prev;
  std::string cut_digest;
  bool first = false;
  bool unlocked = false;
};

Result<Link> read_link(std::string_view line) {
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

}  // namespace

void ChainCheck::begin_file(std::string file) {
  file_ = std::move(file);
  line_ = 0;
  begun_in_file_ = older_in_file_ = false;
  before_file_ = number_;
  of_previous_ = std::exchange(of_file_, {});
}

void ChainCheck::fail_unaccounted() {
  problem_ = std::move(cut_->where);
  problem_->text =
      "this line has no digest: it was put in or changed, or an older version of Pinscope wrote it";
}

void ChainCheck::take(std::string_view line, bool ended) {
  ++line_;
  if (problem_ || line.empty()) return;
  if (const auto digest = record::digest_of(line)) return take_chained(line, *digest);
  if (!begun_ && ended) {
    ++older_;
    older_in_file_ = true;
  } else if (cut_) {
    fail_unaccounted();
  } else {
    cut_ = {{file_, line_, ""}, std::string(line), ended};
  }
}

void ChainCheck::take_chained(std::string_view line, std::string_view digest) {
  const auto link = read_link(line);
  if (!link || !record::has_right_digest(line))
    return fail("this line was changed: its digest is not that of its text");
  if (cut_) {
    // What could not be read when this file was begun cannot be accounted for.
    const bool unread = link->first && link->prev.empty() && !cut_->ended;
    if (!unread && link->cut_digest != record::sha256(cut_->line)) return fail_unaccounted();
    notes_.push_back(
        {cut_->where.file, cut_->where.line,
         "this line was never finished: its writer was stopped, or the disk was full"});
    cut_.reset();
  } else if (begun_ && !link->cut_digest.empty()) {
    return fail("in front of this line there was one that was never finished, and it is gone");
  }
  const std::string wrong = wrong_link(link->prev, link->first, link->unlocked);
  if (!wrong.empty()) return fail(wrong);
  begun_ = begun_in_file_ = true;
  last_ = digest;
  ++number_;
  if (!link->unlocked) last_locked_ = number_;
  of_file_.emplace(last_, number_);
  found_ = found_ || last_ == expected_;
  ++verified_;
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
  if (problem_) return;
  if (cut_ && cut_->ended) return fail_unaccounted();
  if (cut_) note("this line is not finished yet, or its writer was stopped");
  if (!expected_.empty() && !found_)
    fail("no line has the digest " + quoted(expected_) +
         ": lines are gone, from the end or the front");
}

}  // namespace pinscope::cli
