#include "plugin/host/installed.h"

#include <fcntl.h>

#include "plugin/base/path.h"
#include "plugin/host/file.h"

namespace pinscope {

std::string installation_directory() {
  const auto path = read_link_at(AT_FDCWD, "/proc/self/exe");
  return path ? std::string(parent_of(*path)) : "/usr/bin";
}

std::string program_beside(std::string_view name) {
  return join(installation_directory(), name);
}

}  // namespace pinscope
