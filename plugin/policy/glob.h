// Globs, as policies use them, over bytes. `*` matches any run of characters but `/`, `?` one
// character but `/`, `[abc]`, `[a-z]` and `[!a]` one of a set, `**` as a whole component any number
// of components, none included: "/a/**" matches "/a", "/a/b" and "/a/b/c". Everything else stands
// for itself; a backslash takes the next character literally. A dot is a character like any other.
#pragma once

#include <string>
#include <string_view>

#include "plugin/base/result.h"

namespace pinscope::policy {

// Whether `pattern` has any of * ? [ \ : if not, it matches exactly the text it is.
bool is_glob(std::string_view pattern);

// An error that says what is wrong with the pattern: an open bracket, a trailing backslash, "**"
// beside other characters of its component. A slash always ends a component, in a bracket and
// behind a backslash, too.
Status check_glob(std::string_view pattern);

// Whether `pattern` matches the whole of `text`. Time is bounded by the product of their lengths;
// nothing is allocated. A component that check_glob() refuses matches nothing.
bool glob_matches(std::string_view pattern, std::string_view text);

// The pattern that matches this text alone.
std::string literal_pattern(std::string_view text);

// The leading components that hold no glob: "/sys/fs/bpf/app" for "/sys/fs/bpf/app/*/x", "/" for
// "/*", the whole of a text without a glob.
std::string literal_prefix(std::string_view pattern);

}  // namespace pinscope::policy
