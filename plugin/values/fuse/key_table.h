// The keys whose files the kernel has numbers of, as far as there is room: the ones that were not
// asked for for longest are forgotten, and ESTALE makes the kernel ask by name again. It never
// waits for the kernel to forget a number: that would be a hostile reader's to decide.
#pragma once

#include <cstddef>
#include <cstdint>
#include <list>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace pinscope::values {

struct KnownKey {
  uint64_t number = 0;
  size_t map = 0;  // its position in the lease
  std::vector<std::byte> key;
  uint64_t fingerprint = 0;  // of the content that was seen last
  uint64_t changed_ns = 0;   // wall clock: when this content was seen first
  uint64_t told_size = 0;    // what the kernel takes for the size
};

// Of one lease.
class KeyTable {
 public:
  explicit KeyTable(size_t limit) : limit_(limit) {}

  // Null if it was forgotten. Valid until the next insert().
  KnownKey* find(uint64_t number);
  // `known` replaces what has its number.
  KnownKey& insert(KnownKey known);

  [[nodiscard]] size_t size() const { return order_.size(); }

 private:
  size_t limit_;
  std::list<KnownKey> order_;  // the newest first
  std::unordered_map<uint64_t, std::list<KnownKey>::iterator> where_;
};

}  // namespace pinscope::values
