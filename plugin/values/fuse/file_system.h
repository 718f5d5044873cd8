// Files of one container: what they are, and what is in them. It knows no FUSE:
// questions come as calls, and what is refused as an errno. Everything in it is for reading.
//
//   NAME/entries      every element, a line each: a file where they are few, else a stream, whose
//                     size is that of a page
//   NAME/schema       the types
//   NAME/keys/KEY     the value of one key
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <expected>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "plugin/base/result.h"
#include "plugin/values/fuse/handles.h"
#include "plugin/values/fuse/key_table.h"
#include "plugin/values/fuse/numbers.h"
#include "plugin/values/fuse/source.h"
#include "plugin/values/fuse/tree.h"

namespace pinscope::values {

// An errno, or what was asked for.
template <typename T>
using Answer = std::expected<T, int>;

struct Attributes {
  uint64_t number = 0;
  mode_t mode = 0;
  uid_t uid = 0;
  gid_t gid = 0;
  uint64_t size = 0;  // bytes
  uint32_t links = 1;
  uint64_t time_ns = 0;  // wall clock
  double timeout_s = 0;  // for how long the kernel may believe all of this
};

// One file of a directory, as it is listed. `next`: the position behind it.
struct ListedFile {
  std::string_view name;
  uint64_t number = 0;
  mode_t type = 0;  // S_IFDIR or S_IFREG
  uint64_t next = 0;
};

// A map that is shown, with how.
struct ShownMap {
  TreeMap tree;
  uint64_t list_limit = 0;
  uint32_t max_age_ms = 0;
  std::unique_ptr<Source> source;

  // For how long the kernel may believe what it is told of a value.
  [[nodiscard]] double max_age_s() const { return max_age_ms / 1000.0; }
};

// Not an errno: the answer needs another turn. What was done is kept; the same is to be asked
// again.
inline constexpr int kLater = -1;

struct FileSystemLimits {
  size_t keys = 1024;                        // whose numbers are known
  size_t handles = 512;                      // open at a time
  size_t snapshot_bytes = size_t{2} << 20U;  // of open files' contents
  uint64_t turn_ns = 2'000'000;              // after which an answer is given with what there is
  uint32_t turns = 32;                       // of one answer: who waits longer is to ask anew
  size_t first_lines = size_t{64} << 10U;    // bytes of them: a map with more is a stream
};

class FileSystem {
 public:
  // `since_ns`: the time of what is always there. `cache` must outlive it.
  static Result<FileSystem> of(std::vector<ShownMap> maps, const Numbers& numbers,
                               uint64_t since_ns, BlockCache& cache, FileSystemLimits limits);

  // ENOENT, ENOTDIR; ESTALE for a number that is known no longer: who asks by name again is told.
  Answer<Attributes> look_up(uint64_t directory, std::string_view name);
  Answer<Attributes> attributes(uint64_t number);

  // Whom the kernel asks for: a reader, or its own cache of pages, for mmap(2) and splice(2).
  enum class For : uint8_t { kReader, kPage };

  struct Opened {
    uint64_t handle = 0;     // 0: of a directory that needs none
    bool is_stream = false;  // read from its start to its end, of a size that nobody knows
  };
  // ENFILE: the container has too much open.
  Answer<Opened> open_file(uint64_t number);
  Answer<Opened> open_directory(uint64_t number);
  void close(uint64_t handle);

  // Up to `size` bytes; nothing at the end. Valid until the next call. ESTALE: the handle is of an
  // earlier server. ESPIPE: a stream goes on, and nowhere else. EINVAL: it is for a page that the
  // kernel would keep, of a stream, or of a content whose size the kernel does not know: who has
  // the kernel copy is to read instead. kLater: nothing was found yet, in a map with many empty
  // places; EINTR: nor in many turns.
  Answer<std::string_view> read(uint64_t handle, uint64_t offset, size_t size,
                                For whom = For::kReader);
  // Calls `take` with what follows `position` until it says false. EINVAL for a position that is
  // neither 0 nor one of the last few that were given. kLater and EINTR as with read().
  using Take = std::function<bool(const ListedFile& file)>;
  Answer<void> list(uint64_t directory, uint64_t handle, uint64_t position, const Take& take);

  // Room for the answer that is being made; read() and attributes use it, list() does not.
  [[nodiscard]] std::string& answer() { return cache_->answer(); }
  [[nodiscard]] size_t maps() const { return maps_.size(); }
  [[nodiscard]] size_t open_handles() const { return handles_.size(); }
  // How often an opening was refused because there were too many.
  [[nodiscard]] uint32_t refused() const { return refused_; }

 private:
  FileSystem(std::vector<ShownMap> maps, Tree tree, const Numbers& numbers, uint64_t since_ns,
             BlockCache& cache, FileSystemLimits limits);

  [[nodiscard]] Attributes attributes_of(const Node& node) const;
  Attributes attributes_of(KnownKey& key, size_t size) const;
  Answer<Attributes> look_up_key(const Node& keys, std::string_view name);
  // The content of a key's file, in answer(); keeps when it was seen to differ.
  Answer<void> render(KnownKey& known);
  // For one handle more, with so much content; counts where there is none.
  bool have_room(size_t content);
  // What was seen of "entries" last.
  struct SeenEntries {
    uint64_t told_size = 0;    // what the kernel takes for the size
    uint64_t fingerprint = 0;  // of the first lines
    uint64_t changed_ns = 0;   // wall clock: when they were seen first
  };
  // The size that the kernel was told last; nothing if that is not known any more.
  std::optional<uint64_t> told_size(uint64_t number);
  Answer<Opened> open_snapshot(uint64_t number, std::string content);
  Answer<Opened> open_entries(const Node& node);
  Answer<Opened> open_stream(const Node& node);
  // Of a map, in answer(). False: there are more.
  Answer<bool> first_lines(const Node& entries);
  Answer<Attributes> attributes_of_entries(const Node& node);
  Answer<std::string_view> read_stream(Stream& stream, uint64_t offset, size_t size);
  Answer<bool> add_lines(Stream& stream, size_t size);
  Answer<void> read_on(Stream& stream, size_t size);
  [[nodiscard]] bool turn_is_over() const;
  // For a block that is not the end: nothing, if the turn is not over. Else kLater or EINTR.
  Answer<void> go_on(uint32_t& turns) const;
  Answer<void> list_children(const Node& directory, uint64_t position, const Take& take) const;
  Answer<void> list_keys(const Node& keys, Listing& listing, uint64_t position, const Take& take);

  std::vector<ShownMap> maps_;
  Tree tree_;
  Numbers numbers_;
  uint64_t since_ns_;
  BlockCache* cache_;
  KeyTable keys_;
  Handles handles_;
  FileSystemLimits limits_;
  uint64_t turn_began_ns_ = 0;        // of read() and list()
  std::vector<size_t> schema_sizes_;  // of each map
  std::vector<SeenEntries> entries_;  // of each map
  uint32_t refused_ = 0;
};

}  // namespace pinscope::values
