// Which container somebody means by a word: an id, the beginning of one, or the name that an engine
// has given. It is looked for in the records of Pinscope, in the directories of the runtimes, and
// by asking the engines, so that the container need not have a view, nor run.
#pragma once

#include <string>
#include <vector>

#include "plugin/base/result.h"
#include "plugin/model/container.h"

namespace pinscope::inventory {

struct FoundContainer {
  std::string id;
  std::string bundle;  // absolute; empty where it has none now
  model::Engine engine = model::Engine::kUnknown;
  std::string name;   // the engine's; empty where nobody said one
  std::string state;  // the engine's word for it; empty likewise
  std::string where;  // what says so: "the record in /run/pinscope", "/run/runc/web-1", "podman"
};

struct Search {
  std::string word;
  std::string state_directory = {};
  std::vector<FoundContainer> found;
  std::vector<std::string> looked_in;  // directories, and programs that were asked
  std::vector<Error> failed;           // places that could not be read, engines without an answer
};

// Everything that `word` may mean. An id is meant by nothing else than it; a name and the beginning
// of an id have the same right, because whoever starts a container chooses its name, and must not
// take the place of another by it. Engines are asked only where an id does not settle it.
Search search_container(const std::string& word, const std::string& state_directory);

// Those that have the word for their id, without asking an engine.
std::vector<FoundContainer> containers_with_id(const std::string& id,
                                               const std::string& state_directory);

// The only one. kRecord: none, several, or nowhere to look without root; the error says where was
// looked, lists them, and names one that is called nearly so. `takes_bundle`: the command has
// --bundle.
Result<FoundContainer> only_one(Search search, bool takes_bundle = true);

// The id of the only one, for commands that choose by it: containers of several engines with one id
// count as one. Errors as above.
Result<std::string> find_container_id(const std::string& word, const std::string& state_directory);

// "web (podman, 3f2a1b0c9d8e)": what a container is called in a sentence.
std::string title_of(const FoundContainer& container);

}  // namespace pinscope::inventory
