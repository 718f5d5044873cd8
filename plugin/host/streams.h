// The standard streams of a program that others start in whatever state.
#pragma once

#include <string_view>

namespace pinscope {

// Opens /dev/null for each standard descriptor that is closed: the next file that is opened would
// take its place. A program that this process becomes finds it closed as before. False: that is not
// possible.
bool fill_standard_descriptors();

// Whether the whole text was written.
bool write_all(int fd, std::string_view text);

}  // namespace pinscope
