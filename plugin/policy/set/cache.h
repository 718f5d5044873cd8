// The files that the compiled sets are kept in: their names, and how to open one that somebody else
// may have touched. Used by store.cc and install.cc.
#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "plugin/base/result.h"
#include "plugin/policy/set/compiled.h"
#include "plugin/policy/set/stamps.h"

namespace pinscope::policy {

// The path without doubled slashes, "." components and a slash at its end, none of which change
// where it leads. Links and ".." stay, because where they lead may change.
std::string one_spelling(std::string_view policy_path);

// An error if the file system of the cache directory is read-only.
Status check_writable(const std::string& cache_directory);

// "policy-0123456789abcdef" and a suffix: one for each path that policies are read from,
// however it is spelled.
std::string cache_name(const std::string& policy_path, const char* suffix);
inline constexpr const char* kSetSuffix = ".set";            // in force
inline constexpr const char* kRejectedSuffix = ".rejected";  // the newest edit, if it was refused
inline constexpr const char* kLockSuffix = ".lock";          // held while one installs
inline constexpr const char* kRefreshSuffix = ".refresh";    // held by the hook that has it done

// A set in a file that root alone may write, mapped into memory.
class CachedSet {
 public:
  // Nothing if there is no such file, or it is that of another path whose hash is the same.
  // kPolicyUntrusted: others may write it. kPolicyUnavailable: it cannot be read.
  static Result<std::optional<CachedSet>> open(const std::string& directory,
                                               const std::string& policy_path, const char* suffix);

  CachedSet(CachedSet&& other) noexcept
      : bytes_(std::exchange(other.bytes_, {})), set_(other.set_) {}
  CachedSet& operator=(CachedSet&& other) noexcept {
    std::swap(bytes_, other.bytes_);
    std::swap(set_, other.set_);
    return *this;
  }
  ~CachedSet();

  [[nodiscard]] const CompiledSet& set() const { return set_; }
  // Whether the policy files are still those that this was made from.
  [[nodiscard]] bool is_current(const std::string& policy_path, Racy racy) const;
  // Whether the set holds exactly these policies, byte by byte. They are in the order of
  // load_path().
  [[nodiscard]] bool holds(const std::vector<model::Policy>& policies) const;

 private:
  CachedSet(std::span<const std::byte> bytes, CompiledSet set) : bytes_(bytes), set_(set) {}

  std::span<const std::byte> bytes_;
  CompiledSet set_;
};

}  // namespace pinscope::policy
