// How a reader goes on in "entries": the part of the file system that knows lines.
#include <algorithm>
#include <cerrno>
#include <functional>
#include <string_view>

#include "plugin/base/clock.h"
#include "plugin/values/fuse/file_system.h"

namespace pinscope::values {

namespace {

// The rest of a line that a handle keeps, so that its reader needs no block for it.
constexpr size_t kLargestRest = 4096;
// What the kernel takes for the size of a stream, as for a file of sysfs. 0 would be the end for
// whoever has the kernel copy. Programs do not go by a size that is a page, nor by one that is not
// larger than st_blksize, but read to the end: wc and tail of coreutils.
constexpr uint64_t kStreamSize = 4096;

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

// A map's first lines, and whether they are all: who asks for the size has one turn for it.
Answer<bool> FileSystem::first_lines(const Node& entries) {
  Source& source = *maps_[entries.map].source;
  std::string& out = answer();
  out.clear();
  turn_began_ns_ = monotonic_ns();
  Place place;
  Block block;
  do {
    if (!source.stream(place, block)) return std::unexpected(EIO);
    if (block.size() == 0 && !block.more) return true;
    const auto last =
        std::upper_bound(block.ends.begin(), block.ends.end(), limits_.first_lines - out.size());
    if (last != block.ends.begin()) out.append(block.text, 0, *(last - 1));
    if (last != block.ends.end()) return false;
  } while (!turn_is_over());
  return false;
}

Answer<Attributes> FileSystem::attributes_of_entries(const Node& node) {
  const auto all = first_lines(node);
  if (!all) return std::unexpected(all.error());
  SeenEntries& seen = entries_[node.map];
  const uint64_t fingerprint = std::hash<std::string_view>{}(answer());
  if (fingerprint != seen.fingerprint && seen.fingerprint != 0) seen.changed_ns = wall_clock_ns();
  seen.fingerprint = fingerprint;
  seen.told_size = *all ? answer().size() : kStreamSize;
  Attributes found = attributes_of(node);
  found.size = seen.told_size;
  found.time_ns = seen.changed_ns;
  found.timeout_s = maps_[node.map].max_age_s();
  return found;
}

Answer<FileSystem::Opened> FileSystem::open_entries(const Node& node) {
  const auto all = first_lines(node);
  if (!all) return std::unexpected(all.error());
  if (*all && handles_.have_room(answer().size())) return open_snapshot(node.number, answer());
  return open_stream(node);
}

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

Answer<std::string_view> FileSystem::read_stream(Stream& stream, uint64_t offset, size_t size) {
  if (offset != stream.offset) return std::unexpected(ESPIPE);
  if (auto read = read_on(stream, size); !read) return std::unexpected(read.error());
  return answer();
}

}  // namespace pinscope::values
