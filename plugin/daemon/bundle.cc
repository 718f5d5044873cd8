#include "plugin/daemon/bundle.h"

#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <optional>

#include "plugin/base/path.h"
#include "plugin/base/text.h"
#include "plugin/host/file.h"
#include "plugin/host/trust.h"
#include "plugin/kernel/process/ancestors.h"
#include "plugin/model/container.h"

namespace pinscope::daemon {
namespace {

// The container's process, the runtime that made it, the watcher.
constexpr int kMaxAncestors = 4;

std::string working_directory(pid_t pid) {
  std::array<char, 4096> path{};
  const std::string link = "/proc/" + std::to_string(pid) + "/cwd";
  const ssize_t length = ::readlink(link.c_str(), path.data(), path.size());
  if (length <= 0 || static_cast<size_t>(length) == path.size()) return "";
  return {path.data(), static_cast<size_t>(length)};
}

bool is_bundle(const std::string& directory) {
  return open_trusted_file(join(directory, "config.json"), ErrorCode::kConfigInvalid).has_value();
}

std::optional<std::string> bundle_beside(const std::string& directory, const std::string& id) {
  if (!parse_absolute(directory)) return std::nullopt;
  const std::string above(parent_of(directory));
  const std::string beside = join(above, id);
  if (is_bundle(beside)) return beside;
  if (base_name(directory) == "userdata" && base_name(above) == id && is_bundle(directory))
    return directory;
  return std::nullopt;
}

}  // namespace

Result<std::string> find_bundle(pid_t pid, const std::string& container_id) {
  const auto cannot = [&](const char* why) {
    return std::unexpected(
        Error(ErrorCode::kStateInvalid, "find the bundle of container " + quoted(container_id))
            .reason(why)
            .hint("its process is " + std::to_string(pid)));
  };
  // The id becomes part of a path.
  if (!model::is_container_id(container_id)) return cannot("this is no container's id");
  if (pid <= 1) return cannot("the engine told no process");
  std::optional<pid_t> ancestor = kernel::parent_of_process(pid);
  for (int i = 0; ancestor && i < kMaxAncestors; ++i) {
    if (auto bundle = bundle_beside(working_directory(*ancestor), container_id)) return *bundle;
    ancestor = kernel::parent_of_process(*ancestor);
  }
  return cannot("no process above the container's works in a bundle");
}

}  // namespace pinscope::daemon
