#include "plugin/values/read/walk.h"

#include <linux/bpf.h>

#include <algorithm>
#include <cstring>

#include "plugin/kernel/bpf/call.h"
#include "plugin/values/read/look_up.h"
#include "plugin/values/read/reading.h"

namespace pinscope::values {
namespace {

// How much a batch may grow for a bucket with many entries.
constexpr size_t kMaxGrowth = 64;
// How often an interrupted batch that gave nothing is asked for again.
constexpr int kMaxRetries = 16;
// A walk key by key ends after this many times the entries that the map may have.
constexpr uint64_t kMaxTimes = 4;

// Arrays with places that may be empty. The kernel passes over them in one call, however many there
// are, or has no batches.
bool may_have_empty_places(uint32_t type) {
  switch (type) {
    case BPF_MAP_TYPE_PROG_ARRAY:
    case BPF_MAP_TYPE_ARRAY_OF_MAPS:
    case BPF_MAP_TYPE_DEVMAP:
    case BPF_MAP_TYPE_SOCKMAP:
    case BPF_MAP_TYPE_CPUMAP:
    case BPF_MAP_TYPE_REUSEPORT_SOCKARRAY:
      return true;
    default:
      return false;
  }
}

struct Answer {
  uint32_t count = 0;
  int errnum = 0;
};

Answer look_up_batch(int map, const std::byte* from, std::byte* token, std::byte* keys,
                     std::byte* values, uint32_t count) {
  union bpf_attr attributes;  // NOLINT(cppcoreguidelines-pro-type-member-init): set below
  std::memset(&attributes, 0, sizeof attributes);
  attributes.batch.in_batch = kernel::as_address(from);
  attributes.batch.out_batch = kernel::as_address(token);
  attributes.batch.keys = kernel::as_address(keys);
  attributes.batch.values = kernel::as_address(values);
  attributes.batch.count = count;
  attributes.batch.map_fd = static_cast<uint32_t>(map);
  const bool ok = kernel::call_bpf(BPF_MAP_LOOKUP_BATCH, &attributes, sizeof attributes.batch) == 0;
  const int errnum = ok ? 0 : errno;
  // Only these say how many there are; with others the kernel leaves the field as it was.
  const bool counted = ok || errnum == ENOENT || errnum == EINTR || errnum == EAGAIN;
  return {counted ? std::min(attributes.batch.count, count) : 0, errnum};
}

Error make_error(const MapFacts& facts, int errnum) {
  return Error::system("read the entries of map " + std::to_string(facts.id), errnum)
      .hint(errnum == EPERM ? "the map was made, or its descriptor opened, without the right to "
                              "read it"
                            : "");
}

}  // namespace

Walk::Walk(int map, const MapFacts& facts, WalkLimits limits)
    : map_(map), facts_(facts), limits_(limits) {
  const size_t entry = std::max<size_t>(1, facts.key_size + value_bytes(facts));
  const size_t fit = std::max<size_t>(1, limits.max_bytes / entry);
  batch_ = static_cast<uint32_t>(std::min<size_t>(std::max<uint32_t>(1, limits.batch), fit));
  if (facts.max_entries > 0) batch_ = std::min(batch_, facts.max_entries);
}

// Beyond this many a walk key by key goes round in circles.
uint64_t Walk::most() const {
  constexpr uint64_t kUnknown = uint64_t{1} << 32U;
  return facts_.max_entries == 0 ? kUnknown : kMaxTimes * facts_.max_entries;
}

void Walk::make_room(EntryBlock& block) const {
  block.key_size_ = facts_.key_size;
  block.value_size_ = value_bytes(facts_);
  block.count_ = 0;
  const size_t keys = batch_ * block.key_size_;
  const size_t values = batch_ * block.value_size_;
  if (block.keys_.size() < keys) block.keys_.resize(keys);
  if (block.values_.size() < values) block.values_.resize(values);
}

// False if a larger batch would need too much memory.
bool Walk::grow() {
  const size_t entry = std::max<size_t>(1, facts_.key_size + value_bytes(facts_));
  if (batch_ > UINT32_MAX / 2 ||
      (2 * size_t{batch_} * entry > kMaxGrowth * limits_.max_bytes && batch_ > limits_.batch))
    return false;
  batch_ *= 2;
  return true;
}

size_t Walk::end(EntryBlock& block) {
  place_.state = Place::State::kEnd;
  return block.count_;
}

Result<size_t> Walk::next(EntryBlock& block) {
  block.count_ = 0;
  if (place_.state == Place::State::kEnd) return 0;
  const Reading reading = reading_of(facts_);
  if (reading.way == ReadWay::kRefused)
    return std::unexpected(
        Error(ErrorCode::kAccessUnsupported, "read the entries of map " + std::to_string(facts_.id))
            .reason(reading.reason));
  if (facts_.key_size > kMaxKey)
    return std::unexpected(
        Error(ErrorCode::kInternal, "read the entries of map " + std::to_string(facts_.id))
            .reason("its keys have " + std::to_string(facts_.key_size) + " bytes"));
  make_room(block);
  Result<size_t> count = reading.way == ReadWay::kHead         ? head(block)
                         : may_have_empty_places(facts_.type)  ? place_by_place(block)
                         : place_.state == Place::State::kKeys ? one_by_one(block)
                                                               : batch(block);
  if (count) place_.seen += *count;
  return count;
}

Result<size_t> Walk::head(EntryBlock& block) {
  PINSCOPE_TRY(const bool found,
               look_up(map_, facts_, {}, {block.values_.data(), block.value_size_}));
  block.count_ = found ? 1 : 0;
  return end(block);
}

Result<size_t> Walk::place_by_place(EntryBlock& block) {
  uint32_t index = 0;
  if (place_.state == Place::State::kPlaces) std::memcpy(&index, place_.token.data(), sizeof index);
  for (uint32_t empty = 0; block.count_ < batch_; ++index) {
    if (index >= facts_.max_entries) return end(block);
    if (limits_.empty_places > 0 && empty == limits_.empty_places) break;
    const std::span key(block.keys_.data() + block.count_ * block.key_size_, block.key_size_);
    const std::span value(block.values_.data() + block.count_ * block.value_size_,
                          block.value_size_);
    std::memcpy(key.data(), &index, sizeof index);
    const auto found = look_up(map_, facts_, key, value);
    if (!found) return std::unexpected(make_error(facts_, found.error().errnum()));
    if (*found) {
      ++block.count_;
    } else {
      ++empty;
    }
  }
  place_.state = Place::State::kPlaces;
  place_.length = sizeof index;
  std::memcpy(place_.token.data(), &index, sizeof index);
  return block.count_;
}

Result<size_t> Walk::batch(EntryBlock& block) {
  for (int retries = 0; retries < kMaxRetries;) {
    const bool begun = place_.state == Place::State::kBatches;
    const Answer answer =
        look_up_batch(map_, begun ? place_.token.data() : nullptr, place_.token.data(),
                      block.keys_.data(), block.values_.data(), batch_);
    block.count_ = answer.count;
    if (answer.errnum == ENOENT) return end(block);
    if (answer.errnum == ENOSPC && grow()) {
      make_room(block);
      continue;
    }
    if (answer.count > 0) {
      place_.state = Place::State::kBatches;
      return block.count_;
    }
    if (answer.errnum == 0 || answer.errnum == EINTR || answer.errnum == EAGAIN) {
      // Since a batch without an entry moved on, its place counts.
      if (answer.errnum == 0) place_.state = Place::State::kBatches;
      ++retries;
      continue;
    }
    if (begun) return std::unexpected(make_error(facts_, answer.errnum));
    break;
  }
  if (place_.state == Place::State::kBatches) return std::unexpected(make_error(facts_, EAGAIN));
  place_.state = Place::State::kKeys;
  place_.length = 0;
  return one_by_one(block);
}

// The next entry that has a value. The place moves on only to a key that was there: asked for what
// follows a key that is gone, a hash would begin anew.
Result<bool> Walk::take_next(std::span<std::byte> key, std::span<std::byte> value) {
  std::array<std::byte, kMaxKey> passed = {};
  bool again = false;
  for (uint64_t steps = 0; steps <= most(); ++steps) {
    PINSCOPE_TRY(const bool more, next_key(map_, {place_.token.data(), place_.length}, key));
    if (!more) return false;
    const bool same = again && std::ranges::equal(key, std::span(passed).first(key.size()));
    PINSCOPE_TRY(const bool found, look_up(map_, facts_, key, value));
    // An empty place of an array, or a key without a value, is passed over.
    if (found || same) {
      std::ranges::copy(key, place_.token.begin());
      place_.length = static_cast<uint16_t>(key.size());
      again = false;
    }
    if (found) return true;
    std::ranges::copy(key, passed.begin());
    again = !same;
  }
  place_.cut_short = true;
  return false;
}

Result<size_t> Walk::one_by_one(EntryBlock& block) {
  while (block.count_ < batch_) {
    if (place_.seen + block.count_ >= most()) {
      place_.cut_short = true;
      return end(block);
    }
    const std::span key(block.keys_.data() + block.count_ * block.key_size_, block.key_size_);
    const std::span value(block.values_.data() + block.count_ * block.value_size_,
                          block.value_size_);
    auto found = take_next(key, value);
    if (!found) return std::unexpected(make_error(facts_, found.error().errnum()));
    if (!*found) return end(block);
    ++block.count_;
  }
  return block.count_;
}

}  // namespace pinscope::values
