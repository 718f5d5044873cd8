#include "plugin/values/fuse/file_system.h"

#include <sys/stat.h>

#include <cerrno>
#include <functional>
#include <utility>

#include "plugin/base/clock.h"

namespace pinscope::values {

namespace {

// What is always there may be believed for as long as anybody likes.
constexpr double kAlwaysSeconds = 3600;
// "." and ".." come first.
constexpr uint64_t kDots = 2;

// The errno that a reader sees. What the kernel says of a map is ours to solve, not theirs.
int errno_of(const Error& error) {
  switch (error.errnum()) {
    case EAGAIN:
    case EINVAL:
    case ENOMEM:
      return error.errnum();
    default:
      return EIO;
  }
}

std::unexpected<int> failed(const Error& error) {
  return std::unexpected(errno_of(error));
}

std::unexpected<int> failed(int why) {
  return std::unexpected(why);
}

}  // namespace

Result<FileSystem> FileSystem::of(std::vector<ShownMap> maps, const Numbers& numbers,
                                  uint64_t since_ns, BlockCache& cache, FileSystemLimits limits) {
  std::vector<TreeMap> names;
  names.reserve(maps.size());
  for (ShownMap& map : maps) {
    map.tree.has_keys = map.source->has_keys();
    map.tree.has_entries = map.source->has_entries();
    names.push_back(map.tree);
  }
  PINSCOPE_TRY(Tree tree, Tree::of(names, numbers));
  return FileSystem(std::move(maps), std::move(tree), numbers, since_ns, cache, limits);
}

FileSystem::FileSystem(std::vector<ShownMap> maps, Tree tree, const Numbers& numbers,
                       uint64_t since_ns, BlockCache& cache, FileSystemLimits limits)
    : maps_(std::move(maps)),
      tree_(std::move(tree)),
      numbers_(numbers),
      since_ns_(since_ns),
      cache_(&cache),
      keys_(limits.keys),
      handles_(limits.handles, limits.snapshot_bytes),
      limits_(limits) {
  for (const ShownMap& map : maps_) schema_sizes_.push_back(map.source->schema().size());
  entries_.resize(maps_.size(), {.changed_ns = since_ns_});
}

Attributes FileSystem::attributes_of(const Node& node) const {
  Attributes found{.number = node.number,
                   .mode = node.mode,
                   .uid = node.uid,
                   .gid = node.gid,
                   .time_ns = since_ns_,
                   .timeout_s = kAlwaysSeconds};
  if (node.kind == NodeKind::kSchema) found.size = schema_sizes_[node.map];
  // find(1) and others expect a link from each directory within.
  if (S_ISDIR(node.mode)) found.links = 2 + static_cast<uint32_t>(tree_.directories_in(node));
  return found;
}

Attributes FileSystem::attributes_of(KnownKey& key, size_t size) const {
  const ShownMap& map = maps_[key.map];
  key.told_size = size;
  return Attributes{.number = key.number,
                    .mode = S_IFREG | (map.tree.mode & 0444U),
                    .uid = map.tree.uid,
                    .gid = map.tree.gid,
                    .size = size,
                    .time_ns = key.changed_ns,
                    .timeout_s = map.max_age_s()};
}

Answer<void> FileSystem::render(KnownKey& known) {
  answer().clear();
  const auto there = maps_[known.map].source->render(known.key, answer());
  if (!there) return failed(there.error());
  if (!*there) return failed(ENOENT);
  const uint64_t fingerprint = std::hash<std::string_view>{}(answer());
  if (known.changed_ns == 0 || fingerprint != known.fingerprint) known.changed_ns = wall_clock_ns();
  known.fingerprint = fingerprint;
  return {};
}

Answer<Attributes> FileSystem::look_up(uint64_t directory, std::string_view name) {
  const Node* parent = tree_.find(directory);
  if (parent == nullptr) return failed(Numbers::is_of_key(directory) ? ENOTDIR : ESTALE);
  if (parent->kind == NodeKind::kKeys) return look_up_key(*parent, name);
  const Node* child = tree_.child(*parent, name);
  if (child == nullptr) return failed(ENOENT);
  if (child->kind == NodeKind::kEntries) return attributes_of_entries(*child);
  return attributes_of(*child);
}

Answer<Attributes> FileSystem::look_up_key(const Node& keys, std::string_view name) {
  auto key = maps_[keys.map].source->key_of(name);
  if (!key) return failed(key.error());
  if (!*key) return failed(ENOENT);
  const uint64_t number = numbers_.of_key(keys.number, **key);
  KnownKey asked{.number = number, .map = keys.map, .key = std::move(**key)};
  // Names that are not there must not drive out those that are.
  KnownKey* known = keys_.find(number);
  if (known != nullptr && known->key != asked.key) known = nullptr;
  KnownKey& entry = known == nullptr ? asked : *known;
  if (auto rendered = render(entry); !rendered) return failed(rendered.error());
  KnownKey& kept = known == nullptr ? keys_.insert(std::move(asked)) : *known;
  return attributes_of(kept, answer().size());
}

Answer<Attributes> FileSystem::attributes(uint64_t number) {
  if (const Node* node = tree_.find(number); node != nullptr)
    return node->kind == NodeKind::kEntries ? attributes_of_entries(*node) : attributes_of(*node);
  KnownKey* known = keys_.find(number);
  if (known == nullptr) return failed(ESTALE);
  if (auto rendered = render(*known); !rendered) return failed(rendered.error());
  return attributes_of(*known, answer().size());
}

bool FileSystem::have_room(size_t content) {
  const bool fits = handles_.have_room(content);
  if (!fits) ++refused_;
  return fits;
}

Answer<FileSystem::Opened> FileSystem::open_snapshot(uint64_t number, std::string content) {
  if (!have_room(content.size())) return failed(ENFILE);
  return Opened{.handle = handles_.add(std::make_unique<Handle>(
                    Snapshot{.content = std::move(content), .number = number}))};
}

Answer<FileSystem::Opened> FileSystem::open_stream(const Node& node) {
  if (!have_room(0)) return failed(ENFILE);
  Source& source = *maps_[node.map].source;
  auto read = [&source](Place& place, Block& block) { return source.stream(place, block); };
  return Opened{.handle = handles_.add(
                    std::make_unique<Handle>(std::in_place_type<Stream>, *cache_, std::move(read))),
                .is_stream = true};
}

Answer<FileSystem::Opened> FileSystem::open_file(uint64_t number) {
  if (const Node* node = tree_.find(number); node != nullptr) {
    if (S_ISDIR(node->mode)) return failed(EISDIR);
    if (node->kind == NodeKind::kEntries) return open_entries(*node);
    return open_snapshot(number, maps_[node->map].source->schema());
  }
  KnownKey* known = keys_.find(number);
  if (known == nullptr) return failed(ESTALE);
  if (auto rendered = render(*known); !rendered) return failed(rendered.error());
  return open_snapshot(number, answer());
}

Answer<FileSystem::Opened> FileSystem::open_directory(uint64_t number) {
  const Node* node = tree_.find(number);
  if (node == nullptr) return failed(Numbers::is_of_key(number) ? ENOTDIR : ESTALE);
  if (!S_ISDIR(node->mode)) return failed(ENOTDIR);
  if (node->kind != NodeKind::kKeys) return Opened{};
  if (!have_room(0)) return failed(ENFILE);
  Source& source = *maps_[node->map].source;
  auto read = [this, &source, salt = node->number](Place& place, Block& block) {
    return source.list(
        place, [&](std::span<const std::byte> key) { return numbers_.of_key(salt, key); }, block);
  };
  return Opened{.handle = handles_.add(std::make_unique<Handle>(std::in_place_type<Listing>,
                                                                *cache_, std::move(read)))};
}

bool FileSystem::turn_is_over() const {
  return monotonic_ns() - turn_began_ns_ >= limits_.turn_ns;
}

void FileSystem::close(uint64_t handle) {
  handles_.remove(handle);
}

std::optional<uint64_t> FileSystem::told_size(uint64_t number) {
  if (const Node* node = tree_.find(number); node != nullptr)
    return node->kind == NodeKind::kEntries ? entries_[node->map].told_size
                                            : attributes_of(*node).size;
  const KnownKey* known = keys_.find(number);
  if (known == nullptr) return std::nullopt;
  return known->told_size;
}

Answer<std::string_view> FileSystem::read(uint64_t handle, uint64_t offset, size_t size, For whom) {
  Handle* open = handles_.find(handle);
  if (open == nullptr) return failed(ESTALE);
  if (auto* stream = std::get_if<Stream>(open)) {
    if (whom == For::kPage) return failed(EINVAL);
    turn_began_ns_ = monotonic_ns();
    return read_stream(*stream, offset, size);
  }
  const auto* snapshot = std::get_if<Snapshot>(open);
  if (snapshot == nullptr) return failed(EISDIR);
  const std::string_view content = snapshot->content;
  // The kernel would cut it off, or fill it up.
  if (whom == For::kPage && told_size(snapshot->number) != content.size()) return failed(EINVAL);
  return offset >= content.size() ? std::string_view() : content.substr(offset, size);
}

Answer<void> FileSystem::list(uint64_t directory, uint64_t handle, uint64_t position,
                              const Take& take) {
  const Node* node = tree_.find(directory);
  if (node == nullptr) return failed(ESTALE);
  if (!S_ISDIR(node->mode)) return failed(ENOTDIR);
  if (position < kDots) {
    const uint64_t above = tree_.at(node->parent).number;
    if (position == 0 && !take({".", node->number, S_IFDIR, 1})) return {};
    if (!take({"..", above, S_IFDIR, kDots})) return {};
  }
  if (node->kind != NodeKind::kKeys) return list_children(*node, position, take);
  Handle* open = handles_.find(handle);
  auto* listing = open == nullptr ? nullptr : std::get_if<Listing>(open);
  if (listing == nullptr) return failed(ESTALE);
  return list_keys(*node, *listing, position, take);
}

Answer<void> FileSystem::list_children(const Node& directory, uint64_t position,
                                       const Take& take) const {
  for (uint64_t at = position < kDots ? 0 : position - kDots; at < directory.children.size();
       ++at) {
    const Node& child = tree_.at(directory.children[at]);
    if (!take({child.name, child.number, child.mode & S_IFMT, at + kDots + 1})) break;
  }
  return {};
}

Answer<void> FileSystem::go_on(uint32_t& turns) const {
  if (!turn_is_over()) return {};
  if (++turns < limits_.turns) return failed(kLater);
  turns = 0;
  return failed(EINTR);
}

Answer<void> FileSystem::list_keys(const Node& keys, Listing& listing, uint64_t position,
                                   const Take& take) {
  if (position == 0) listing.cursor.restart();
  uint64_t index = position < kDots ? 0 : position - kDots;
  const uint64_t limit = maps_[keys.map].list_limit;
  if (index >= limit) return {};
  turn_began_ns_ = monotonic_ns();
  auto found = listing.cursor.at(index);
  while (found && found->block->more) {
    if (auto on = go_on(listing.turns); !on) return on;
    found = listing.cursor.at(index);
  }
  if (!found) return failed(found.error());
  listing.turns = 0;
  // No more than one block: a reader who takes only some of this comes back for the rest of it.
  const Block& block = *found->block;
  for (size_t at = found->index; at < block.size() && index < limit; ++at, ++index)
    if (!take({block.at(at), block.numbers[at], S_IFREG, index + kDots + 1})) break;
  return {};
}

}  // namespace pinscope::values
