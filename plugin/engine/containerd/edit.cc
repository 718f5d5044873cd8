#include "plugin/engine/containerd/edit.h"

#include <vector>

#include "plugin/base/text.h"
#include "plugin/engine/containerd/config.h"
#include "plugin/model/low_level_runtime.h"

namespace pinscope::engine {
namespace {

constexpr std::string_view kImports = "imports";
constexpr std::string_view kBegin = "# pinscope: begin; made by `pinscope engine install`\n";
constexpr std::string_view kEnd = "# pinscope: end\n";
constexpr std::string_view kImportsMark = "]  # pinscope\n";
constexpr std::string_view kWas = "  # pinscope: was ";
constexpr std::string_view kUnset = "unset";

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

// Another tool that writes the file anew, as nvidia-ctk does, keeps our tables and loses our marks.
bool is_our_header(std::string_view line, int64_t version) {
  std::string text;
  for (const char byte : line)
    if (byte != ' ' && byte != '\t' && byte != '\r' && byte != '\n')
      text += byte == '\'' ? '"' : byte;
  const std::string ours =
      "[plugins." + toml_string(cri_plugin(version)) + ".containerd.runtimes." + kPinscopeRuntime;
  return text == ours + "]" || text == ours + ".options]";
}

std::string without_tables(const std::string& text, int64_t version) {
  std::string out;
  bool ours = false;
  for (size_t at = 0; at < text.size();) {
    const size_t end = line_end(text, at);
    const auto line = std::string_view(text).substr(at, end - at);
    const size_t first = line.find_first_not_of(" \t");
    if (first != std::string_view::npos && line[first] == '[') ours = is_our_header(line, version);
    if (!ours) out += line;
    at = end;
  }
  return out;
}

std::string take_out_unmarked(const std::string& text) {
  for (const int64_t version : {2, 3}) {
    const auto toml = Toml::parse(text, "");
    if (!toml) return text;
    const auto shim = toml->text(
        in_cri(version, {"containerd", "runtimes", kPinscopeRuntime, "options", "BinaryName"}));
    if (!shim || !model::is_shim(*shim)) continue;
    std::string out = without_tables(text, version);
    // A default runtime that is not there would keep the plugin from starting.
    const TomlPath name = in_cri(version, {"containerd", "default_runtime_name"});
    const auto left = Toml::parse(out, "");
    const auto region = left ? left->region(name) : std::nullopt;
    if (region && left->text(name) == kPinscopeRuntime) {
      const size_t begin = line_begin(out, region->begin);
      out.erase(begin, line_end(out, region->begin) - begin);
    }
    return Toml::parse(out, "") ? out : text;
  }
  return text;
}

}  // namespace

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
  return take_out_unmarked(out);
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
