#include "plugin/follow/containers.h"

#include <fcntl.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "plugin/base/clock.h"
#include "plugin/base/text.h"
#include "plugin/host/file.h"
#include "plugin/pipeline/change/decide_again.h"
#include "plugin/pipeline/change/followed.h"
#include "plugin/pipeline/change/later_bpffs.h"
#include "plugin/pipeline/host_view.h"
#include "plugin/pipeline/ledger.h"
#include "plugin/policy/glob.h"

namespace pinscope::follow {
namespace {

constexpr const char* kContainers = "containers";
// The other records of an id are in a directory (record/store.h).
constexpr std::string_view kDirectorySuffix = ".more";
constexpr int kDirectoryFlags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW;

kernel::WatchedSource watched_source(uint64_t id, const model::Pattern& pattern) {
  if (!policy::is_glob(pattern)) return {.id = id, .path = pattern};
  return {.id = id, .path = policy::literal_prefix(pattern), .below = patterns_below(pattern)};
}

// 0 is no time.
uint64_t earlier(uint64_t one, uint64_t other) {
  return one == 0 || other == 0 ? std::max(one, other) : std::min(one, other);
}

// Of one that counts no more because the clock was set back, at once.
uint64_t first_end_of(const model::Record& record) {
  const uint64_t now = wall_clock_ns();
  uint64_t first = 0;
  for (const auto& exception : record.exceptions) {
    const bool is_ahead = exception.until_ns > now && !model::is_in_force(exception, now);
    first = earlier(first, is_ahead ? 1 : exception.until_ns);
  }
  return first;
}

}  // namespace

bool Sources::set(const std::string& follower, const std::set<model::Pattern>& sources,
                  Change& change) {
  const auto before = std::exchange(by_follower_[follower], {});
  auto& now = by_follower_[follower];
  for (const auto& pattern : sources) {
    const auto [known, is_new] = numbers_.try_emplace(pattern, last_ + 1);
    if (is_new) {
      patterns_.emplace(++last_, pattern);
      change.added.push_back(watched_source(known->second, pattern));
    }
    now.insert(known->second);
    followers_[known->second].insert(follower);
  }
  for (const uint64_t source : before)
    if (!now.contains(source)) leave(follower, source, change);
  const bool is_different = now != before;
  if (now.empty()) by_follower_.erase(follower);
  return is_different;
}

void Sources::leave(const std::string& follower, uint64_t source, Change& change) {
  const auto found = followers_.find(source);
  found->second.erase(follower);
  if (!found->second.empty()) return;
  followers_.erase(found);
  numbers_.erase(patterns_.extract(source).mapped());
  // One that was added a moment ago is of no account to anybody yet.
  if (std::erase_if(change.added, [&](const auto& added) { return added.id == source; }) == 0)
    change.removed.push_back(source);
}

std::vector<std::string> Sources::followers_of(uint64_t source) const {
  const auto found = followers_.find(source);
  if (found == followers_.end()) return {};
  return {found->second.begin(), found->second.end()};
}

Result<Containers> Containers::open(const std::string& state_directory) {
  PINSCOPE_TRY(auto store, record::Store::open(state_directory, true));
  PINSCOPE_TRY(auto inotify, kernel::Inotify::open());
  Containers containers(state_directory, std::move(inotify), std::move(store));
  PINSCOPE_CHECK(containers.watch(""));
  return containers;
}

// `below`: "" for the directory of all records, "web.more" for that of others of an id.
Status Containers::watch(const std::string& below) {
  const std::string path =
      state_directory_ + "/" + kContainers + (below.empty() ? "" : "/" + below);
  PINSCOPE_TRY(const Fd directory, open_at(AT_FDCWD, path, kDirectoryFlags));
  PINSCOPE_TRY(const int watch, inotify_.watch(directory.get()));
  prefixes_[watch] = below.empty() ? "" : below + "/";
  return {};
}

Containers::Change Containers::take() {
  std::set<std::string> names;
  bool look_everywhere = false;
  while (inotify_.read([&](const kernel::Inotify::Event& event) {
    if (event.watch < 0) look_everywhere = true;
    const auto prefix = prefixes_.find(event.watch);
    if (prefix == prefixes_.end() || event.name.empty() || is_temporary_name(event.name)) return;
    if ((event.mask & IN_IGNORED) != 0) prefixes_.erase(prefix);
    if (event.name.ends_with(kDirectorySuffix)) look_everywhere = true;
    names.insert(prefix->second + std::string(event.name));
  })) {
  }
  if (look_everywhere) return look_at_all();
  Change change;
  for (const auto& name : names) {
    const bool is_known = known_.contains(name) && known_[name].has_view;
    look_at(name, change);
    if (is_known && known_.contains(name)) change.written.push_back(name);
  }
  return change;
}

Containers::Change Containers::look_at_all() {
  Change change;
  // Those that are found anew are watched before their directory is read.
  auto names = store_.files();
  for (const auto& name : names ? *names : std::vector<std::string>())
    if (const size_t slash = name.find('/'); slash != std::string::npos)
      (void)watch(name.substr(0, slash));
  names = store_.files();
  if (!names) return change;
  const std::set<std::string> there(names->begin(), names->end());
  for (const auto& name : there) look_at(name, change);
  for (const auto& known : all())
    if (!there.contains(known)) forget(known, change);
  std::erase_if(unreadable_, [&](const auto& name) { return !there.contains(name); });
  return change;
}

void Containers::look_at(const std::string& file, Change& change) {
  const auto found = store_.read(file);
  if (!found) {
    if (found.error().errnum() != ENOENT) unreadable_.insert(file);
    return forget(file, change);
  }
  unreadable_.erase(file);
  const auto& record = found->record;
  std::set<model::Pattern> followed;
  for (auto& source : followed_by(record)) followed.insert(std::move(source.source));
  const bool follows_others = sources_.set(file, followed, change.sources);
  const bool has_view = record.state == model::Record::State::kApplied;
  const auto before =
      std::exchange(known_[file], {record.given.id, has_view, first_end_of(record)});
  if (has_view && !before.has_view) change.shown.push_back(file);
  if (follows_others || (has_view && !before.has_view && !followed.empty()))
    change.begun.push_back(file);
}

void Containers::forget(const std::string& file, Change& change) {
  if (known_.erase(file) == 0) return;
  (void)sources_.set(file, {}, change.sources);
  change.ended.push_back(file);
}

uint64_t Containers::first_end() const {
  uint64_t first = 0;
  for (const auto& [file, known] : known_)
    if (!known.is_told) first = earlier(first, known.end);
  return first;
}

std::vector<std::string> Containers::run_out(uint64_t now_ns) {
  std::vector<std::string> files;
  for (auto& [file, known] : known_)
    if (!known.is_told && has_run_out(file, now_ns)) {
      known.is_told = true;
      files.push_back(file);
    }
  return files;
}

bool Containers::has_run_out(const std::string& file, uint64_t now_ns) const {
  const auto found = known_.find(file);
  return found != known_.end() && found->second.end != 0 && found->second.end <= now_ns;
}

std::vector<std::string> Containers::all() const {
  std::vector<std::string> files;
  files.reserve(known_.size());
  for (const auto& [file, known] : known_) files.push_back(file);
  std::ranges::sort(files);
  return files;
}

std::optional<kernel::ContainerProcess> Containers::process_of(const std::string& file) const {
  const auto found = store_.read(file);
  if (!found || is_session(found->record)) return std::nullopt;
  auto process = pinscope::process_of(found->record);
  return process ? std::optional(*std::move(process)) : std::nullopt;
}

bool Containers::has_its_mounts(int proc, const std::string& file) const {
  const auto found = store_.read(file);
  // What its runtime does to set it up is heard of, too.
  if (!found || is_session(found->record) || !is_set_up(proc, found->record)) return true;
  const auto& record = found->record;
  const auto bpffs = bpffs_of(proc, record);
  // Of one that has ended there is nothing to be done; what else cannot be told is looked at.
  if (!bpffs) return has_ended(record);
  const bool is_masked =
      record.host_bpffs == model::HostBpffs::kAllow || bpffs_to_mask(record, *bpffs, false).empty();
  return is_masked && !lacks_view(record, *bpffs) && !lacks_values(proc, record);
}

std::string Containers::id_of(const std::string& file) const {
  const auto found = known_.find(file);
  return found == known_.end() ? "" : found->second.id;
}

}  // namespace pinscope::follow
