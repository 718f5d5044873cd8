// What is different between two looks at a map. Keeps the entries of the last look, so it has a
// bound on them.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <unordered_map>

#include "plugin/base/result.h"
#include "plugin/cli/dump/writer.h"

namespace pinscope::cli {

class Changes {
 public:
  // Bytes of keys and values that are kept at most.
  static constexpr size_t kMaxBytes = size_t{256} << 20U;

  explicit Changes(const EntryWriter& writer, size_t max_bytes = kMaxBytes)
      : writer_(writer), max_bytes_(max_bytes) {}

  // An entry of the look that goes on; appends what is new of it. The first look tells nothing.
  // kUsage if the map has more than can be kept.
  Status see(std::string& out, values::Bytes key, values::Bytes value);
  // The look is complete: appends what was not seen in it any more.
  void end_look(std::string& out);
  [[nodiscard]] size_t size() const { return entries_.size(); }

 private:
  struct Entry {
    std::string value;
    uint64_t look = 0;  // the last in which it was there
  };
  struct Hash {
    using is_transparent = void;
    size_t operator()(std::string_view text) const { return std::hash<std::string_view>()(text); }
  };

  const EntryWriter& writer_;
  size_t max_bytes_;
  size_t bytes_ = 0;
  uint64_t look_ = 1;
  std::unordered_map<std::string, Entry, Hash, std::equal_to<>> entries_;
};

}  // namespace pinscope::cli
