// Where each value of a JSON text begins and ends: what edit.cc cuts by. Internal to json/.
// Knows the JSON library (docs/adr/0001-json-reader.md), and is as strict as json.h.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "plugin/base/result.h"

namespace pinscope {

struct JsonNode {
  enum class Kind : unsigned char { kObject, kArray, kString, kNumber, kTrue, kFalse, kNull };
  Kind kind = Kind::kNull;
  size_t begin = 0;  // of the value: its first byte, and the one behind its last
  size_t end = 0;
  size_t next = 0;  // the node behind this one and all that are below it

  // Of the quoted key, if this is a member of an object.
  size_t key_begin = 0;
  size_t key_end = 0;
  size_t key = 0;  // in JsonOutline::escaped_keys_, from 1; 0 if the key has no escapes

  [[nodiscard]] bool is_member() const { return key_end != 0; }
  [[nodiscard]] bool is_container() const { return kind == Kind::kObject || kind == Kind::kArray; }
  // Where the member begins, or the value if it is none.
  [[nodiscard]] size_t start() const { return is_member() ? key_begin : begin; }
};

// All values of one text in the order of their beginnings; node 0 is the whole. Offsets only: it
// does not keep the text.
class JsonOutline {
 public:
  // `name` and `code` are for errors. Nesting is bounded by memory, not by the stack.
  static Result<JsonOutline> of(std::string_view text, std::string_view name, ErrorCode code);

  [[nodiscard]] size_t size() const { return nodes_.size(); }
  [[nodiscard]] const JsonNode& operator[](size_t node) const { return nodes_[node]; }
  // The members or elements of a container, in the order of the text; empty for every other value.
  [[nodiscard]] std::vector<size_t> children(size_t node) const;
  // The key of a member, decoded. `text` is what the outline was made of.
  [[nodiscard]] std::string_view key(size_t node, std::string_view text) const;

 private:
  friend class JsonOutlineBuilder;
  std::vector<JsonNode> nodes_;
  std::vector<std::string> escaped_keys_;
};

}  // namespace pinscope
