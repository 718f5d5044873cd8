#include "plugin/engine/containerd/config.h"

#include <fnmatch.h>

#include <algorithm>
#include <deque>
#include <set>

#include "plugin/base/path.h"
#include "plugin/base/text.h"
#include "plugin/engine/containerd/edit.h"

namespace pinscope::engine {
namespace {

constexpr std::string_view kImports = "imports";
constexpr size_t kMaxFiles = 256;

// The files that one entry of `imports` names. It is a pattern, in whichever of its components, if
// there is an asterisk in it (containerd: resolveImports of its server's config.go).
Result<std::vector<std::string>> expand(const Tree& tree, const std::string& pattern) {
  if (!pattern.contains('*')) return std::vector<std::string>{pattern};
  std::vector<std::string> found = {"/"};
  for (const auto part : split(pattern, '/')) {
    if (part.empty()) continue;
    const std::string component(part);
    std::vector<std::string> next;
    for (const auto& directory : found) {
      const auto status = tree.status(directory);
      if (!status || !S_ISDIR(status->st_mode)) continue;
      if (component.find_first_of("*?[\\") == std::string::npos) {
        if (tree.exists(join(directory, component))) next.push_back(join(directory, component));
        continue;
      }
      PINSCOPE_TRY(auto names, tree.entries(directory));
      std::sort(names.begin(), names.end());
      for (const auto& name : names)
        if (::fnmatch(component.c_str(), name.c_str(), 0) == 0)
          next.push_back(join(directory, name));
      if (next.size() > kMaxFiles)
        return std::unexpected(
            Error(ErrorCode::kSystem, "read " + quoted(pattern))
                .reason("it names more than " + std::to_string(kMaxFiles) + " files"));
    }
    found = std::move(next);
  }
  return found;
}

}  // namespace

TomlPath in_cri(int64_t version, const TomlPath& path) {
  TomlPath whole = {"plugins", cri_plugin(version)};
  whole.insert(whole.end(), path.begin(), path.end());
  return whole;
}

std::string_view cri_plugin(int64_t version) {
  return version >= 3 ? "io.containerd.cri.v1.runtime" : "io.containerd.grpc.v1.cri";
}

Result<ContainerdConfig> ContainerdConfig::read(const Tree& tree, const std::string& root,
                                                const std::optional<std::string>& without) {
  ContainerdConfig config;
  config.root_ = root;
  std::deque<std::string> left = {root};
  std::set<std::string> seen;
  while (!left.empty()) {
    const std::string path = left.front();
    left.pop_front();
    if (path == without || !seen.insert(path).second) continue;
    if (seen.size() > kMaxFiles)
      return std::unexpected(
          Error(ErrorCode::kSystem, "read " + quoted(root))
              .reason("it imports more than " + std::to_string(kMaxFiles) + " files"));
    PINSCOPE_TRY(const auto file, tree.read(path));
    if (!file) continue;
    PINSCOPE_TRY(auto toml,
                 Toml::parse(without ? take_out_settings(file->text) : file->text, path));
    const auto imports = toml.texts({kImports});
    for (const auto& item : imports ? imports->items : std::vector<std::string>()) {
      const std::string pattern = join(parent_of(path), item);
      if (path == root && base_name(pattern) == "*.toml" && !parent_of(pattern).contains('*'))
        config.directories_.emplace_back(parent_of(pattern));
      PINSCOPE_TRY(const auto files, expand(tree, pattern));
      left.insert(left.end(), files.begin(), files.end());
    }
    const int64_t version = toml.number({"version"}).value_or(0);
    config.files_.push_back({path, version, std::move(toml)});
  }
  return config;
}

std::string ContainerdConfig::disables_cri() const {
  for (const auto& file : files_) {
    const auto disabled = file.toml.texts({"disabled_plugins"});
    if (!disabled) continue;
    for (const auto& plugin : disabled->items)
      if (plugin == "cri" || plugin == "io.containerd.grpc.v1.cri" ||
          plugin == "io.containerd.cri.v1.runtime")
        return file.path;
  }
  return "";
}

std::string ContainerdConfig::import_with_cri() const {
  for (auto file = files_.rbegin(); file != files_.rend(); ++file)
    if (file->path != root_ && file->toml.has(in_cri(file->version, {}))) return file->path;
  return "";
}

std::string ContainerdConfig::file_of(const TomlPath& path) const {
  for (auto file = files_.rbegin(); file != files_.rend(); ++file)
    if (file->toml.has(in_cri(file->version, path))) return file->path;
  return "";
}

std::vector<std::string> ContainerdConfig::names(const TomlPath& path) const {
  std::set<std::string> names;
  for (const auto& file : files_)
    for (auto& name : file.toml.names(in_cri(file.version, path))) names.insert(std::move(name));
  return {names.begin(), names.end()};
}

bool ContainerdConfig::has(const TomlPath& path) const {
  return std::any_of(files_.begin(), files_.end(), [&](const ContainerdFile& file) {
    return file.toml.has(in_cri(file.version, path));
  });
}

std::optional<std::string> ContainerdConfig::text(const TomlPath& path) const {
  for (auto file = files_.rbegin(); file != files_.rend(); ++file)
    if (auto text = file->toml.text(in_cri(file->version, path))) return text;
  return std::nullopt;
}

std::string ContainerdConfig::written(const TomlPath& path) const {
  for (auto file = files_.rbegin(); file != files_.rend(); ++file)
    if (auto line = file->toml.written(in_cri(file->version, path)); !line.empty()) return line;
  return "";
}

}  // namespace pinscope::engine
