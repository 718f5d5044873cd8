// What containerd's configuration says; edit.h puts ours in.
//
// Facts, each tried with containerd 1.7.24 and 2.1.9 (`containerd -c FILE config dump`):
// - An imported file whose version is above the root file's stops 1.x.
// - 1.x takes a plugin's whole section from the last file that has one: a drop-in with one runtime
//   takes all others away. 2.x merges keys.
// - 1.x: a root file with any runtime in it loses the built-in runc. 2.x keeps it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "plugin/engine/wiring/toml.h"
#include "plugin/engine/wiring/tree.h"

namespace pinscope::engine {

inline constexpr const char* kPinscopeRuntime = "pinscope";

// One file of the configuration: the root file, or one that it imports.
struct ContainerdFile {
  std::string path;
  int64_t version = 0;  // 0: the file has none
  Toml toml;
};

class ContainerdConfig {
 public:
  // The root file and what it imports; with `without`, the path of our drop-in or an empty one, as
  // they would be without our part.
  static Result<ContainerdConfig> read(const Tree& tree, const std::string& root,
                                       const std::optional<std::string>& without = std::nullopt);

  [[nodiscard]] const std::string& root() const { return root_; }
  [[nodiscard]] bool exists() const { return !files_.empty(); }
  [[nodiscard]] int64_t version() const { return files_.empty() ? 0 : files_.front().version; }
  [[nodiscard]] const std::vector<ContainerdFile>& files() const { return files_; }
  // Where `imports` looks for *.toml: the directories, in order.
  [[nodiscard]] const std::vector<std::string>& import_directories() const { return directories_; }
  // Whether a file switches the CRI plugin off; its path, or empty.
  [[nodiscard]] std::string disables_cri() const;
  // An imported file with a section of the CRI plugin; its path, or empty. The last one.
  [[nodiscard]] std::string import_with_cri() const;

  // `path` is below the CRI plugin's section. As the last file says that says it.
  [[nodiscard]] std::optional<std::string> text(const TomlPath& path) const;
  // The same as a line of TOML; empty if no file says it.
  [[nodiscard]] std::string written(const TomlPath& path) const;
  [[nodiscard]] bool has(const TomlPath& path) const;
  // The last file that says it; empty if none does.
  [[nodiscard]] std::string file_of(const TomlPath& path) const;
  // The names in a table, of whichever file, sorted.
  [[nodiscard]] std::vector<std::string> names(const TomlPath& path) const;

 private:
  std::string root_;
  std::vector<ContainerdFile> files_;
  std::vector<std::string> directories_;
};

// The name of the default runtime, below the CRI plugin's section.
inline TomlPath default_runtime_key() {
  return {"containerd", "default_runtime_name"};
}

// A path below the CRI plugin's section in a file of that version, from the file's root.
TomlPath in_cri(int64_t version, const TomlPath& path);

// "io.containerd.grpc.v1.cri", from version 3 on "io.containerd.cri.v1.runtime".
std::string_view cri_plugin(int64_t version);

}  // namespace pinscope::engine
