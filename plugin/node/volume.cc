#include "plugin/node/volume.h"

#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <ctime>

#include "plugin/base/text.h"
#include "plugin/host/file.h"
#include "plugin/kernel/sys.h"
#include "plugin/policy/files.h"
#include "plugin/policy/set/stamps.h"

namespace pinscope::node {
namespace {

using Texts = std::vector<policy::Text>;

constexpr const char* kData = "..data";
// The API server's limit for a ConfigMap is 1 MiB.
constexpr size_t kMaxBytes = size_t{4} << 20;
constexpr size_t kMaxFiles = 1024;
// A directory that changes while it is read is read again, after a pause.
constexpr int kMaxAttempts = 50;
constexpr timespec kPause = {0, 10'000'000};

Result<struct stat> stat_of(int directory, const std::string& name) {
  struct stat status {};
  if (::fstatat(directory, name.c_str(), &status, 0) != 0)
    return std::unexpected(Error::system("stat " + quoted(name), errno));
  return status;
}

bool unchanged(const struct stat& before, const struct stat& after) {
  return before.st_dev == after.st_dev &&
         policy::stamp_of("", before) == policy::stamp_of("", after);
}

Result<std::string> read_file(int directory, const std::string& name, size_t limit,
                              struct stat& status) {
  PINSCOPE_TRY(const Fd file, open_at(directory, name, O_RDONLY | O_NONBLOCK | O_NOFOLLOW));
  if (::fstat(file.get(), &status) != 0)
    return std::unexpected(Error::system("stat " + quoted(name), errno));
  if (!S_ISREG(status.st_mode))
    return std::unexpected(Error(ErrorCode::kPolicyInvalid, "read " + quoted(name))
                               .reason("it is not a regular file"));
  return read_all(file.get(), limit, name);
}

struct Version {
  bool holds_files = false;  // policies or others
  Texts texts;
};

// One look at a directory; nothing if it changed meanwhile.
Result<std::optional<Version>> read_once(int directory) {
  PINSCOPE_TRY(const auto before, stat_of(directory, "."));
  PINSCOPE_TRY(auto names, names_in(directory, kData));
  Version version;
  version.holds_files = !names.empty();
  std::erase_if(names, [](const std::string& name) { return !policy::is_policy_file(name); });
  if (names.size() > kMaxFiles)
    return std::unexpected(Error(ErrorCode::kPolicyInvalid, "read the policies")
                               .reason("there are more than " + std::to_string(kMaxFiles)));
  Texts& texts = version.texts;
  std::vector<struct stat> stats;
  size_t left = kMaxBytes;
  for (auto& name : names) {
    struct stat status {};
    auto text = read_file(directory, name, left, status);
    if (!text && text.error().errnum() == ENOENT) return std::nullopt;
    if (!text) return std::unexpected(std::move(text).error());
    left -= text->size();
    stats.push_back(status);
    texts.push_back({std::move(name), *std::move(text)});
  }
  for (size_t i = 0; i < texts.size(); ++i) {
    const auto after = stat_of(directory, texts[i].file);
    if (!after || !unchanged(stats[i], *after)) return std::nullopt;
  }
  const auto after = stat_of(directory, ".");
  if (!after || !unchanged(before, *after)) return std::nullopt;
  return version;
}

// Before its first version a volume is empty, or holds the directory of it without the link.
Result<bool> has_no_version(int directory) {
  PINSCOPE_TRY(const auto names, names_in(directory, kData));
  return names.empty() ||
         std::ranges::any_of(names, [](const std::string& name) { return name.starts_with(".."); });
}

}  // namespace

Result<Volume> Volume::open(const std::string& path) {
  PINSCOPE_TRY(Fd directory, open_at(AT_FDCWD, path, O_RDONLY | O_DIRECTORY));
  return Volume(path, std::move(directory));
}

Result<std::optional<Texts>> Volume::read() const {
  for (int attempt = 0; attempt < kMaxAttempts; ++attempt) {
    if (attempt > 0) ::nanosleep(&kPause, nullptr);
    // The kubelet's link names a directory beside it; one that leads elsewhere is not the
    // kubelet's.
    auto data = kernel::open_resolved(directory_.get(), kData, O_RDONLY | O_DIRECTORY,
                                      RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS);
    if (!data && data.error().errnum() == EXDEV)
      return std::unexpected(Error(ErrorCode::kPolicyInvalid, "read " + quoted(path_))
                                 .reason(quoted(kData) + " leads out of it"));
    if (!data && data.error().errnum() != ENOENT)
      return std::unexpected(
          Error::system("open " + quoted(kData) + " in " + quoted(path_), data.error().errnum()));
    if (!data) {
      PINSCOPE_TRY(const bool none, has_no_version(directory_.get()));
      if (none) return std::nullopt;
    }
    PINSCOPE_TRY(auto version, read_once(data ? data->get() : directory_.get()));
    if (!version) continue;
    if (!data) return std::move(version->texts);
    // The version may have been replaced while it was read, and its directory emptied.
    const auto now = stat_of(directory_.get(), kData);
    struct stat then {};
    if (now && ::fstat(data->get(), &then) == 0 && is_same_file(*now, then)) {
      if (!version->holds_files) return std::nullopt;
      return std::move(version->texts);
    }
  }
  return std::unexpected(Error(ErrorCode::kPolicyUnavailable, "read " + quoted(path_))
                             .reason("it does not stop changing"));
}

}  // namespace pinscope::node
