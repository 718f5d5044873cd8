// How YAML readers understand a plain (unquoted) scalar.
#pragma once

#include <string_view>

namespace pinscope::policy {

// Whether a YAML 1.1 or 1.2 reader takes `text` for a number, a boolean, a date or nothing. Where
// we want text, such a value must be quoted: an image tag 1.10 is not 1.1, and the country NO is
// not false. Editors and other tools that read our files then see what we see.
bool reads_as_other_than_text(std::string_view text);

}  // namespace pinscope::policy
