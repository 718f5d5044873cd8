// Whether an audit trail is what was written: follows the chain of its lines
// (plugin/record/chain.h) through its files. Sees no file itself.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "plugin/base/result.h"

namespace pinscope::cli {

class ChainCheck {
 public:
  // `expected`: a digest that some line must have; empty: none.
  explicit ChainCheck(std::string expected = "") : expected_(std::move(expected)) {}

  // A line, and what is to be said of it.
  struct Said {
    std::string file;
    size_t line = 0;
    std::string text;
  };

  // The lines of a file follow, which is younger than those before.
  void begin_file(std::string file);
  // A line without its newline; not `ended`: the file ends without one. Behind a problem, the chain
  // is followed from the next line on.
  void take(std::string_view line, bool ended = true);
  // The last file is at its end.
  void end();

  // The first lines that are not what was written there, at most kMaxProblems.
  [[nodiscard]] const std::vector<Said>& problems() const { return problems_; }
  [[nodiscard]] size_t problem_count() const { return problem_count_; }
  static constexpr size_t kMaxProblems = 20;
  // What is no sign of tampering, and worth knowing.
  [[nodiscard]] const std::vector<Said>& notes() const { return notes_; }
  [[nodiscard]] size_t verified() const { return verified_; }
  [[nodiscard]] size_t older() const {
    return older_;
  }  // lines in front of the chain, without digest
  [[nodiscard]] const std::string& last_digest() const { return last_; }

 private:
  // What a line says of how it goes on.
  struct Link;
  static Result<Link> read_link(std::string_view line);

  // Lines without a digest, one behind the other.
  struct Cut {
    Said where;
    std::string text;
    size_t lines = 0;
    bool has_problem = false;  // that was told
  };

  void take_cut(std::string_view line);
  void take_chained(std::string_view line, std::string_view digest);
  // Whether a line accounts for those in front of it that were cut; tells a problem itself.
  [[nodiscard]] bool accounts_for_cut(const Link& link);
  [[nodiscard]] bool accounts_for(const Cut& cut, const Link& link, bool in_file_before) const;
  [[nodiscard]] bool accounts_again(const Link& link) const;
  // What is wrong with how a line goes on; empty: nothing.
  [[nodiscard]] std::string wrong_link(std::string_view prev, bool first, bool unlocked);
  void fail(Said said);
  void fail(std::string text) { fail({file_, line_, std::move(text)}); }
  void note_never_finished(const Cut& cut);
  void note(std::string text) { notes_.push_back({file_, line_, std::move(text)}); }

  const std::string expected_;
  bool found_ = false;
  std::string file_;
  size_t line_ = 0;
  bool begun_ = false;  // a chain has
  bool begun_in_file_ = false;
  bool older_in_file_ = false;
  std::string last_;                                 // digest of the line before
  size_t number_ = 0;                                // of the line before, through all files
  size_t before_file_ = 0;                           // the last number of the file before
  size_t last_locked_ = 0;                           // the newest that was written under the lock
  std::unordered_map<std::string, size_t> of_file_;  // digests of this file: their numbers
  std::unordered_map<std::string, size_t> of_previous_;  // of the file before
  std::string last_good_;                                // digest of the line before the problem
  std::optional<Cut> cut_;                               // that no line has accounted for yet
  std::optional<Cut> cut_before_;                        // the same, at the end of the file before
  std::vector<std::string> accounted_;         // the texts of those that were, in this file
  std::vector<std::string> accounted_before_;  // in the file before
  size_t verified_ = 0;
  size_t older_ = 0;
  std::vector<Said> notes_;
  std::vector<Said> problems_;
  size_t problem_count_ = 0;
};

}  // namespace pinscope::cli
