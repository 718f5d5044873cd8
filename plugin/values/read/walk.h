// Walk: all entries of a map, a block at a time, by batched look-ups, or key by key where the type
// or the kernel has none. It never uses an iterator, which exclusive maps refuse. Between two
// blocks it is only a place, of less than 600 bytes, from which another Walk can go on.
//
// What a walk sees: in hash maps, every entry that is there from its start to its end, exactly
// once; entries that come or go meanwhile may be seen or not. Key by key, a deletion may make the
// kernel begin anew: then entries may be seen twice, and the walk still ends.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "plugin/base/result.h"
#include "plugin/values/read/map_facts.h"

namespace pinscope::values {

// The longest key that a map can have: hash keys end at 512 bytes (MAX_BPF_STACK).
inline constexpr size_t kMaxKey = 512;

struct WalkLimits {
  // Entries in one call: 1.2 ms of the kernel on a full hash of a million. Larger ones are hardly
  // faster, and hold up the kernel for longer.
  uint32_t batch = 2048;
  // Bytes of keys and values in one block, however large the values are; one entry always fits.
  // A bucket with more entries than the batch makes it grow, up to 64 times this.
  size_t max_bytes = size_t{1} << 20U;
  // Empty places of an array that one call passes over: some arrays have millions of them, and
  // each is asked for. 0: as many as there are.
  uint32_t empty_places = 0;
};

// Entries side by side. Keeps its memory for the next ones.
class EntryBlock {
 public:
  [[nodiscard]] size_t size() const { return count_; }
  [[nodiscard]] std::span<const std::byte> key(size_t index) const {
    return {keys_.data() + index * key_size_, key_size_};
  }
  [[nodiscard]] std::span<const std::byte> value(size_t index) const {
    return {values_.data() + index * value_size_, value_size_};
  }

 private:
  friend class Walk;
  std::vector<std::byte> keys_;
  std::vector<std::byte> values_;
  size_t key_size_ = 0;
  size_t value_size_ = 0;
  size_t count_ = 0;
};

// Where a walk is. Plain data: may be kept and copied as bytes while the map lives.
struct Place {
  enum class State : uint8_t { kStart, kBatches, kKeys, kPlaces, kEnd };
  State state = State::kStart;
  bool cut_short = false;  // it ended because the map changed faster than it could be read
  uint16_t length = 0;     // of `token`: what the kernel wants back, or the last key, or
                           // the index of the next place
  uint64_t seen = 0;       // entries so far
  std::array<std::byte, kMaxKey> token = {};
};
static_assert(sizeof(Place) <= 600);

class Walk {
 public:
  // `map`: a descriptor that must outlive the walk.
  Walk(int map, const MapFacts& facts, WalkLimits limits = {});

  // The next entries; 0 at the end, and from then on. A block may have fewer than the batch. It has
  // none before the end, too, if `empty_places` were passed over and nothing else: see at_end(). An
  // error if the type of map cannot be read (kAccessUnsupported, with the reason), or the kernel
  // refuses (kSystem).
  Result<size_t> next(EntryBlock& block);

  [[nodiscard]] bool at_end() const { return place_.state == Place::State::kEnd; }
  [[nodiscard]] const Place& place() const { return place_; }
  void resume(const Place& place) { place_ = place; }

 private:
  Result<size_t> batch(EntryBlock& block);
  Result<size_t> one_by_one(EntryBlock& block);
  Result<size_t> place_by_place(EntryBlock& block);
  Result<size_t> head(EntryBlock& block);
  Result<bool> take_next(std::span<std::byte> key, std::span<std::byte> value);
  void make_room(EntryBlock& block) const;
  bool grow();
  size_t end(EntryBlock& block);
  [[nodiscard]] uint64_t most() const;

  int map_;
  MapFacts facts_;
  WalkLimits limits_;
  uint32_t batch_;
  Place place_;
};

}  // namespace pinscope::values
