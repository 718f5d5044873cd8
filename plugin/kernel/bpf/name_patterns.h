// A glob, component by component: which of the names in a directory can matter.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace pinscope::kernel {

// The pattern for the names at one level below the directory that is listed.
struct NamePattern {
  enum class Kind {
    kExactly,   // `name`: looked up, not listed
    kMatching,  // any name for which `matches` holds
    kAnyDepth,  // any number of directories, none included
  };
  Kind kind = Kind::kExactly;
  std::string name;
  std::function<bool(std::string_view)> matches;
};

// The state of matching a path against the patterns: the positions with which its next name may be
// compared. There is more than one only after a kAnyDepth.
class Positions {
 public:
  // The state before the first name. `patterns` must outlive this and all that is made from it.
  explicit Positions(const std::vector<NamePattern>& patterns);

  // The state after one more name. Leads nowhere if the name does not match.
  [[nodiscard]] Positions behind(std::string_view name) const;
  // Whether the names up to here match the whole glob.
  [[nodiscard]] bool match() const { return !at_.empty() && at_.back() == patterns_->size(); }
  // Whether longer paths can match.
  [[nodiscard]] bool lead_on() const { return !at_.empty() && at_.front() < patterns_->size(); }
  [[nodiscard]] bool lead_nowhere() const { return at_.empty(); }
  // Whether only names that are known can come next: they are looked up, and nothing is listed.
  [[nodiscard]] bool know_the_next() const;
  [[nodiscard]] std::vector<std::string> next_names() const;

 private:
  Positions(const std::vector<NamePattern>* patterns, std::vector<size_t> at);

  const std::vector<NamePattern>* patterns_;
  std::vector<size_t> at_;  // ascending
};

}  // namespace pinscope::kernel
