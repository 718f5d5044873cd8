#include "hooks/shim_memory.h"

#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <climits>

#include "hooks/shim_options.h"
#include "plugin/base/path.h"
#include "plugin/host/file.h"
#include "plugin/model/low_level_runtime.h"

namespace pinscope {
namespace {

constexpr const char* kName = "pinscope-runtime.json";

}  // namespace

void keep_runtime(const std::string& bundle, const std::string& program) {
  const auto directory = open_at(AT_FDCWD, bundle, O_RDONLY | O_DIRECTORY);
  if (!directory) return;
  (void)write_atomically(directory->get(), kName, model::runtime_file_text(program), 0600);
}

std::string kept_runtime() {
  std::array<char, PATH_MAX> here{};
  if (::access(kName, F_OK) != 0 || ::getcwd(here.data(), here.size()) == nullptr) return "";
  const auto kept = read_runtime_file(join(here.data(), kName));
  return kept && ::access(kept->c_str(), X_OK) == 0 ? *kept : "";
}

}  // namespace pinscope
