// The fixed parts of a report's page, which are the files of assets/ as they are
// (cmake/Embed.cmake).
#pragma once

#include <string_view>

namespace pinscope::cli::assets {

extern const std::string_view kPage;    // page.html: {{name}} is where something goes
extern const std::string_view kStyle;   // page.css
extern const std::string_view kScript;  // page.js

}  // namespace pinscope::cli::assets
