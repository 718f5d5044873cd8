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
  // A line without its newline; not `ended`: the file ends without one. Nothing is looked at any
  // more behind a problem.
  void take(std::string_view line, bool ended = true);
  // The last file is at its end.
  void end();

  // The first line that is not what was written there.
  [[nodiscard]] const std::optional<Said>& problem() const { return problem_; }
  // What is no sign of tampering, and worth knowing.
  [[nodiscard]] const std::vector<Said>& notes() const { return notes_; }
  [[nodiscard]] size_t verified() const { return verified_; }
  [[nodiscard]] size_t older() const {
    return older_;
  }  // lines in front of the chain, without digest
  [[nodiscard]] const std::string& last_digest() const { return last_; }

 private:
  struct Unaccounted {
    Said where;
    std::string line;
    bool ended = true;
  };

  void take_chained(std::string_view line, std::string_view digest);
  // What is wrong with how a line goes on; empty: nothing.
  [[nodiscard]] std::string wrong_link(std::string_view prev, bool first, bool unlocked);
  void fail(std::string text) { problem_ = {file_, line_, std::move(text)}; }
  void fail_unaccounted();
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
  std::optional<Unaccounted> cut_;  // a line without a digest that none has accounted for yet
  size_t verified_ = 0;
  size_t older_ = 0;
  std::vector<Said> notes_;
  std::optional<Said> problem_;
};

}  // namespace pinscope::cli
