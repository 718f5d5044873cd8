// Names of containers and policies in the sentences of findings.
#pragma once

#include <string>
#include <vector>

namespace pinscope::health {

// "a, b, c", of more than eight the first eight and "and 4 more". Nothing is escaped.
std::string first_names(std::vector<std::string> names);

}  // namespace pinscope::health
