#include "plugin/engine/containerd_config.h"

#include <fnmatch.h>

#include <algorithm>
#include <deque>
#include <set>

#include "plugin/base/path.h"
#include "plugin/base/text.h"

namespace pinscope::engine {
namespace {

constexpr std::string_view kImports = "imports";
constexpr std::string_view kBegin = "# pinscope: begin; made by `pinscope engine install`\n";
constexpr std::string_view kEnd = "# pinscope: end\n";
constexpr std::string_view kImportsMark = "]  # pinscope\n";
constexpr std::string_view kWas = "  # pinscope: was ";
constexpr std::string_view kUnset = "unset";
constexpr size_t kMostFiles = 256;

// Every place of a plugin's path in a file of this version.
TomlPath in_cri(int64_t version, const TomlPath& path) {
  TomlPath whole = {"plugins", cri_plugin(version)};
  whole.insert(whole.end(), path.begin(), path.end());
  return whole;
}

// The files that one pattern of `imports` names. containerd knows patterns in every component; ours
// is enough for those that are in use: one in the last.
Result<std::vector<std::string>> expand(const Tree& tree, const std::string& pattern) {
  if (pattern.find_first_of("*?[") == std::string::npos) return std::vector<std::string>{pattern};
  std::vector<std::string> files;
  const std::string directory(parent_of(pattern));
  const std::string last(base_name(pattern));
  PINSCOPE_TRY(const auto names, tree.list(directory));
  for (const auto& name : names)
    if (::fnmatch(last.c_str(), name.c_str(), 0) == 0) files.push_back(join(directory, name));
  return files;
}

Error cannot_edit(const std::string& name, std::string reason) {
  return Error(ErrorCode::kSystem, "edit " + quoted(name)).reason(std::move(reason));
}

// Where the line that holds `offset` ends, its newline included.
size_t line_end(std::string_view text, size_t offset) {
  const size_t newline = text.find('\n', offset);
  return newline == std::string_view::npos ? text.size() : newline + 1;
}

size_t line_begin(std::string_view text, size_t offset) {
  const size_t newline = offset == 0 ? std::string_view::npos : text.rfind('\n', offset - 1);
  return newline == std::string_view::npos ? 0 : newline + 1;
}

// That nothing but `paths` is different.
Status check_edit(const std::string& before, const std::string& after,
                  const std::vector<TomlPath>& paths, const std::string& name) {
  PINSCOPE_TRY(const auto old_toml, Toml::parse(before, name));
  const auto new_toml = Toml::parse(after, name);
  if (!new_toml || !new_toml->equals_without(old_toml, paths))
    return std::unexpected(
        cannot_edit(name, "its layout leaves no place for another line").hint("add it yourself"));
  return {};
}

}  // namespace

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
    if (seen.size() > kMostFiles)
      return std::unexpected(
          Error(ErrorCode::kSystem, "read " + quoted(root))
              .reason("it imports more than " + std::to_string(kMostFiles) + " files"));
    PINSCOPE_TRY(const auto file, tree.read(path));
    if (!file) continue;
    PINSCOPE_TRY(auto toml,
                 Toml::parse(without ? take_out_settings(file->text) : file->text, path));
    const auto imports = toml.texts({kImports});
    for (const auto& item : imports ? imports->items : std::vector<std::string>()) {
      const std::string pattern = join(parent_of(path), item);
      if (path == root && base_name(pattern) == "*.toml")
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

Result<std::string> add_import(const std::string& text, const std::string& pattern,
                               const std::string& name) {
  PINSCOPE_TRY(const auto toml, Toml::parse(text, name));
  std::string edited = text;
  if (const auto region = toml.region({kImports})) {
    const auto items = toml.texts({kImports});
    if (!items || text.compare(region->begin, 1, "[") != 0)
      return std::unexpected(cannot_edit(name, "imports is not an array"));
    edited.insert(region->begin + 1, toml_string(pattern) + (items->items.empty() ? "" : ", "));
  } else {
    // Before the first table: behind the version, which most files begin with.
    const auto version = toml.region({"version"});
    const size_t place = version ? line_end(text, version->begin) : 0;
    const bool open_line = place > 0 && text[place - 1] != '\n';
    edited.insert(place, (open_line ? "\n" : "") + std::string(kImports) + " = [" +
                             toml_string(pattern) + std::string(kImportsMark));
  }
  PINSCOPE_CHECK(check_edit(text, edited, {{kImports}}, name));
  PINSCOPE_TRY(const auto result, Toml::parse(edited, name));
  const auto before = toml.texts({kImports});
  const auto after = result.texts({kImports});
  if (!after || after->items.size() != (before ? before->items.size() : 0) + 1)
    return std::unexpected(cannot_edit(name, "its imports have a layout that is not understood"));
  return edited;
}

Result<std::string> add_block(const std::string& text, const std::string& block,
                              const std::string& name) {
  const std::string gap = text.empty() || text.ends_with('\n') ? "" : "\n";
  std::string edited = text + gap + std::string(kBegin) + block + std::string(kEnd);
  PINSCOPE_TRY(const auto ours, Toml::parse(block, name));
  PINSCOPE_TRY(const auto before, Toml::parse(text, name));
  std::vector<TomlPath> paths;
  const auto plugins = ours.names({"plugins"});
  std::vector<std::vector<std::string>> runtimes;
  for (const auto& plugin : plugins) {
    runtimes.push_back(ours.names({"plugins", plugin, "containerd", "runtimes"}));
    for (const auto& runtime : runtimes.back()) {
      paths.push_back({"plugins", plugin, "containerd", "runtimes", runtime});
      if (before.has(paths.back()))
        return std::unexpected(
            cannot_edit(name, "it has a runtime " + quoted(runtime) + " of its own already"));
    }
  }
  PINSCOPE_CHECK(check_edit(text, edited, paths, name));
  return edited;
}

Result<std::string> set_default_runtime(const std::string& text, int64_t version,
                                        const std::string& name) {
  const TomlPath table = in_cri(version, {"containerd"});
  const TomlPath key = in_cri(version, {"containerd", "default_runtime_name"});
  PINSCOPE_TRY(const auto toml, Toml::parse(text, name));
  const std::string value = toml_string(kPinscopeRuntime);
  std::string edited = text;
  if (const auto region = toml.region(key)) {
    const std::string was = text.substr(region->begin, region->end - region->begin);
    const size_t end = line_end(text, region->end);
    const std::string behind = text.substr(region->end, end - region->end);
    if (behind.find_first_not_of(" \t\r\n") != std::string::npos)
      return std::unexpected(cannot_edit(name, "there is more on the line of default_runtime_name")
                                 .hint("set it to " + value + " yourself"));
    edited.replace(region->begin, region->end - region->begin, value + std::string(kWas) + was);
  } else {
    const auto region_of_table = toml.region(table);
    if (region_of_table && text.compare(region_of_table->begin, 1, "[") == 0) {
      edited.insert(
          line_end(text, region_of_table->begin),
          "default_runtime_name = " + value + std::string(kWas) + std::string(kUnset) + "\n");
    }
    const auto read = Toml::parse(edited, name);
    if (!read || read->text(key) != kPinscopeRuntime) {
      // The table is there through its sub-tables alone: it may be opened once.
      const std::string gap = text.empty() || text.ends_with('\n') ? "" : "\n";
      edited = text + gap + std::string(kBegin) + "[plugins." + toml_string(cri_plugin(version)) +
               ".containerd]\ndefault_runtime_name = " + value + "\n" + std::string(kEnd);
    }
  }
  PINSCOPE_CHECK(check_edit(text, edited, {key}, name));
  return edited;
}

std::string take_out_settings(const std::string& text) {
  std::string out = text;
  for (;;) {
    const size_t begin = out.find(kBegin);
    if (begin == std::string::npos) break;
    const size_t end = out.find(kEnd, begin);
    if (end == std::string::npos) break;
    out.erase(begin, end + kEnd.size() - begin);
  }
  const std::string ours = toml_string(kPinscopeRuntime) + std::string(kWas);
  while (true) {
    const size_t place = out.find(ours);
    if (place == std::string::npos) break;
    const size_t end = line_end(out, place);
    size_t value_end = end;
    while (value_end > place && (out[value_end - 1] == '\n' || out[value_end - 1] == '\r'))
      --value_end;
    const std::string was = out.substr(place + ours.size(), value_end - place - ours.size());
    if (was == kUnset) {
      out.erase(line_begin(out, place), end - line_begin(out, place));
    } else {
      out.replace(place, value_end - place, was);
    }
  }
  return out;
}

std::string take_out_ours(const std::string& text, const std::string& pattern) {
  std::string out = take_out_settings(text);
  const std::string imported = toml_string(pattern);
  if (const std::string line =
          std::string(kImports) + " = [" + imported + std::string(kImportsMark);
      out.find(line) != std::string::npos) {
    out.erase(out.find(line), line.size());
  } else if (const size_t item = out.find("[" + imported); item != std::string::npos) {
    const bool others = out.compare(item + 1 + imported.size(), 2, ", ") == 0;
    out.erase(item + 1, imported.size() + (others ? 2 : 0));
  }
  return out;
}

}  // namespace pinscope::engine
