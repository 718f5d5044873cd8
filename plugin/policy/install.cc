#include "plugin/policy/install.h"

#include <fcntl.h>
#include <sys/file.h>

#include <algorithm>
#include <cerrno>
#include <ctime>

#include "plugin/base/clock.h"
#include "plugin/base/file.h"
#include "plugin/base/text.h"
#include "plugin/policy/cache.h"
#include "plugin/policy/compiled.h"

namespace pinscope::policy {
namespace {

// An editor that saves all the time must not keep us waiting.
constexpr int kMostPauses = 5;

// The stamps of files that were left alone for a moment, so that the set made from them need not be
// doubted (see kRacyNs) and made again at the next container start.
Result<std::vector<FileStamp>> take_settled_stamps(const std::string& policy_path,
                                                   uint64_t& taken_at_ns) {
  for (int pauses = 0;; ++pauses) {
    taken_at_ns = wall_clock_ns();
    PINSCOPE_TRY(auto stamps, take_stamps(policy_path));
    uint64_t newest = 0;
    for (const auto& stamp : stamps) newest = std::max(newest, stamp.ctime_ns);
    // A time in the future means that the clock was set back: waiting is of no use.
    const bool racy = newest <= taken_at_ns && newest + kRacyNs >= taken_at_ns;
    if (!racy || pauses == kMostPauses) return stamps;
    const uint64_t pause = newest + kRacyNs + 1 - taken_at_ns;
    const timespec duration = {0, static_cast<long>(pause)};
    ::nanosleep(&duration, nullptr);
  }
}

std::string first_error(const std::vector<Diagnostic>& diagnostics) {
  const auto is_error = [](const Diagnostic& diagnostic) {
    return diagnostic.severity == Diagnostic::Severity::kError;
  };
  const auto first = std::ranges::find_if(diagnostics, is_error);
  if (first == diagnostics.end()) return "";
  Diagnostic shown = *first;
  shown.snippet.clear();
  std::string text = to_string(shown);
  while (text.ends_with('\n')) text.pop_back();
  const auto more = std::ranges::count_if(diagnostics, is_error) - 1;
  if (more > 0) text += " (and " + std::to_string(more) + " more)";
  return one_line(text);
}

}  // namespace

Result<Loaded> install(const std::string& policy_path, const std::string& cache_directory) {
  PINSCOPE_TRY(const Fd directory, make_directory(cache_directory, 0755));
  PINSCOPE_TRY(const Fd lock, open_at(directory.get(), cache_name(policy_path, kLockSuffix),
                                      O_RDWR | O_CREAT | O_NOFOLLOW, 0600));
  while (::flock(lock.get(), LOCK_EX) != 0)
    if (errno != EINTR)
      return std::unexpected(Error::system("lock " + quoted(cache_directory), errno));

  uint64_t taken_at_ns = 0;
  PINSCOPE_TRY(const auto stamps, take_settled_stamps(policy_path, taken_at_ns));
  Loaded loaded = load_path(policy_path);
  const std::string rejected = cache_name(policy_path, kRejectedSuffix);
  if (!loaded.ok()) {
    PINSCOPE_CHECK(write_atomically(
        directory.get(), rejected,
        compile_refusal(first_error(loaded.diagnostics), stamps, policy_path, taken_at_ns), 0644));
    return loaded;
  }
  PINSCOPE_CHECK(write_atomically(directory.get(), cache_name(policy_path, kSetSuffix),
                                  compile(loaded.policies, stamps, policy_path, taken_at_ns), 0644,
                                  true));
  // The rename must be on the disk as well; a file system that cannot do that says EINVAL.
  if (::fsync(directory.get()) != 0 && errno != EINVAL)
    return std::unexpected(Error::system("sync " + quoted(cache_directory), errno));
  if (::unlinkat(directory.get(), rejected.c_str(), 0) != 0 && errno != ENOENT)
    return std::unexpected(Error::system("remove " + quoted(rejected), errno));
  return loaded;
}

}  // namespace pinscope::policy
