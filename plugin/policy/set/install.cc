#include "plugin/policy/set/install.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <ctime>
#include <optional>
#include <thread>

#include "plugin/base/clock.h"
#include "plugin/base/text.h"
#include "plugin/host/file.h"
#include "plugin/policy/set/cache.h"
#include "plugin/policy/set/compiled.h"
#include "plugin/policy/set/stamps.h"

namespace pinscope::policy {
namespace {

// An editor that saves all the time must not keep us waiting.
constexpr int kMaxPauses = 5;

// Waits until the files were left alone for a moment, so that the set made from them need not be
// doubted (see kRacyNs) and made again at the next container start.
Origin begin_reading(const std::string& policy_path) {
  Origin origin{one_spelling(policy_path), 0, boot_id(), {}, 0};
  for (int pauses = 0;; ++pauses) {
    origin.read_at_ns = wall_clock_ns();
    origin.born_ns = birth_of(policy_path);
    origin.files = {stamp_of_path(policy_path)};
    const uint64_t newest = newest_change(policy_path);
    // A time in the future means that the clock was set back: waiting is of no use.
    const bool racy = newest <= origin.read_at_ns && newest + kRacyNs >= origin.read_at_ns;
    if (!racy || pauses == kMaxPauses) return origin;
    const uint64_t pause = newest + kRacyNs + 1 - origin.read_at_ns;
    const timespec duration = {0, static_cast<long>(pause)};
    ::nanosleep(&duration, nullptr);
  }
}

// The stamps of what was read stand behind that of its directory, or are that of the path itself.
void add_files(Origin& origin, const std::vector<FileStamp>& files) {
  if (S_ISDIR(origin.files.front().mode)) {
    origin.files.insert(origin.files.end(), files.begin(), files.end());
  } else if (files.size() == 1) {
    origin.files = files;
    origin.files.front().name.clear();
  }
}

// Why no policy file must not be taken for "no policies"; nothing if it may.
std::optional<Diagnostic> vanished(const std::string& policy_path,
                                   const std::string& cache_directory) {
  const auto kept = CachedSet::open(cache_directory, policy_path, kSetSuffix);
  if (kept && (!*kept || (*kept)->set().policy_count() == 0)) return std::nullopt;
  Diagnostic diagnostic;
  diagnostic.place = {policy_path, 1, 1};
  diagnostic.hint =
      "the policies that were read from it stay in force; pinscope compile --allow-empty gives "
      "them up";
  struct stat status {};
  if (::stat(policy_path.c_str(), &status) != 0) {
    diagnostic.message = Error::system("read " + quoted(policy_path), errno).sentence();
    return diagnostic;
  }
  if (!kept) {
    diagnostic.message = "there is no policy file, and the set in force cannot be read";
    return diagnostic;
  }
  const auto origin = (*kept)->set().origin();
  if (origin && !origin->files.empty()) {
    const FileStamp& before = origin->files.front();
    const bool has_its_number =
        S_ISDIR(before.mode) && before.inode == status.st_ino && before.device == status.st_dev;
    // Numbers of inodes and of memory file systems are given again.
    if (has_its_number && origin->born_ns == birth_of(policy_path)) return std::nullopt;
  }
  diagnostic.message = quoted(policy_path) +
                       " holds no policy file, and is not the directory that the policies in force "
                       "were read from";
  return diagnostic;
}

Status remove_if_there(int directory, const std::string& name) {
  if (::unlinkat(directory, name.c_str(), 0) != 0 && errno != ENOENT)
    return std::unexpected(Error::system("remove " + quoted(name), errno));
  return {};
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

std::optional<Diagnostic> not_taken_up(const std::string& policy_path,
                                       const std::string& cache_directory) {
  const auto writable = check_writable(cache_directory);
  if (writable) return std::nullopt;
  const auto kept = CachedSet::open(cache_directory, policy_path, kSetSuffix);
  if (!kept || !*kept || (*kept)->is_current(policy_path, Racy::kIsIgnored)) return std::nullopt;
  return warning_at({policy_path, 1, 1},
                    "these files are not in force: " + writable.error().sentence(),
                    "the policies that were accepted before stay in force until it can be written");
}

Loaded load_for_install(const std::string& policy_path, const std::string& cache_directory,
                        Trust trust, const std::optional<std::string>& shown, Tests tests) {
  Loaded loaded = load_path(policy_path, trust, shown, tests);
  if (auto why = not_taken_up(policy_path, cache_directory))
    loaded.diagnostics.push_back(*std::move(why));
  const bool is_gone = ::access(policy_path.c_str(), F_OK) != 0;
  if (!loaded.files.empty() || (!loaded.ok() && !is_gone)) return loaded;
  if (auto why = vanished(policy_path, cache_directory)) loaded.diagnostics = {*std::move(why)};
  return loaded;
}

namespace {

Loaded load(const std::string& policy_path, const std::string& cache_directory, Empty empty) {
  if (empty == Empty::kAsFound) return load_for_install(policy_path, cache_directory);
  const bool is_there = ::access(policy_path.c_str(), F_OK) == 0;
  return is_there ? load_path(policy_path) : Loaded{};
}

// Whoever can open the file, such as a container with a volume of it, can hold the lock for ever.
Status take_lock(int file, const std::string& cache_directory) {
  constexpr auto kLongest = std::chrono::seconds(10);
  constexpr auto kPause = std::chrono::milliseconds(10);
  const auto deadline = std::chrono::steady_clock::now() + kLongest;
  while (::flock(file, LOCK_EX | LOCK_NB) != 0) {
    if (errno != EINTR && errno != EWOULDBLOCK)
      return std::unexpected(Error::system("lock " + quoted(cache_directory), errno));
    if (std::chrono::steady_clock::now() > deadline)
      return std::unexpected(
          Error(ErrorCode::kPolicyUnavailable, "lock " + quoted(cache_directory))
              .reason("another process holds the lock for more than ten seconds")
              .hint("fuser names it; no container should have a volume of this directory"));
    std::this_thread::sleep_for(kPause);
  }
  return {};
}

}  // namespace

Result<Loaded> install(const std::string& policy_path, const std::string& cache_directory,
                       Empty empty) {
  PINSCOPE_TRY(const Fd directory, make_directory(cache_directory, 0755));
  PINSCOPE_TRY(const Fd lock, open_at(directory.get(), cache_name(policy_path, kLockSuffix),
                                      O_RDWR | O_CREAT | O_NOFOLLOW, 0600));
  PINSCOPE_CHECK(take_lock(lock.get(), cache_directory));

  Origin origin = begin_reading(policy_path);
  Loaded loaded = load(policy_path, cache_directory, empty);
  add_files(origin, loaded.files);
  const std::string set = cache_name(policy_path, kSetSuffix);
  const std::string rejected = cache_name(policy_path, kRejectedSuffix);
  if (!loaded.ok()) {
    PINSCOPE_CHECK(write_atomically(
        directory.get(), rejected, compile_refusal(first_error(loaded.diagnostics), origin), 0644));
    return loaded;
  }
  if (loaded.files.empty())
    PINSCOPE_CHECK(remove_if_there(directory.get(), set));
  else
    PINSCOPE_CHECK(
        write_atomically(directory.get(), set, compile(loaded.policies, origin), 0644, true));
  // The change of the name must be on the disk as well; a file system that cannot do that says
  // EINVAL.
  if (::fsync(directory.get()) != 0 && errno != EINVAL)
    return std::unexpected(Error::system("sync " + quoted(cache_directory), errno));
  PINSCOPE_CHECK(remove_if_there(directory.get(), rejected));
  return loaded;
}

}  // namespace pinscope::policy
