#include "plugin/values/fuse/tree.h"

#include <sys/stat.h>

#include <algorithm>
#include <span>

#include "plugin/base/text.h"

namespace pinscope::values {

namespace {

constexpr mode_t kRead = 0444;
constexpr mode_t kReadAndSearch = 0555;
constexpr const char* kSchemaName = "schema";

Error refused(std::string_view name, std::string why) {
  return Error(ErrorCode::kRecord, "show values as " + quoted(name)).reason(std::move(why));
}

// Who may read a directory may go into it.
mode_t searchable(mode_t mode) {
  const mode_t read = mode & kRead;
  return read | read >> 2U;
}

}  // namespace

struct Tree::Builder {
  Tree& tree;
  const Numbers& numbers;

  std::string path_of(size_t node) const {
    std::string path;
    for (; node != 0; node = tree.nodes_[node].parent) path = "/" + tree.nodes_[node].name + path;
    return path;
  }

  Result<size_t> add(size_t parent, Node node) {
    const size_t position = tree.nodes_.size();
    const std::string path = path_of(parent) + "/" + node.name;
    node.parent = parent;
    node.number = numbers.of_path(path);
    if (!tree.by_number_.emplace(node.number, position).second)
      return std::unexpected(refused(path, "two files have one number"));
    tree.nodes_[parent].children.push_back(position);
    tree.nodes_.push_back(std::move(node));
    return position;
  }

  // The directories above a map, which everybody may go through.
  Result<size_t> directory_above(const TreeMap& map, std::span<const std::string_view> names) {
    size_t at = 0;
    for (const std::string_view name : names) {
      const Node* there = tree.child(tree.nodes_[at], name);
      if (there != nullptr) {
        if (tree.child(*there, kSchemaName) != nullptr)
          return std::unexpected(refused(map.name, "it is within another map's directory"));
        at = tree.by_number_.at(there->number);
        continue;
      }
      PINSCOPE_TRY(at, add(at, Node{.name = std::string(name), .mode = S_IFDIR | kReadAndSearch}));
    }
    return at;
  }

  Status add_map(const TreeMap& map, size_t position) {
    const auto names = split(map.name, '/');
    for (const std::string_view name : names)
      if (name.empty() || name == "." || name == "..")
        return std::unexpected(refused(map.name, "this is no relative path"));
    PINSCOPE_TRY(const size_t above,
                 directory_above(map, std::span(names).first(names.size() - 1)));
    if (tree.child(tree.nodes_[above], names.back()) != nullptr)
      return std::unexpected(refused(map.name, "there is another of that name"));
    Node node{.name = std::string(names.back()),
              .mode = S_IFDIR | searchable(map.mode),
              .uid = map.uid,
              .gid = map.gid,
              .map = position};
    PINSCOPE_TRY(const size_t directory, add(above, node));
    const mode_t file = S_IFREG | (map.mode & kRead);
    if (map.has_entries)
      PINSCOPE_CHECK(add_in(directory, node, NodeKind::kEntries, "entries", file));
    if (map.has_keys) PINSCOPE_CHECK(add_in(directory, node, NodeKind::kKeys, "keys", node.mode));
    return add_in(directory, node, NodeKind::kSchema, kSchemaName, file);
  }

  Status add_in(size_t directory, const Node& owner, NodeKind kind, const char* name, mode_t mode) {
    Node node = owner;
    node.kind = kind;
    node.name = name;
    node.mode = mode;
    PINSCOPE_TRY([[maybe_unused]] const size_t added, add(directory, std::move(node)));
    return {};
  }
};

Result<Tree> Tree::of(const std::vector<TreeMap>& maps, const Numbers& numbers) {
  Tree tree;
  tree.nodes_.push_back(Node{.number = kRootNumber, .mode = S_IFDIR | kReadAndSearch});
  tree.by_number_.emplace(kRootNumber, 0);
  Builder builder{tree, numbers};
  for (size_t i = 0; i < maps.size(); ++i) PINSCOPE_CHECK(builder.add_map(maps[i], i));
  for (Node& node : tree.nodes_)
    std::ranges::sort(node.children, {}, [&](size_t child) { return tree.nodes_[child].name; });
  return tree;
}

const Node* Tree::find(uint64_t number) const {
  const auto found = by_number_.find(number);
  return found == by_number_.end() ? nullptr : &nodes_[found->second];
}

const Node* Tree::child(const Node& directory, std::string_view name) const {
  for (const size_t child : directory.children)
    if (nodes_[child].name == name) return &nodes_[child];
  return nullptr;
}

size_t Tree::directories_in(const Node& directory) const {
  return static_cast<size_t>(std::ranges::count_if(
      directory.children, [&](size_t child) { return S_ISDIR(nodes_[child].mode); }));
}

}  // namespace pinscope::values
