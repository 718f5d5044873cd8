// How a reader goes on in "entries": the part of the file system that knows lines.
#include <algorithm>
#include <cerrno>

#include "plugin/values/fuse/file_system.h"

namespace pinscope::values {

namespace {

// The rest of a line that a handle keeps, so that its reader needs no block for it.
constexpr size_t kLargestRest = 4096;
// How far from the start a position may be that a stream is made anew for: a few milliseconds.
constexpr uint64_t kFarthestPosition = uint64_t{512} << 10U;
constexpr size_t kSkipped = size_t{64} << 10U;

// The lines that fit, all at once: they are side by side.
void add_whole_lines(std::string& out, Stream& stream, const Cursor::Found& found, size_t size) {
  const Block& block = *found.block;
  const size_t start = block.start(found.index);
  const auto first = block.ends.begin() + static_cast<ptrdiff_t>(found.index);
  const auto last = std::upper_bound(first, block.ends.end(), start + size - out.size());
  if (last == first) return;
  out.append(block.text, start, *(last - 1) - start);
  stream.index += static_cast<uint64_t>(last - first);
}

// As much of a line as there is room for, which is not all of it.
void add_part(std::string& out, Stream& stream, std::string_view line, size_t size) {
  out.append(line.substr(0, size));
  line.remove_prefix(size);
  if (line.size() > kLargestRest) {
    stream.within += size;
    stream.reads = stream.cursor.reads();
    return;
  }
  stream.rest = line;
  stream.rest_at = 0;
  stream.within = 0;
  ++stream.index;
}

}  // namespace

// False: nothing more to add.
Answer<bool> FileSystem::add_lines(Stream& stream, size_t size) {
  std::string& out = answer();
  const auto found = stream.cursor.at(stream.index);
  if (!found) return std::unexpected(EIO);
  const Block& block = *found->block;
  if (block.more) {
    if (!out.empty()) return !turn_is_over();
    if (auto on = go_on(stream.turns); !on) return std::unexpected(on.error());
    return true;
  }
  stream.turns = 0;
  if (block.size() == 0) return false;
  if (stream.within == 0) {
    const uint64_t before = stream.index;
    add_whole_lines(out, stream, *found, size);
    if (stream.index > before) return true;
    if (!out.empty()) return false;
  } else if (stream.reads != stream.cursor.reads()) {
    // The rest of another line is worse than none.
    return std::unexpected(EIO);
  }
  const std::string_view line = block.at(found->index).substr(stream.within);
  if (line.size() > size) {
    add_part(out, stream, line, size);
    return false;
  }
  out += line;
  stream.within = 0;
  ++stream.index;
  return true;
}

// What follows in a stream, in answer(): empty at the end.
Answer<void> FileSystem::read_on(Stream& stream, size_t size) {
  std::string& out = answer();
  out.clear();
  if (stream.rest_at < stream.rest.size()) {
    out.append(stream.rest, stream.rest_at, size);
    stream.rest_at += out.size();
    if (stream.rest_at == stream.rest.size()) {
      std::string().swap(stream.rest);
      stream.rest_at = 0;
    }
  } else {
    while (out.size() < size) {
      const auto more = add_lines(stream, size);
      if (!more && out.empty()) return std::unexpected(more.error());
      // A reader with some of what it wanted comes back for the rest.
      if (!more || !*more || (!out.empty() && turn_is_over())) break;
    }
  }
  stream.offset += out.size();
  return {};
}

// A position is where a reader was, who goes back because it had read too far: head(1) does. The
// stream is made anew up to there.
Answer<void> FileSystem::go_to(Stream& stream, uint64_t offset) {
  if (offset > kFarthestPosition) return std::unexpected(ESPIPE);
  const bool on_its_way = stream.goes_to == offset && stream.offset < offset;
  if (!on_its_way) {
    stream.cursor.restart();
    stream.index = stream.offset = stream.within = 0;
    stream.rest.clear();
    stream.rest_at = 0;
    stream.goes_to = offset;
  }
  while (stream.offset < offset) {
    if (auto skipped = read_on(stream, std::min<size_t>(offset - stream.offset, kSkipped));
        !skipped)
      return skipped;
    if (answer().empty()) break;
    if (stream.offset == offset) break;
    if (auto on = go_on(stream.turns); !on) return on;
  }
  stream.goes_to = 0;
  return {};
}

Answer<std::string_view> FileSystem::read_stream(Stream& stream, uint64_t offset, size_t size) {
  if (offset != stream.offset) {
    if (auto there = go_to(stream, offset); !there) return std::unexpected(there.error());
    if (stream.offset != offset) return std::string_view();
  }
  if (auto read = read_on(stream, size); !read) return std::unexpected(read.error());
  return answer();
}

}  // namespace pinscope::values
