// Paths that come from a policy, a runtime or a command line are lists of components, not strings:
// nothing here resolves, follows or opens anything.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "plugin/base/result.h"

namespace pinscope {

using Components = std::vector<std::string>;

// "/a/b" -> {a, b}. Refuses relative paths, "." and "..", empty components (a doubled or trailing
// slash), components over 255 bytes, NUL and control characters, paths over 4095 bytes.
Result<Components> parse_absolute(std::string_view path);

// Like parse_absolute, for a relative path: "a/b" -> {a, b}.
Result<Components> parse_relative(std::string_view path);

// The components of any path or link, as the kernel takes them: "." and empty ones are of no
// account.
Components components_of(std::string_view path);

// {a, b} -> "/a/b"; {} -> "/".
std::string to_absolute(const Components& components);

// `path` below `base`, or `path` itself if absolute: how the OCI specification reads root.path.
std::string join(std::string_view base, std::string_view path);

// The text before the last slash ("/" for "/a", "." for "a"), and the text behind it.
std::string_view parent_of(std::string_view path);
std::string_view base_name(std::string_view path);

// Whether `path` names `directory` or something below it. Compares texts: both must be absolute,
// without dots, links and trailing slashes.
bool is_at_or_below(std::string_view path, std::string_view directory);

}  // namespace pinscope
