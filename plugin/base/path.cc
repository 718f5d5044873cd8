#include "plugin/base/path.h"

#include <climits>

#include "plugin/base/text.h"

namespace pinscope {
namespace {

Error bad_path(std::string_view path, std::string reason) {
  constexpr size_t kShown = 200;
  return Error(ErrorCode::kUsage, "use path " + quoted(path.substr(0, kShown)))
      .reason(std::move(reason));
}

Result<Components> parse_components(std::string_view whole, std::string_view relative) {
  if (whole.size() >= PATH_MAX)
    return std::unexpected(bad_path(whole, "it is longer than 4095 bytes"));
  Components components;
  for (const auto part : split(relative, '/')) {
    if (part.empty())
      return std::unexpected(
          bad_path(whole, "it has an empty component (a doubled or trailing slash)"));
    if (part == "." || part == "..")
      return std::unexpected(bad_path(whole, "the component " + quoted(part) + " is not allowed"));
    if (part.size() > NAME_MAX)
      return std::unexpected(bad_path(whole, "a component is longer than 255 bytes"));
    for (const char byte : part)
      if (static_cast<unsigned char>(byte) < 0x20 || byte == 0x7f)
        return std::unexpected(bad_path(whole, "it contains a control character"));
    components.emplace_back(part);
  }
  return components;
}

}  // namespace

Result<Components> parse_absolute(std::string_view path) {
  if (!path.starts_with('/')) return std::unexpected(bad_path(path, "it is not absolute"));
  if (path == "/") return Components{};
  return parse_components(path, path.substr(1));
}

Result<Components> parse_relative(std::string_view path) {
  if (path.empty()) return std::unexpected(bad_path(path, "it is empty"));
  if (path.starts_with('/')) return std::unexpected(bad_path(path, "it is not relative"));
  return parse_components(path, path);
}

Components components_of(std::string_view path) {
  Components components;
  for (const auto part : split(path, '/'))
    if (!part.empty() && part != ".") components.emplace_back(part);
  return components;
}

std::string to_absolute(const Components& components) {
  if (components.empty()) return "/";
  std::string path;
  for (const auto& component : components) path += "/" + component;
  return path;
}

std::string join(std::string_view base, std::string_view path) {
  if (path.starts_with('/')) return std::string(path);
  std::string joined(base);
  if (!joined.ends_with('/')) joined += '/';
  joined += path;
  return joined;
}

std::string_view parent_of(std::string_view path) {
  const size_t slash = path.rfind('/');
  if (slash == std::string_view::npos) return ".";
  return slash == 0 ? "/" : path.substr(0, slash);
}

std::string_view base_name(std::string_view path) {
  return path.substr(path.rfind('/') + 1);
}

bool is_at_or_below(std::string_view path, std::string_view directory) {
  return directory == "/" || (path.starts_with(directory) &&
                              (path.size() == directory.size() || path[directory.size()] == '/'));
}

}  // namespace pinscope
