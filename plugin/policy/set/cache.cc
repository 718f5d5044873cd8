#include "plugin/policy/set/cache.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>

#include "plugin/base/path.h"
#include "plugin/base/text.h"
#include "plugin/host/file.h"
#include "plugin/host/trust.h"

namespace pinscope::policy {
namespace {

// FlatBuffers count in 31 bits.
constexpr off_t kLargestSet = 0x7fffffff;

class MappedFile {
 public:
  MappedFile(void* address, size_t size) : address_(address), size_(size) {}
  MappedFile(const MappedFile&) = delete;
  MappedFile& operator=(const MappedFile&) = delete;
  ~MappedFile() {
    if (address_ != nullptr) ::munmap(address_, size_);
  }
  [[nodiscard]] std::span<const std::byte> bytes() const {
    return {static_cast<const std::byte*>(address_), size_};
  }
  void release() { address_ = nullptr; }

 private:
  void* address_;
  size_t size_;
};

}  // namespace

std::string one_spelling(std::string_view policy_path) {
  std::string path(policy_path.starts_with('/') ? "/" : "");
  for (const auto component : split(policy_path, '/')) {
    if (component.empty() || component == ".") continue;
    if (!path.empty() && !path.ends_with('/')) path += '/';
    path += component;
  }
  return path.empty() ? std::string(policy_path) : path;
}

// access(2) tells root of the file system. A directory that is not there yet will be made below
// the nearest that is.
Status check_writable(const std::string& cache_directory) {
  std::string path = cache_directory;
  while (::access(path.c_str(), W_OK) != 0) {
    if (errno == EROFS)
      return std::unexpected(Error::system("write in " + quoted(cache_directory), EROFS,
                                           ErrorCode::kPolicyUnavailable));
    if (errno != ENOENT || path == parent_of(path)) return {};
    path = parent_of(path);
  }
  return {};
}

std::string cache_name(const std::string& policy_path, const char* suffix) {
  char hash[17];
  std::snprintf(hash, sizeof hash, "%016llx",
                static_cast<unsigned long long>(fnv1a64(one_spelling(policy_path))));
  return std::string("policy-") + hash + suffix;
}

Result<std::optional<CachedSet>> CachedSet::open(const std::string& directory,
                                                 const std::string& policy_path,
                                                 const char* suffix) {
  const std::string path = join(directory, cache_name(policy_path, suffix));
  const auto file = open_at(AT_FDCWD, path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
  if (!file) {
    if (file.error().errnum() == ENOENT || file.error().errnum() == ENOTDIR)
      return std::optional<CachedSet>();
    return std::unexpected(Error(file.error()).with_code(ErrorCode::kPolicyUnavailable));
  }
  struct stat status {};
  if (::fstat(file->get(), &status) != 0)
    return std::unexpected(
        Error::system("stat " + quoted(path), errno, ErrorCode::kPolicyUnavailable));
  PINSCOPE_CHECK(check_trusted(status, path, TrustRule(ErrorCode::kPolicyUntrusted)));
  if (!S_ISREG(status.st_mode) || status.st_size <= 0 || status.st_size > kLargestSet)
    return std::unexpected(Error(ErrorCode::kPolicyUnavailable, "read " + quoted(path))
                               .reason("it is not a compiled policy set"));
  const auto size = static_cast<size_t>(status.st_size);
  void* address = ::mmap(nullptr, size, PROT_READ, MAP_PRIVATE, file->get(), 0);
  if (address == MAP_FAILED)
    return std::unexpected(
        Error::system("map " + quoted(path), errno, ErrorCode::kPolicyUnavailable));
  MappedFile mapped(address, size);
  PINSCOPE_TRY(const CompiledSet set, CompiledSet::open(mapped.bytes()));
  if (set.source_path() != one_spelling(policy_path)) return std::optional<CachedSet>();
  mapped.release();
  return CachedSet({static_cast<const std::byte*>(address), size}, set);
}

CachedSet::~CachedSet() {
  if (!bytes_.empty()) ::munmap(const_cast<std::byte*>(bytes_.data()), bytes_.size());
}

bool CachedSet::is_current(const std::string& policy_path, Racy racy) const {
  const auto origin = set_.origin();
  return origin && origin->path == one_spelling(policy_path) && unchanged(*origin, racy);
}

bool CachedSet::holds(const std::vector<model::Policy>& policies) const {
  const auto origin = set_.origin();
  if (!origin) return false;
  const std::string expected = compile(policies, *origin);
  return std::ranges::equal(std::as_bytes(std::span(expected)), bytes_);
}

}  // namespace pinscope::policy
