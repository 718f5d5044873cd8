// What the engines of this machine say of their containers, asked by the engines' own commands: an
// engine knows names, a runtime only ids. Only those that are installed in the usual directories
// are asked, each for a bounded time and a bounded answer, which is not believed to be one: a
// service that somebody else runs, or a container's owner, may have written any part of it.
#pragma once

#include <string>
#include <vector>

#include "plugin/base/result.h"
#include "plugin/model/container.h"

namespace pinscope::engine {

struct KnownContainer {
  model::Engine engine = model::Engine::kUnknown;  // kUnknown: the CRI's, so containerd or CRI-O
  std::string id = {};                             // a model::is_container_id
  std::string name = {};
  std::string state = {};   // the engine's word; may be empty
  std::string bundle = {};  // absolute; empty where the engine does not say it
};

struct Answers {
  std::vector<KnownContainer> containers;
  std::vector<std::string> asked;  // "podman": what is installed
  std::vector<Error> failed;       // one for each that gave no answer that could be read
};

// The containers that have this name, or an id that begins with it; of each engine at most one, but
// of the CRI's, where containers of several pods may have one name.
Answers containers_called(const std::string& name);

// The running containers, with id and name alone: one question for each engine.
Answers running_containers();

// What `podman container inspect` and `docker container inspect` print, and `crictl ps --output
// json`. kSystem: it is something else.
Result<std::vector<KnownContainer>> read_inspect(std::string json, model::Engine engine);
Result<std::vector<KnownContainer>> read_cri(std::string json);
// Lines of "ID NAME".
Result<std::vector<KnownContainer>> read_names(std::string_view text, model::Engine engine);

}  // namespace pinscope::engine
