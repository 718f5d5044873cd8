// Text in XML, for reports that other programs read.
#pragma once

#include <string>
#include <string_view>

namespace pinscope::cli {

// For an attribute or a text of XML 1.0, to which two code points that disturb nobody are unknown;
// they and control characters become "?".
std::string xml_escaped(std::string_view text);

}  // namespace pinscope::cli
