// Volume: the directory that a ConfigMap with policies is mounted on. The kubelet changes it as a
// whole: it writes a new directory "..2026_11_25_…", then renames a link "..data" to point there;
// the names that one sees are links to ..data/NAME (kubernetes pkg/volume/util/atomic_writer.go).
// So what is read through one descriptor of ..data is one version of the set, and never half of
// one. A plain directory does as well, for use without Kubernetes.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "plugin/base/fd.h"
#include "plugin/base/result.h"
#include "plugin/policy/language/load.h"

namespace pinscope::node {

class Volume {
 public:
  static Result<Volume> open(const std::string& path);

  // Every *.yaml and *.yml of one version, by name. Nothing if there is no version yet (the
  // directory is empty, or the first one is still being written), and nothing if the version holds
  // no file at all: so the kubelet shows an optional ConfigMap that is not there (kubernetes
  // pkg/volume/configmap), and one that was deleted. An empty set is a version with files of which
  // none is a policy.
  [[nodiscard]] Result<std::optional<std::vector<policy::Text>>> read() const;

  [[nodiscard]] const std::string& path() const { return path_; }

 private:
  Volume(std::string path, Fd directory)
      : path_(std::move(path)), directory_(std::move(directory)) {}

  std::string path_;
  Fd directory_;
};

}  // namespace pinscope::node
