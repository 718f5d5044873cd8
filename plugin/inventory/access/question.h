// What people ask by a few words, and the look at the machine that it takes: no more than the
// question needs.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <string>
#include <vector>

#include "plugin/base/result.h"
#include "plugin/inventory/access/access.h"
#include "plugin/inventory/machine/inventory.h"

namespace pinscope::inventory {

// Somebody who is asked about: a container with or without a record, or a process.
struct Whom {
  std::string id;         // of the container; empty for a process
  std::string title;      // for a sentence; one line
  std::string bundle;     // absolute; may be empty
  pid_t pid = 0;          // of its first process
  uint64_t space = 0;     // the number of its mount namespace
  std::string name = {};  // the engine's; empty where nobody said one
  model::Engine engine = model::Engine::kUnknown;
};

// By an id, the beginning of one, an engine's name, or the number of a process, which a number is
// that is no whole id. Engines are asked
// only where neither a record nor a runtime has the word for an id. kRecord: none or several;
// kProcessGone: it does not run; kHostNamespace: it has the mount namespace of the host.
Result<Whom> find_whom(const std::string& word, const std::string& state_directory);

// The object that a word means: "map:12", "prog:7", "link:3", "12"; the path of a pin on the host;
// CONTAINER:NAME, a pin of a container by its path or what is left of it behind the view's, or a
// map by the directory of its values; or the name of an object, or of a pin of the host.
// kSourceMissing: none, or several, which the error names.
Result<model::ObjectIdentity> find_wanted(const std::string& word,
                                          const std::string& state_directory);

// "map:12", as find_wanted() takes it.
std::string word_of(const model::ObjectIdentity& object);

// The look. Judged, with `object` in machine.objects.
struct Answered : Judged {
  std::vector<Party> parties;
  size_t object = 0;
  kernel::MapLimits limits;
};
// For everybody.
Result<Answered> look_for_all(const model::ObjectIdentity& object,
                              const std::string& state_directory);
// For one: `parties` has that one alone.
Result<Answered> look_for_one(const model::ObjectIdentity& object, const Whom& whom,
                              const std::string& state_directory);

}  // namespace pinscope::inventory
