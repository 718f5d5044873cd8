// A YAML document as plain data, which reader.h walks. Only tree.cc knows the YAML library.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "plugin/policy/language/policy_text.h"
#include "plugin/policy/language/reporter.h"

namespace pinscope::policy {

struct Node {
  // kRefused: it was an alias, and has been reported.
  enum class Kind { kNull, kScalar, kSequence, kMapping, kRefused } kind = Kind::kNull;
  bool quoted = false;  // a scalar in quotes: text, whatever it looks like
  Position at;
  std::string text = {};            // of a scalar
  std::vector<Node> children = {};  // of a sequence; of a mapping: key, value, key, value, …
};

// The root of one document, or nothing if it is not YAML that we accept, which is then reported.
// Depth and number of nodes are bounded; anchors, aliases and tags are errors.
std::optional<Node> parse_document(const Document& document, Reporter& reporter);

}  // namespace pinscope::policy
