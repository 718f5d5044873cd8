// What the checks of `select` and of `exclude` share.
#pragma once

#include <string>
#include <vector>

#include "plugin/policy/language/reader.h"
#include "plugin/policy/language/reporter.h"

namespace pinscope::policy {

// Whether these are the engine of the host's sessions alone, whose user the host has logged in.
bool are_of_sessions(const std::vector<model::Engine>& engines);

// Warns of keys that no container of these engines (none: of any engine) has. Whether there is one.
bool warn_of_keys_that_never_match(const SelectMarks& marks,
                                   const std::vector<model::Engine>& engines, Reporter& reporter);

// A pattern that everything matches, such as "*" or "/**", says no more than an absent key.
bool says_something(const std::vector<model::Pattern>& patterns);

// "a, b and c".
std::string all_of(const std::vector<std::string>& names);

}  // namespace pinscope::policy
