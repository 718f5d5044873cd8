// From types to a print program. Hostile BTF is met with bounds: on nesting, on operations, and on
// how much a program prints for each byte it is given.
#pragma once

#include <bpf/btf.h>

#include <cstdint>
#include <expected>
#include <string>
#include <vector>

#include "plugin/values/types/program.h"

namespace pinscope::values {

struct CompileRequest {
  const btf* types = nullptr;
  uint32_t id = 0;
  uint32_t bytes = 0;  // of the key or value; the type must have as many
  bool key = false;
  bool prefix = false;  // the key of an LPM trie, by is_prefix()
  Style style = Style::kJson;
  // The first part of the names of columns: "key" or "value".
  std::string column = {};
};

struct Compiled {
  Program program;
  std::vector<std::string> columns;  // of Style::kCsv
};

// The error says for people why this type is not shown by its fields.
std::expected<Compiled, std::string> compile(const CompileRequest& request);

}  // namespace pinscope::values
