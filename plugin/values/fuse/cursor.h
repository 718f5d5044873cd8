// Cursor: where a reader is among the elements of a source. It keeps the place, and the block that
// it is in for as long as memory allows: blocks of all readers are in one cache, and the one that
// was not used for longest goes. Then the block is read again when its reader goes on.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <list>
#include <optional>

#include "plugin/base/result.h"
#include "plugin/values/fuse/source.h"

namespace pinscope::values {

class Cursor;

// The blocks of every cursor that was made with it, and must not outlive it.
class BlockCache {
 public:
  // `bytes`: of all blocks together; one block is kept whatever its size.
  explicit BlockCache(size_t bytes) : limit_(bytes) {}
  BlockCache(const BlockCache&) = delete;
  BlockCache& operator=(const BlockCache&) = delete;

  [[nodiscard]] size_t bytes() const { return bytes_; }
  // The answer that is being made. There is one at a time, whoever it is for.
  std::string& answer() { return answer_; }
  // After an answer: gives back the memory of one that was unusually large.
  void trim();

 private:
  friend class Cursor;
  void used(Cursor& cursor);
  void dropped(Cursor& cursor);

  size_t limit_;
  size_t bytes_ = 0;
  std::string answer_;
  std::list<Cursor*> order_;  // the newest first
};

class Cursor {
 public:
  // Source::list or Source::stream of a source that outlives it.
  using Read = std::function<Status(Place& place, Block& block)>;

  Cursor(BlockCache& cache, Read read) : cache_(cache), read_(std::move(read)) {}
  ~Cursor() { drop(); }
  Cursor(const Cursor&) = delete;
  Cursor& operator=(const Cursor&) = delete;

  // What is at `index`, counted from the start of the walk: a block and the position in it. A block
  // of size 0: the walk has ended, or, with `more`, is to be asked for the same again. Indices go
  // on within a block, to the next block, or back to 0. Another one is refused with EINVAL: it
  // would mean to walk there.
  //
  // If the block had to be read again, and its keys are not the same ones, it is shown from its
  // start: an element may be seen twice, but none that was there all the time is left out.
  struct Found {
    const Block* block = nullptr;
    size_t index = 0;
  };
  Result<Found> at(uint64_t index);
  // Forgets the block: the next is read anew, from the start of the walk.
  void restart();

  // Grows whenever a block is read: who is within an element sees that it is another one now.
  [[nodiscard]] uint64_t reads() const { return reads_; }

 private:
  friend class BlockCache;
  Status read(const Place& from);
  void drop();

  BlockCache& cache_;
  Read read_;
  Place start_;         // of the block
  Place next_;          // behind it
  uint64_t first_ = 0;  // index of the block's first element
  uint64_t reads_ = 0;
  size_t count_ = 0;
  uint64_t fingerprint_ = 0;
  bool begun_ = false;
  bool more_ = false;  // of the block
  std::optional<Block> block_;
  size_t counted_ = 0;  // bytes of it, in the cache
  std::list<Cursor*>::iterator where_;
};

}  // namespace pinscope::values
