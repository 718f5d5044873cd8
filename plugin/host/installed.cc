#include "plugin/host/installed.h"

#include <unistd.h>

#include <climits>

#include "plugin/base/path.h"

namespace pinscope {

std::string installation_directory() {
  char path[PATH_MAX];
  const ssize_t length = ::readlink("/proc/self/exe", path, sizeof path);
  if (length <= 0) return "/usr/bin";
  return std::string(parent_of(std::string_view(path, static_cast<size_t>(length))));
}

std::string program_beside(std::string_view name) {
  return join(installation_directory(), name);
}

}  // namespace pinscope
