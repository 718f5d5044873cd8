// The files and directories that are always there: a directory for each map, with those above it,
// and what is in it but the keys. Pure, and the same for the life of a lease.
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "plugin/base/result.h"
#include "plugin/values/fuse/numbers.h"

namespace pinscope::values {

enum class NodeKind : uint8_t { kDirectory, kEntries, kSchema, kKeys };

struct Node {
  NodeKind kind = NodeKind::kDirectory;
  uint64_t number = 0;
  size_t parent = 0;  // position in the tree; of the root its own
  std::string name = {};
  mode_t mode = 0;  // with the type of the file
  uid_t uid = 0;
  gid_t gid = 0;
  size_t map = 0;                     // position in the lease; of a directory above maps nothing
  std::vector<size_t> children = {};  // of a directory, by name
};

// What one map adds.
struct TreeMap {
  std::string name;  // "flows", "team/flows"
  mode_t mode = 0;   // of files: what allows to write or execute is left out
  uid_t uid = 0;
  gid_t gid = 0;
  bool has_keys = true;
  bool has_entries = true;
};

class Tree {
 public:
  // kRecord if a name is no relative path, or one is within another's directory.
  static Result<Tree> of(const std::vector<TreeMap>& maps, const Numbers& numbers);

  // Null if there is none.
  [[nodiscard]] const Node* find(uint64_t number) const;
  [[nodiscard]] const Node* child(const Node& directory, std::string_view name) const;
  [[nodiscard]] const Node& at(size_t position) const { return nodes_[position]; }
  // How many of its children are directories.
  [[nodiscard]] size_t directories_in(const Node& directory) const;

 private:
  struct Builder;
  std::vector<Node> nodes_;  // the root is the first
  std::unordered_map<uint64_t, size_t> by_number_;
};

}  // namespace pinscope::values
