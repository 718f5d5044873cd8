#include "plugin/oci/state.h"

#include <limits>

#include "plugin/json/json.h"
#include "plugin/model/container.h"

namespace pinscope::oci {
namespace {

Result<std::string> read_id(const JsonView& root) {
  PINSCOPE_TRY(const auto found, root.find("id"));
  if (!found) return std::unexpected(root.make_error("the id is missing"));
  PINSCOPE_TRY(const auto id, found->as_string());
  if (!model::is_container_id(id))
    return std::unexpected(
        found->make_error("not an id of a container")
            .hint("1 to " + std::to_string(model::kLongestId) +
                  " bytes without a slash or a control character, not \".\" or \"..\""));
  return std::string(id);
}

Result<pid_t> read_pid(const JsonView& root) {
  PINSCOPE_TRY(const auto found, root.find("pid"));
  if (!found) return 0;
  PINSCOPE_TRY(const uint64_t pid, found->as_unsigned());
  if (pid > static_cast<uint64_t>(std::numeric_limits<pid_t>::max()))
    return std::unexpected(found->make_error("too large for a process id"));
  return static_cast<pid_t>(pid);
}

}  // namespace

Result<State> parse_state(std::string json) {
  PINSCOPE_TRY(const auto document, JsonDocument::parse(std::move(json), "the container's state",
                                                        ErrorCode::kStateInvalid));
  const JsonView root = document.root();
  State state;
  PINSCOPE_TRY(state.id, read_id(root));
  PINSCOPE_TRY(state.pid, read_pid(root));
  PINSCOPE_TRY(state.bundle, root.string_or("bundle", ""));
  if (!state.bundle.starts_with('/'))
    return std::unexpected(root.make_error("the bundle is not an absolute path"));
  return state;
}

}  // namespace pinscope::oci
