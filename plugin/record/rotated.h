// The files of an audit trail that logrotate has put aside: audit.jsonl.1, audit.jsonl-20260131,
// either with .gz.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace pinscope::record {

struct RotatedFile {
  std::string path;
  uint64_t modified_ns = 0;
};

// Those of the trail `path`, by name.
std::vector<RotatedFile> rotated_files(const std::string& path);

bool is_compressed(std::string_view path);

}  // namespace pinscope::record
