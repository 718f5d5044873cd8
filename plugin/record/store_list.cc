// What the store does with several of its records, and with files that are none.
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "plugin/base/clock.h"
#include "plugin/base/text.h"
#include "plugin/host/file.h"
#include "plugin/record/file_names.h"
#include "plugin/record/record_json.h"
#include "plugin/record/store.h"

namespace pinscope::record {
namespace {

// A record of a hundred thousand pins fits.
constexpr size_t kLargestRecord = size_t{64} << 20;
// Bytes in which a record of ours has named its process: what stands before it are two paths and an
// id.
constexpr size_t kStartOfRecord = size_t{16} << 10;
// Without O_NONBLOCK a FIFO that somebody put there would hold up whoever lists the records.
constexpr int kRecordFlags = O_RDONLY | O_NOFOLLOW | O_NONBLOCK;
constexpr mode_t kModeOfGone = 0400;

Error record_error(Error error) {
  return std::move(error).with_code(ErrorCode::kRecord);
}

// Whether `name` is the temporary file of a writer that was killed at it: nobody has it open for
// writing, in whichever namespace, or the kernel would give no lease (fcntl(2)).
bool is_leftover(int directory, const std::string& name) {
  if (!is_temporary_name(name)) return false;
  const auto file = open_at(directory, name, kRecordFlags);
  return file && ::fcntl(file->get(), F_SETLEASE, F_RDLCK) == 0;
}

}  // namespace

Result<Store::Found> Store::read(const std::string& file_name) const {
  const std::string path = path_ + "/" + file_name;
  auto file = open_at(directory_.get(), file_name, kRecordFlags);
  if (!file)
    return std::unexpected(
        Error::system("open " + quoted(path), file.error().errnum(), ErrorCode::kRecord));
  auto text = read_all(file->get(), kLargestRecord, path);
  if (!text) return std::unexpected(record_error(std::move(text).error()));
  PINSCOPE_TRY(model::Record record, from_json(*std::move(text), path));
  const bool is_its_own = file_name_of(record.given.id).value_or("") == file_name;
  if (!is_its_own && name_beside(record) != file_name)
    return std::unexpected(Error(ErrorCode::kRecord, "read " + quoted(path))
                               .reason("it is the record of container " + quoted(record.given.id)));
  return Found{std::move(record), Held(file_name, *std::move(file))};
}

// The directory may have gone since somebody saw its name.
Result<std::vector<std::string>> Store::files_of(const std::string& directory) const {
  std::vector<std::string> files;
  const auto open = open_at(directory_.get(), directory, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
  if (!open) {
    // A file that only has such a name is one of those that are no record.
    if (open.error().errnum() == ENOTDIR || open.error().errnum() == ELOOP)
      files.push_back(directory);
    return files;
  }
  auto names = names_in(open->get(), path_ + "/" + directory);
  if (!names) return std::unexpected(record_error(std::move(names).error()));
  for (const auto& name : *names) files.push_back(directory + "/" + name);
  return files;
}

Result<std::vector<std::string>> Store::files() const {
  std::vector<std::string> files;
  if (!directory_.valid()) return files;
  auto names = names_in(directory_.get(), path_);
  if (!names) return std::unexpected(record_error(std::move(names).error()));
  for (auto& name : *names) {
    if (is_temporary_name(name)) continue;
    if (!name.ends_with(kMoreSuffix)) {
      files.push_back(std::move(name));
      continue;
    }
    PINSCOPE_TRY(const auto more, files_of(name));
    files.insert(files.end(), more.begin(), more.end());
  }
  return files;
}

// None that was removed since somebody listed it.
void Store::take_up(const std::string& file_name, OfId& result) const {
  auto found = read(file_name);
  if (found) {
    result.found.push_back(*std::move(found));
  } else if (found.error().errnum() != ENOENT) {
    result.unreadable.push_back(std::move(found).error());
    result.unreadable_files.push_back(file_name);
  }
}

Result<std::vector<std::string>> Store::files_of_id(const std::string& id) const {
  PINSCOPE_TRY(std::string name, file_name_of(id));
  std::vector<std::string> files;
  if (!directory_.valid()) return files;
  files.push_back(std::move(name));
  if (::faccessat(directory_.get(), directory_of_more(id).c_str(), F_OK, 0) != 0) return files;
  PINSCOPE_TRY(const auto more, files_of(directory_of_more(id)));
  files.insert(files.end(), more.begin(), more.end());
  return files;
}

Result<Store::OfId> Store::find(const std::string& id) const {
  PINSCOPE_TRY(const auto files, files_of_id(id));
  OfId result;
  for (const auto& file : files) take_up(file, result);
  return result;
}

Result<Store::All> Store::all() const {
  All all;
  PINSCOPE_TRY(const auto names, files());
  for (const auto& name : names) {
    OfId one;
    take_up(name, one);
    for (auto& found : one.found) all.records.push_back(std::move(found.record));
    for (auto& error : one.unreadable) all.unreadable.push_back(std::move(error));
    for (auto& file : one.unreadable_files) all.unreadable_files.push_back(std::move(file));
  }
  // By id, which is not the order of the names: "a-b.json" stands before "a.json".
  std::stable_sort(all.records.begin(), all.records.end(), [](const auto& left, const auto& right) {
    return left.given.id < right.given.id;
  });
  return all;
}

Result<Store::Glance> Store::glance(const std::string& file_name) const {
  PINSCOPE_TRY(const Fd file, open_at(directory_.get(), file_name, kRecordFlags));
  struct stat status {};
  if (::fstat(file.get(), &status) != 0)
    return std::unexpected(Error::system("stat " + quoted(file_name), errno, ErrorCode::kRecord));
  Glance glance;
  if (!S_ISREG(status.st_mode)) return glance;
  std::string start;
  start.resize_and_overwrite(kStartOfRecord, [&](char* data, size_t size) {
    return static_cast<size_t>(std::max<ssize_t>(::read(file.get(), data, size), 0));
  });
  glance.trace = trace_of(start);
  glance.noted_gone = (status.st_mode & 07777U) == kModeOfGone;
  glance.changed_ns = nanoseconds_of(status.st_ctim);
  return glance;
}

void Store::note_gone(const std::string& file_name) const {
  const auto file = open_at(directory_.get(), file_name, kRecordFlags);
  if (file) (void)::fchmod(file->get(), kModeOfGone);
}

// The directory's time of access says when somebody did so last; that listing it may change it as
// well only puts the next time off.
bool Store::is_due(std::chrono::nanoseconds interval) const {
  struct stat status {};
  if (!directory_.valid() || ::fstat(directory_.get(), &status) != 0) return false;
  const uint64_t last = nanoseconds_of(status.st_atim);
  const uint64_t now = wall_clock_ns();
  if (last <= now && now - last < static_cast<uint64_t>(interval.count())) return false;
  const struct timespec times[] = {{.tv_sec = 0, .tv_nsec = UTIME_NOW},
                                   {.tv_sec = 0, .tv_nsec = UTIME_OMIT}};
  return ::futimens(directory_.get(), times) == 0;
}

Result<std::vector<std::string>> Store::leftovers() const {
  std::vector<std::string> left;
  if (!directory_.valid()) return left;
  auto names = names_in(directory_.get(), path_);
  if (!names) return std::unexpected(record_error(std::move(names).error()));
  for (auto& name : *names)
    if (is_leftover(directory_.get(), name)) left.push_back(std::move(name));
  return left;
}

Status Store::discard(const std::string& file_name) const {
  if (!is_in_store(file_name))
    return std::unexpected(Error(ErrorCode::kRecord, "remove record " + quoted(file_name))
                               .reason("that is not a file name"));
  if (!directory_.valid()) return {};
  PINSCOPE_TRY(const Fd locked, lock());
  if (is_temporary_name(file_name) ? !is_leftover(directory_.get(), file_name)
                                   : read(file_name).has_value())
    return {};
  return unlink(file_name);
}

}  // namespace pinscope::record
