// Keys by their digests, for names that do not say their key. It is filled by listing; what was
// not listed is searched for, a bounded number of keys at a time.
#pragma once

#include <cstddef>
#include <cstdint>
#include <list>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "plugin/base/result.h"
#include "plugin/values/read/walk.h"

namespace pinscope::values {

class DigestIndex {
 public:
  using Key = std::vector<std::byte>;

  // `bytes`: of all keys that are remembered; the oldest are forgotten.
  explicit DigestIndex(size_t bytes) : limit_(bytes) {}

  // `name`: "%~" and the digest.
  void remember(std::string_view name, std::span<const std::byte> key);
  [[nodiscard]] const Key* find(std::string_view name) const;

  // Where the search for what is not remembered goes on.
  Place& place() { return place_; }

 private:
  struct Known {
    std::string name;
    Key key;
  };
  size_t limit_;
  size_t bytes_ = 0;
  Place place_;
  std::list<Known> order_;                                                  // the newest first
  std::unordered_map<std::string_view, std::list<Known>::iterator> where_;  // texts of order_
};

}  // namespace pinscope::values
