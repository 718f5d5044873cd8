#include "plugin/record/store.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>

#include <algorithm>
#include <cerrno>

#include "plugin/base/file.h"
#include "plugin/base/text.h"

namespace pinscope::record {
namespace {

constexpr const char* kContainers = "containers";
constexpr std::string_view kSuffix = ".json";
constexpr mode_t kDirectoryMode = 0700;
constexpr mode_t kFileMode = 0600;
// A record of a hundred thousand pins fits.
constexpr size_t kLargestRecord = size_t{64} << 20;
// The lock is held for a few system calls. Whoever is stopped while holding it must not stop
// everybody else: who has waited so long goes on without it.
constexpr int kMostTries = 200;
constexpr long kBetweenTries = 1'000'000;  // nanoseconds
constexpr int kDirectoryFlags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW;

Error record_error(Error error) {
  return std::move(error).with_code(ErrorCode::kRecord);
}

Status check_directory(int fd, const std::string& path) {
  struct stat status {};
  if (::fstat(fd, &status) != 0)
    return std::unexpected(Error::system("stat " + quoted(path), errno, ErrorCode::kRecord));
  if (auto trusted = check_trusted(status, path); !trusted)
    return std::unexpected(record_error(std::move(trusted).error()));
  return {};
}

// The state directory's own last component may be a symbolic link (/var/run is one).
Result<Fd> open_state_directory(const std::string& path, bool create) {
  auto directory = open_at(AT_FDCWD, path, O_RDONLY | O_DIRECTORY);
  if (!directory && create && directory.error().errnum() == ENOENT)
    directory = make_directory(path, kDirectoryMode);
  return directory;
}

Result<Fd> open_containers(int state, const std::string& path, bool create) {
  auto directory = open_at(state, kContainers, kDirectoryFlags);
  if (!directory && create && directory.error().errnum() == ENOENT) {
    if (::mkdirat(state, kContainers, kDirectoryMode) != 0 && errno != EEXIST)
      return std::unexpected(Error::system("make directory " + quoted(path), errno));
    directory = open_at(state, kContainers, kDirectoryFlags);
  }
  if (!directory)
    return std::unexpected(Error::system("open " + quoted(path), directory.error().errnum()));
  return directory;
}

Result<std::string> file_name_of(const std::string& id) {
  if (!model::is_container_id(id))
    return std::unexpected(Error(ErrorCode::kRecord, "find a record for " + quoted(id))
                               .reason("that is not an id of a container"));
  return id + std::string(kSuffix);
}

// Names of these files leave in two ways, over-written or unlinked, and both take the link away.
bool is_in_place(int file) {
  struct stat status {};
  return ::fstat(file, &status) == 0 && status.st_nlink > 0;
}

bool is_running(pid_t thread) {
  return ::kill(thread, 0) == 0 || errno != ESRCH;
}

Error no_store(const std::string& id) {
  return Error(ErrorCode::kRecord, "write the record of container " + quoted(id))
      .reason("the state directory was not there when it was opened");
}

}  // namespace

Result<Store> Store::open(const std::string& state_directory, bool create) {
  auto state = open_state_directory(state_directory, create);
  if (!state && !create && state.error().errnum() == ENOENT) return Store();
  if (!state) return std::unexpected(record_error(std::move(state).error()));
  PINSCOPE_CHECK(check_directory(state->get(), state_directory));
  const std::string path = state_directory + "/" + kContainers;
  auto containers = open_containers(state->get(), path, create);
  if (!containers && !create && containers.error().errnum() == ENOENT) return Store();
  if (!containers) return std::unexpected(record_error(std::move(containers).error()));
  PINSCOPE_CHECK(check_directory(containers->get(), path));
  return Store(*std::move(containers), path);
}

// Without O_NONBLOCK a FIFO that somebody put there would hold up whoever lists the records.
Result<Store::Found> Store::read(const std::string& file_name) const {
  const std::string path = path_ + "/" + file_name;
  auto file = open_at(directory_.get(), file_name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
  if (!file)
    return std::unexpected(
        Error::system("open " + quoted(path), file.error().errnum(), ErrorCode::kRecord));
  auto text = read_all(file->get(), kLargestRecord, path);
  if (!text) return std::unexpected(record_error(std::move(text).error()));
  PINSCOPE_TRY(model::Record record, from_json(*std::move(text), path));
  if (record.id + std::string(kSuffix) != file_name)
    return std::unexpected(Error(ErrorCode::kRecord, "read " + quoted(path))
                               .reason("it is the record of container " + quoted(record.id)));
  return Found{std::move(record), Held(*std::move(file))};
}

// Between looking at a name and changing what it names nobody else may do the same. To make a name
// that is not there needs no lock: the kernel lets one of two do it. The lock goes with the
// descriptor, so it is of an open directory of its own.
Result<Fd> Store::lock() const {
  PINSCOPE_TRY(Fd directory, open_at(directory_.get(), ".", kDirectoryFlags));
  for (int tries = 0; ::flock(directory.get(), LOCK_EX | LOCK_NB) != 0; ++tries) {
    if (errno == EWOULDBLOCK && tries == kMostTries) break;
    if (errno != EWOULDBLOCK && errno != EINTR)
      return std::unexpected(Error::system("lock " + quoted(path_), errno, ErrorCode::kRecord));
    const struct timespec pause { .tv_sec = 0, .tv_nsec = kBetweenTries };
    (void)::nanosleep(&pause, nullptr);
  }
  return directory;
}

Status Store::unlink(const std::string& file_name) const {
  if (::unlinkat(directory_.get(), file_name.c_str(), 0) != 0 && errno != ENOENT)
    return std::unexpected(
        Error::system("remove record " + quoted(file_name), errno, ErrorCode::kRecord));
  return {};
}

Error Store::in_store(Error error) const {
  return record_error(std::move(error)).in("keep a record in " + quoted(path_));
}

Result<Store::Held> Store::begin(const model::Record& record) const {
  PINSCOPE_TRY(const std::string name, file_name_of(record.id));
  if (!directory_.valid()) return std::unexpected(no_store(record.id));
  auto created = create_and_hold(directory_.get(), name, to_json(record), kFileMode);
  if (created) return Held(*std::move(created));
  if (created.error().errnum() == EEXIST)
    return std::unexpected(
        Error(ErrorCode::kRecordConflict, "begin a record for container " + quoted(record.id))
            .reason("there is one already")
            .hint("`pinscope gc` removes those of containers that are gone"));
  return std::unexpected(in_store(std::move(created).error()));
}

Status Store::update(const model::Record& record, Held& held) const {
  PINSCOPE_TRY(const std::string name, file_name_of(record.id));
  if (!directory_.valid()) return std::unexpected(no_store(record.id));
  PINSCOPE_TRY(const Fd locked, lock());
  if (!is_in_place(held.file_.get()))
    return std::unexpected(
        Error(ErrorCode::kRecordConflict, "complete the record of container " + quoted(record.id))
            .reason("it is not there any more")
            .hint("its process has ended, and another container may have its id"));
  auto written = write_and_hold(directory_.get(), name, to_json(record), kFileMode);
  if (!written) return std::unexpected(in_store(std::move(written).error()));
  held = Held(*std::move(written));
  return {};
}

Result<std::optional<Store::Found>> Store::find(const std::string& id) const {
  PINSCOPE_TRY(const std::string name, file_name_of(id));
  if (!directory_.valid()) return std::nullopt;
  auto found = read(name);
  if (found) return *std::move(found);
  if (found.error().errnum() == ENOENT) return std::nullopt;
  return std::unexpected(std::move(found).error());
}

Status Store::remove(const std::string& id, const Held& held) const {
  PINSCOPE_TRY(const std::string name, file_name_of(id));
  if (!directory_.valid() || !held.file_.valid()) return {};
  PINSCOPE_TRY(const Fd locked, lock());
  return is_in_place(held.file_.get()) ? unlink(name) : Status();
}

Status Store::remove_unreadable(const std::string& id) const {
  PINSCOPE_TRY(const std::string name, file_name_of(id));
  return discard(name);
}

Result<std::vector<std::string>> Store::ids(std::string_view prefix) const {
  std::vector<std::string> ids;
  if (!directory_.valid()) return ids;
  auto names = names_in(directory_.get(), path_);
  if (!names) return std::unexpected(record_error(std::move(names).error()));
  for (const auto& name : *names)
    if (name.starts_with(prefix) && name.ends_with(kSuffix))
      ids.push_back(name.substr(0, name.size() - kSuffix.size()));
  return ids;
}

Result<Store::All> Store::all() const {
  All all;
  if (!directory_.valid()) return all;
  auto names = names_in(directory_.get(), path_);
  if (!names) return std::unexpected(record_error(std::move(names).error()));
  for (const auto& name : *names) {
    if (writer_of_temporary(name)) continue;
    auto found = read(name);
    if (found) {
      all.records.push_back(std::move(found->record));
    } else if (found.error().errnum() != ENOENT) {  // removed since we listed it
      all.unreadable.push_back(std::move(found).error());
      all.unreadable_files.push_back(name);
    }
  }
  // By id, which is not the order of the names: "a-b.json" stands before "a.json".
  std::sort(all.records.begin(), all.records.end(),
            [](const auto& left, const auto& right) { return left.id < right.id; });
  return all;
}

Result<std::vector<std::string>> Store::leftovers() const {
  std::vector<std::string> left;
  if (!directory_.valid()) return left;
  auto names = names_in(directory_.get(), path_);
  if (!names) return std::unexpected(record_error(std::move(names).error()));
  for (auto& name : *names)
    if (const auto writer = writer_of_temporary(name))
      if (!is_running(*writer)) left.push_back(std::move(name));
  return left;
}

Status Store::discard(const std::string& file_name) const {
  if (file_name.find('/') != std::string::npos)
    return std::unexpected(Error(ErrorCode::kRecord, "remove record " + quoted(file_name))
                               .reason("that is not a file name"));
  if (!directory_.valid()) return {};
  PINSCOPE_TRY(const Fd locked, lock());
  const auto writer = writer_of_temporary(file_name);
  if (writer ? is_running(*writer) : read(file_name).has_value()) return {};
  return unlink(file_name);
}

}  // namespace pinscope::record
