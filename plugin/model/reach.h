// How far the programs of a container reach: what it can get a descriptor of although it is not its
// own, and where programs attach. Found by kernel/, predicted from config.json by the pipeline,
// judged by policy/reach.h.
#pragma once

#include <cstdint>
#include <string>

#include "plugin/model/decision.h"

namespace pinscope::model {

// What a container with such a program has to have of its own, so that it cannot attach it to
// something of the host's.
enum class Scope {
  kSocket,   // attaches to sockets that it has
  kNetwork,  // to a network interface or to its network namespace as a whole
  kCgroup,   // to a cgroup
};

// One way out of the container for programs of one scope.
struct WayOut {
  Scope scope = Scope::kNetwork;
  std::string what;    // "it shares the host's net namespace"
  std::string reach;   // "the host's interfaces": what a program attaches to there
  std::string remedy;  // "give the container one of its own"
  friend bool operator==(const WayOut&, const WayOut&) = default;
};

// Whether the container gets any program, granted or its own: only then it matters how far it
// reaches.
bool has_programs(const Decision& decision);

}  // namespace pinscope::model
