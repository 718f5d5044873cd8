// Which sources the view of a container that runs follows, by its record alone. Pure; for whoever
// watches the sources.
#pragma once

#include <optional>
#include <vector>

#include "plugin/model/object.h"
#include "plugin/model/record.h"

namespace pinscope {

struct FollowedSource {
  model::Pattern source;  // absolute path on the host, or a glob
  // What it named when the view was made, whatever it names now; nothing if there was none, it was
  // denied, or this is a glob, whose matches stand for themselves.
  std::optional<model::ObjectIdentity> object = {};
  bool waits = false;  // the view waits for it (`missing: wait`)
  friend bool operator==(const FollowedSource&, const FollowedSource&) = default;
};

// Each source and each glob once, in their order. Empty for a record that is not applied yet: what
// it will have is not known.
std::vector<FollowedSource> followed_by(const model::Record& record);

}  // namespace pinscope
