// The compiled policy set: what the hook reads in front of every container start. Made from
// policies that were accepted as a whole, a FlatBuffers file whose verification costs only what is
// read. docs/adr says why it looks like this.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "plugin/base/result.h"
#include "plugin/model/container.h"
#include "plugin/model/policy.h"
#include "plugin/policy/yaml.h"

namespace pinscope::policy {

// The bytes of a compiled set. `compiled_at_ns`: CLOCK_REALTIME before the first file was read.
std::string compile(const std::vector<model::Policy>& policies, const std::vector<FileStamp>& files,
                    const std::string& source_path, uint64_t compiled_at_ns);

// A view of compiled bytes, which must outlive it. Untrusted bytes give an error, never a crash.
class CompiledSet {
 public:
  static Result<CompiledSet> open(std::span<const std::byte> bytes);

  [[nodiscard]] size_t policy_count() const;
  [[nodiscard]] Result<std::vector<FileStamp>> files() const;
  [[nodiscard]] uint64_t compiled_at_ns() const;
  // A superset of the policies that select the container, found through an index: the rest of a
  // large set is not even read.
  [[nodiscard]] Result<std::vector<model::Policy>> candidates(const model::Container&) const;
  [[nodiscard]] Result<std::vector<model::Policy>> all() const;

 private:
  explicit CompiledSet(std::span<const std::byte> bytes) : bytes_(bytes) {}
  std::span<const std::byte> bytes_;
};

}  // namespace pinscope::policy
