// What a container has open. Each kind keeps what its reader needs to go on, and no more.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <unordered_map>
#include <variant>

#include "plugin/values/fuse/cursor.h"

namespace pinscope::values {

// A file whose content was taken when it was opened: one reader sees one value.
struct Snapshot {
  std::string content;
  uint64_t number = 0;  // of the file
};

// "entries": whole lines, as many as a read has room for.
struct Stream {
  explicit Stream(BlockCache& cache, Cursor::Read read) : cursor(cache, std::move(read)) {}

  Cursor cursor;
  uint64_t index = 0;   // of the next line
  uint64_t offset = 0;  // of the next byte
  // Of a line that is longer than what was read of it: the rest if it is short, so that it needs no
  // block; else how far its reader is, in which reading of the block.
  std::string rest = {};
  size_t rest_at = 0;
  size_t within = 0;
  uint64_t reads = 0;
  uint32_t turns = 0;  // in which nothing was found, one after the other
};

// "keys".
struct Listing {
  explicit Listing(BlockCache& cache, Cursor::Read read) : cursor(cache, std::move(read)) {}
  Cursor cursor;
  uint32_t turns = 0;
};

using Handle = std::variant<Snapshot, Stream, Listing>;

// Of one lease. Numbers of handles are never used twice, not by the next server either: a reader
// from before a restart gets ESTALE instead of somebody else's content.
class Handles {
 public:
  Handles(size_t limit, size_t snapshot_limit);

  // Whether one more fits, with so many bytes of content. One content fits whatever its size.
  [[nodiscard]] bool have_room(size_t content) const;
  uint64_t add(std::unique_ptr<Handle> handle);
  // Null if it is none of ours.
  Handle* find(uint64_t number);
  void remove(uint64_t number);
  [[nodiscard]] size_t size() const { return open_.size(); }

 private:
  size_t limit_;
  size_t snapshot_limit_;
  size_t snapshot_bytes_ = 0;
  uint64_t next_;
  std::unordered_map<uint64_t, std::unique_ptr<Handle>> open_;
};

}  // namespace pinscope::values
