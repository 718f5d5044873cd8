// What is in a policy directory and is not read.
#pragma once

#include <string>
#include <vector>

namespace pinscope::cli {

struct SkippedFile {
  std::string path;
  std::string why;  // its name does not end in .yaml or .yml
};

// What is in the directory `path` beside policy files, sorted. Names that begin with two dots are
// left out: they are how Kubernetes keeps the versions of a ConfigMap volume. Empty if `path` is no
// directory or cannot be listed, which whoever reads the policies reports.
std::vector<SkippedFile> list_skipped(const std::string& path);

}  // namespace pinscope::cli
