#include "plugin/record/store.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>

#include <cerrno>

#include "plugin/base/text.h"
#include "plugin/host/file.h"
#include "plugin/host/trust.h"
#include "plugin/record/file_names.h"
#include "plugin/record/record_json.h"

namespace pinscope::record {
namespace {

constexpr const char* kContainers = "containers";
constexpr mode_t kDirectoryMode = 0700;
constexpr mode_t kFileMode = 0600;
// The lock is held for a few system calls. Whoever is stopped while holding it must not stop
// everybody else: who has waited so long goes on without it.
constexpr int kMaxTries = 200;
constexpr long kBetweenTries = 1'000'000;  // nanoseconds
constexpr int kDirectoryFlags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW;
constexpr const char* kWayOut =
    "`pinscope gc` removes it if its container cannot be alive, `pinscope gc --damaged` whatever "
    "it "
    "is";

Error record_error(Error error) {
  return std::move(error).with_code(ErrorCode::kRecord);
}

Status check_directory(int fd, const std::string& path) {
  struct stat status {};
  if (::fstat(fd, &status) != 0)
    return std::unexpected(Error::system("stat " + quoted(path), errno, ErrorCode::kRecord));
  return check_trusted(status, path, TrustRule(ErrorCode::kRecord));
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

// Names of these files leave in two ways, over-written or unlinked, and both take the link away.
bool is_in_place(int file) {
  struct stat status {};
  return ::fstat(file, &status) == 0 && status.st_nlink > 0;
}

Error no_store(const std::string& id) {
  return Error(ErrorCode::kRecord, "write the record of container " + quoted(id))
      .reason("the state directory was not there when it was opened");
}

Error conflict(const std::string& id) {
  return Error(ErrorCode::kRecordConflict, "begin a record for container " + quoted(id))
      .reason("there is one already")
      .hint("`pinscope gc` removes those of containers that are gone");
}

bool is_same_directory(const std::string& left, const std::string& right) {
  if (left == right) return true;
  struct stat a {};
  struct stat b {};
  return ::stat(left.c_str(), &a) == 0 && ::stat(right.c_str(), &b) == 0 && is_same_file(a, b);
}

}  // namespace

bool is_of(const model::Record& record, const std::string& id, const std::string& bundle) {
  return record.given.id == id && is_same_directory(record.given.bundle, bundle);
}

bool is_same_start(const model::Record& left, const model::Record& right) {
  return left.given.pid == right.given.pid && left.process_start == right.process_start &&
         left.mount_namespace == right.mount_namespace;
}

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

// Between looking at a name and changing what it names nobody else may do the same. To make a name
// that is not there needs no lock: the kernel lets one of two do it. The lock goes with the
// descriptor, so it is of an open directory of its own.
Result<Fd> Store::lock() const {
  PINSCOPE_TRY(Fd directory, open_at(directory_.get(), ".", kDirectoryFlags));
  for (int tries = 0; ::flock(directory.get(), LOCK_EX | LOCK_NB) != 0; ++tries) {
    if (errno == EWOULDBLOCK && tries == kMaxTries) break;
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
  // It goes with its last record.
  if (const size_t slash = file_name.find('/'); slash != std::string::npos)
    ::unlinkat(directory_.get(), file_name.substr(0, slash).c_str(), AT_REMOVEDIR);
  return {};
}

Error Store::in_store(Error error) const {
  return record_error(std::move(error)).in("keep a record in " + quoted(path_));
}

Result<Store::Held> Store::create(const std::string& name, const model::Record& record) const {
  auto created = create_and_hold(directory_.get(), name, to_json(record), kFileMode);
  if (created) return Held(name, *std::move(created));
  if (created.error().errnum() == EEXIST) return std::unexpected(conflict(record.given.id));
  return std::unexpected(in_store(std::move(created).error()));
}

// The lock is held: nobody removes the directory meanwhile.
Result<Store::Held> Store::create_beside(const model::Record& record) const {
  const std::string directory = directory_of_more(record.given.id);
  if (::mkdirat(directory_.get(), directory.c_str(), kDirectoryMode) != 0 && errno != EEXIST)
    return std::unexpected(in_store(Error::system("make directory " + quoted(directory), errno)));
  return create(name_beside(record), record);
}

// Whoever finds the id's own name taken looks at all records of the id under the lock, and whoever
// finds it free looks behind it for those beside it: of two starts of one container, one learns of
// the other.
Result<Store::Held> Store::begin(const model::Record& record) const {
  PINSCOPE_TRY(const std::string name, file_name_of(record.given.id));
  if (!directory_.valid()) return std::unexpected(no_store(record.given.id));
  auto created = create(name, record);
  if (!created && created.error().code() != ErrorCode::kRecordConflict) return created;
  if (created &&
      ::faccessat(directory_.get(), directory_of_more(record.given.id).c_str(), F_OK, 0) != 0)
    return created;
  const auto check_others = [&]() -> Result<size_t> {
    PINSCOPE_TRY(auto others, find(record.given.id));
    if (!others.unreadable.empty())
      return std::unexpected(std::move(others.unreadable.front()).hint(kWayOut));
    size_t of_it = 0;
    for (const auto& other : others.found)
      if (is_of(other.record, record.given.id, record.given.bundle)) ++of_it;
    return of_it;
  };
  const auto unless_there = [&](Held held) -> Result<Held> {
    auto of_it = check_others();
    if (of_it && *of_it <= 1) return held;
    (void)remove(held);
    return std::unexpected(of_it ? conflict(record.given.id) : std::move(of_it).error());
  };
  if (created) return unless_there(*std::move(created));
  Fd locked;
  PINSCOPE_TRY(locked, lock());
  // Nobody removes one from here on, but whoever was there may have gone before.
  created = create(name, record);
  if (created) {
    locked = Fd();
    return unless_there(*std::move(created));
  }
  PINSCOPE_TRY(const size_t of_it, check_others());
  if (of_it > 0) return created;
  return create_beside(record);
}

Result<Store::Held> Store::begin_beside(const model::Record& record) const {
  PINSCOPE_TRY([[maybe_unused]] const std::string name, file_name_of(record.given.id));
  if (!directory_.valid()) return std::unexpected(no_store(record.given.id));
  PINSCOPE_TRY(const Fd locked, lock());
  return create_beside(record);
}

Status Store::update(const model::Record& record, Held& held) const {
  PINSCOPE_TRY([[maybe_unused]] const std::string name, file_name_of(record.given.id));
  if (!directory_.valid()) return std::unexpected(no_store(record.given.id));
  PINSCOPE_TRY(const Fd locked, lock());
  if (!is_in_place(held.file_.get()))
    return std::unexpected(
        Error(ErrorCode::kRecordConflict,
              "complete the record of container " + quoted(record.given.id))
            .reason("it is not there any more")
            .hint("its process has ended, and another container may have its id"));
  auto written = write_and_hold(directory_.get(), held.name_, to_json(record), kFileMode);
  if (!written) return std::unexpected(in_store(std::move(written).error()));
  held = Held(held.name_, *std::move(written));
  return {};
}

Status Store::remove(const Held& held) const {
  if (!directory_.valid() || !held.file_.valid()) return {};
  PINSCOPE_TRY(const Fd locked, lock());
  return is_in_place(held.file_.get()) ? unlink(held.name_) : Status();
}

}  // namespace pinscope::record
