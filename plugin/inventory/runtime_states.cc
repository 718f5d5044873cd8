#include "plugin/inventory/runtime_states.h"

#include <fcntl.h>

#include <array>
#include <cerrno>
#include <optional>
#include <utility>

#include "plugin/base/text.h"
#include "plugin/host/file.h"
#include "plugin/json/json.h"
#include "plugin/kernel/process/process.h"

namespace pinscope::inventory {
namespace {

using model::Engine;

constexpr size_t kMaxBytes = size_t{16} << 20;  // of a state: runc's has the configuration in it
constexpr int kDirectory = O_RDONLY | O_DIRECTORY | O_NOFOLLOW;
// runc and youki; crun.
constexpr std::array kStateFiles = {"state.json", "status"};
constexpr const char* kDockersNamespace = "moby";

struct Place {
  const char* path;
  int depth;  // of the directories that have containers, below it
  Engine engine;
};
// The roots that runtimes are given: by nobody; by containerd, one for each of its namespaces; by
// dockerd, one for each of its runtimes and namespaces.
constexpr std::array kPlaces = {
    Place{"/run/runc", 0, Engine::kUnknown},  Place{"/run/crun", 0, Engine::kUnknown},
    Place{"/run/youki", 0, Engine::kUnknown}, Place{"/run/containerd/runc", 1, Engine::kContainerd},
    Place{"/run/docker", 2, Engine::kDocker},
};
// Of what is in /run/docker.
constexpr std::string_view kDockersRuntimes = "runtime-";

Result<std::optional<Fd>> open_state(int directory, const std::string& path) {
  for (const char* name : kStateFiles) {
    auto file = open_at(directory, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
    if (file) return std::optional<Fd>(*std::move(file));
    if (file.error().errnum() != ENOENT)
      return std::unexpected(
          Error::system("open " + quoted(path + "/" + name), file.error().errnum()));
  }
  return std::nullopt;
}

// runc: libcontainer/container_linux.go, State. crun: src/libcrun/status.c. Both may tell none.
uint64_t number_in(const JsonView& root, const char* of_runc, const char* of_crun) {
  const uint64_t number = root.unsigned_or(of_runc, 0).value_or(0);
  return number != 0 ? number : root.unsigned_or(of_crun, 0).value_or(0);
}

Result<std::string> bundle_of(const JsonView& root) {
  constexpr std::string_view kLabel = "bundle=";
  PINSCOPE_TRY(std::string bundle, root.string_or("bundle", ""));
  PINSCOPE_TRY(const auto config, root.find("config"));
  if (bundle.empty() && config) {
    PINSCOPE_TRY(const auto found, config->find("labels"));
    PINSCOPE_TRY(const auto labels, found ? found->elements()
                                          : Result<std::vector<JsonView>>(std::vector<JsonView>{}));
    for (const auto& label : labels) {
      PINSCOPE_TRY(const auto text, label.as_string());
      if (text.starts_with(kLabel)) bundle = text.substr(kLabel.size());
    }
  }
  if (!bundle.starts_with('/'))
    return std::unexpected(root.make_error("the bundle is not an absolute path"));
  return bundle;
}

Result<JsonDocument> parse_state(std::string json, const std::string& name) {
  return JsonDocument::parse(std::move(json), quoted(name), ErrorCode::kSystem);
}

// Nothing if that is no container's directory, or it has gone meanwhile.
Result<std::optional<RuntimeState>> state_in(int parent, const std::string& id,
                                             const std::string& path, Engine engine) {
  const auto directory = open_at(parent, id, kDirectory);
  if (!directory) return std::nullopt;
  PINSCOPE_TRY(const auto file, open_state(directory->get(), path));
  if (!file) return std::nullopt;
  PINSCOPE_TRY(auto text, read_all(file->get(), kMaxBytes, path));
  PINSCOPE_TRY(const auto document, parse_state(std::move(text), path));
  const JsonView root = document.root();
  PINSCOPE_TRY(auto bundle, bundle_of(root));
  return std::optional<RuntimeState>(
      {.id = id,
       .bundle = std::move(bundle),
       .directory = path,
       .pid = static_cast<pid_t>(number_in(root, "init_process_pid", "pid")),
       .start_time = number_in(root, "init_process_start", "process-start-time"),
       .engine = engine});
}

class Walk {
 public:
  Walk(std::string_view prefix, RuntimeStates& result) : prefix_(prefix), result_(result) {}

  void enter(const std::string& path, int depth, Engine engine) {
    const auto directory = open_at(AT_FDCWD, path, kDirectory);
    if (!directory) {
      const int error = directory.error().errnum();
      if (error != ENOENT && error != ENOTDIR) result_.unreadable.push_back(directory.error());
      return;
    }
    const auto names = names_in(directory->get(), path);
    if (!names) return result_.unreadable.push_back(names.error());
    if (depth == 0) result_.looked_in.push_back(path);
    for (const auto& name : *names) {
      const std::string below = path + "/" + name;
      if (depth == 0) {
        take(directory->get(), name, below, engine);
      } else if (depth == 1) {
        enter(below, 0, name == kDockersNamespace ? Engine::kDocker : engine);
      } else if (name.starts_with(kDockersRuntimes)) {
        enter(below, depth - 1, engine);
      }
    }
  }

 private:
  void take(int parent, const std::string& id, const std::string& path, Engine engine) {
    if (!id.starts_with(prefix_) || !model::is_container_id(id)) return;
    auto state = state_in(parent, id, path, engine);
    if (!state) return result_.unreadable.push_back(std::move(state).error());
    if (*state) result_.states.push_back(**std::move(state));
  }

  std::string_view prefix_;
  RuntimeStates& result_;
};

}  // namespace

RuntimeStates runtime_states(std::string_view prefix, const std::string& root) {
  RuntimeStates result;
  Walk walk(prefix, result);
  for (const Place& place : kPlaces) walk.enter(root + place.path, place.depth, place.engine);
  return result;
}

std::vector<RuntimeState> still_running(std::vector<RuntimeState> states) {
  std::erase_if(states, [](RuntimeState& state) {
    const uint64_t start_time = state.pid > 0 ? kernel::process_start_time(state.pid) : 0;
    const bool is_another = state.start_time != 0 && state.start_time != start_time;
    state.start_time = start_time;
    return start_time == 0 || is_another;
  });
  return states;
}

Result<std::string> bundle_of_state(std::string json, const std::string& name) {
  PINSCOPE_TRY(const auto document, parse_state(std::move(json), name));
  return bundle_of(document.root());
}

}  // namespace pinscope::inventory
