// daemon.json: what it says of runtimes, and how ours gets into its text and out again, with
// everything else byte for byte as it was.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "plugin/base/result.h"

namespace pinscope::engine {

inline constexpr const char* kDockerRuntime = "pinscope";

struct DockerRuntime {
  std::string path;
  std::vector<std::string> arguments;
  std::string type;  // of one that is a shim of containerd's; empty for a program
};

// `name` is the file's, for errors.
class DockerJson {
 public:
  // A byte order mark, which dockerd takes from version 23 on, is kept; UTF-16 is an error.
  static Result<DockerJson> parse(std::string_view content, const std::string& name);

  [[nodiscard]] const std::string& default_runtime() const { return default_runtime_; }
  // Nothing if the file has none of that name.
  [[nodiscard]] Result<std::optional<DockerRuntime>> runtime(std::string_view name) const;

  // Where dockerd listens: "hosts".
  [[nodiscard]] Result<std::vector<std::string>> hosts() const;

  // The content with our runtime, which must not be there; as the default one, too, if
  // `as_default`.
  [[nodiscard]] Result<std::string> with_ours(const DockerRuntime& ours, bool as_default) const;
  // The content without it. `was` is the default runtime before us; empty if there was none.
  [[nodiscard]] Result<std::string> without_ours(const std::string& was) const;

 private:
  std::string mark_;  // the byte order mark, or empty
  std::string json_;
  std::string name_;
  std::string default_runtime_;
};

}  // namespace pinscope::engine
