// What the server of values is told of one container: which maps are shown, under which names, to
// whom and how. The hook writes it, as JSON, into the description that goes with the descriptors of
// a lease; the server reads it. All ids are the host's.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "plugin/base/result.h"
#include "plugin/model/values.h"

namespace pinscope::model {

// One map, as a directory `name` that belongs to `uid`:`gid`.
struct LeasedMap {
  std::string name;  // "a/b" allowed: "a" is a directory as well
  uint32_t uid = 0;
  uint32_t gid = 0;
  uint32_t mode = 0;  // of its files: 0440; directories have x where files have r
  Values values;
  // Positions among the descriptors of the lease, from 0: of the map, opened for reading only, and
  // of its BTF, if it has one that could be opened. Several maps may have one BTF.
  uint32_t map = 0;
  std::optional<uint32_t> btf;
  friend bool operator==(const LeasedMap&, const LeasedMap&) = default;
};

struct ValuesLease {
  std::string container;  // its id
  std::string secret;     // of this lease alone: 32 random bytes, as 64 hexadecimal digits
  std::vector<LeasedMap> maps;
  friend bool operator==(const ValuesLease&, const ValuesLease&) = default;
};

std::string to_json(const ValuesLease& lease);
// Refuses another format, a word that is not known, a secret of another length, an empty name, one
// that appears twice, and positions that are not below `descriptors`. kRecord.
Result<ValuesLease> values_lease_from_json(std::string json, size_t descriptors);

}  // namespace pinscope::model
