// How far the programs of a container reach: what it can get a descriptor of although it is not its
// own, and where programs attach. Found by kernel/, predicted from config.json by the pipeline,
// judged by policy/reach.h.
#pragma once

#include <cstdint>
#include <string>

#include "plugin/model/decision.h"
#include "plugin/model/token_rights.h"

namespace pinscope::model {

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
