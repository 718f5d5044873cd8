// The compiled policy set: what the hook reads in front of every container start. Made from
// policies that were accepted as a whole, a FlatBuffers file whose verification costs only what is
// read. docs/adr/0002-compiled-policy-set.md says why it looks like this.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "plugin/base/result.h"
#include "plugin/model/container.h"
#include "plugin/model/policy.h"
#include "plugin/policy/files.h"

namespace pinscope::policy {

// What a set was made from.
struct Origin {
  std::string path;              // that the policies were read from
  uint64_t read_at_ns = 0;       // CLOCK_REALTIME before the first file was read
  std::string boot;              // boot_id() then
  std::vector<FileStamp> files;  // first that of `path`, under an empty name
  uint64_t born_ns = 0;          // when `path` was made; 0: its file system does not say

  bool operator==(const Origin&) const = default;
};

// The bytes of a compiled set.
std::string compile(const std::vector<model::Policy>& policies, const Origin& origin);

// The note that these files were refused, in the same format: a set without policies.
std::string compile_refusal(const std::string& first_error, const Origin& origin);

// A view of compiled bytes, which must outlive it and be 8-byte aligned, as memory maps and
// allocations are. Untrusted bytes give an error, never a crash.
class CompiledSet {
 public:
  // Takes the same time for a set of any size. kPolicyUnavailable: damaged, or of another version.
  static Result<CompiledSet> open(std::span<const std::byte> bytes);

  [[nodiscard]] size_t policy_count() const;
  [[nodiscard]] std::string_view source_path() const;
  [[nodiscard]] uint64_t compiled_at_ns() const;
  // The first error, if this is the note of a refused edit.
  [[nodiscard]] std::optional<std::string_view> refusal() const;
  [[nodiscard]] Result<Origin> origin() const;
  // A superset of the policies that select the container, in the order of the files, found through
  // an index: the rest of a large set is not even read.
  [[nodiscard]] Result<std::vector<model::Policy>> candidates(const model::Container&) const;
  [[nodiscard]] Result<std::vector<model::Policy>> all() const;

 private:
  explicit CompiledSet(std::span<const std::byte> bytes) : bytes_(bytes) {}
  // `positions`: sorted, without duplicates.
  [[nodiscard]] Result<std::vector<model::Policy>> read(
      const std::vector<uint32_t>& positions) const;

  std::span<const std::byte> bytes_;
};

}  // namespace pinscope::policy
