#include "plugin/metrics/state.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>

#include <cerrno>
#include <charconv>
#include <utility>

#include "plugin/base/text.h"
#include "plugin/host/file.h"
#include "plugin/host/trust.h"
#include "plugin/json/json.h"

namespace pinscope::metrics {
namespace {

constexpr mode_t kDirectoryMode = 0755;
constexpr mode_t kFileMode = 0600;
constexpr size_t kLongestState = size_t{1} << 20;
constexpr uint64_t kVersion = 1;
constexpr int kHexadecimal = 16;

std::string file_name(const std::string& audit_path) {
  char digits[sizeof(uint64_t) * 2];
  const auto end =
      std::to_chars(std::begin(digits), std::end(digits), fnv1a64(audit_path), kHexadecimal);
  return "metrics-" + std::string(std::begin(digits), end.ptr);
}

Status lock_soon(int file) {
  constexpr int kTries = 200;
  constexpr timespec kPause = {.tv_sec = 0, .tv_nsec = 10'000'000};
  for (int tries = 0; ::flock(file, LOCK_EX | LOCK_NB) != 0; ++tries) {
    if (tries == kTries || (errno != EWOULDBLOCK && errno != EINTR))
      return std::unexpected(Error::system("lock the counters", errno, ErrorCode::kAudit)
                                 .hint("another process is counting"));
    (void)::nanosleep(&kPause, nullptr);
  }
  return {};
}

Result<Position> read_position(const JsonView& value) {
  Position position;
  position.is_set = true;
  PINSCOPE_TRY(position.device, value.unsigned_or("device", 0));
  PINSCOPE_TRY(position.inode, value.unsigned_or("inode", 0));
  PINSCOPE_TRY(position.offset, value.unsigned_or("offset", 0));
  PINSCOPE_TRY(position.mark, value.string_or("mark", ""));
  PINSCOPE_TRY(position.in_line, value.bool_or("in_line", false));
  return position;
}

}  // namespace

std::string to_json(Saved& saved) {
  JsonWriter json;
  json.object().field("version", kVersion).field("since_ns", saved.since_ns);
  if (saved.position.is_set)
    json.key("position")
        .object()
        .field("device", saved.position.device)
        .field("inode", saved.position.inode)
        .field("offset", saved.position.offset)
        .field("mark", saved.position.mark)
        .field("in_line", saved.position.in_line)
        .end();
  json.key("numbers").object();
  saved.counters.visit([&](const std::string& name, uint64_t number) { json.field(name, number); });
  json.end().end();
  return json.take() + "\n";
}

Result<Saved> from_json(std::string text, const std::string& name) {
  PINSCOPE_TRY(const auto document, JsonDocument::parse(std::move(text), name, ErrorCode::kAudit));
  const JsonView root = document.root();
  Saved saved;
  PINSCOPE_TRY(const uint64_t version, root.unsigned_or("version", 0));
  if (version != kVersion)
    return std::unexpected(root.make_error("version " + std::to_string(version) + " is not known"));
  PINSCOPE_TRY(saved.since_ns, root.unsigned_or("since_ns", 0));
  PINSCOPE_TRY(const auto position, root.find("position"));
  if (position) {
    PINSCOPE_TRY(saved.position, read_position(*position));
  }
  PINSCOPE_TRY(const auto numbers, root.find("numbers"));
  if (!numbers) return std::unexpected(root.make_error("there are no numbers"));
  Status status;
  saved.counters.visit([&](const std::string& number_name, uint64_t& number) {
    if (!status) return;
    auto read = numbers->unsigned_or(number_name, 0);
    if (read)
      number = *read;
    else
      status = std::unexpected(std::move(read).error());
  });
  PINSCOPE_CHECK(status);
  return saved;
}

Result<StateFile> StateFile::open(const std::string& directory, const std::string& audit_path) {
  PINSCOPE_TRY(Fd opened, make_directory(directory, kDirectoryMode));
  struct stat status {};
  if (::fstat(opened.get(), &status) != 0)
    return std::unexpected(Error::system("stat " + quoted(directory), errno));
  PINSCOPE_CHECK(check_trusted(status, directory, TrustRule(ErrorCode::kAudit)));
  const std::string name = file_name(audit_path);
  PINSCOPE_TRY(Fd lock,
               open_at(opened.get(), name + ".lock", O_RDWR | O_CREAT | O_NOFOLLOW, kFileMode));
  PINSCOPE_CHECK(lock_soon(lock.get()));
  return StateFile(std::move(opened), std::move(lock), name + ".json");
}

Result<Saved> StateFile::read() const {
  auto file = open_at(directory_.get(), name_, O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
  if (!file && file.error().errnum() == ENOENT) return Saved{};
  if (!file) return std::unexpected(std::move(file).error());
  struct stat status {};
  if (::fstat(file->get(), &status) != 0)
    return std::unexpected(Error::system("stat " + quoted(name_), errno));
  PINSCOPE_CHECK(check_trusted(status, name_, TrustRule(ErrorCode::kAudit)));
  PINSCOPE_TRY(std::string text, read_all(file->get(), kLongestState, name_));
  return from_json(std::move(text), name_);
}

Status StateFile::write(Saved& saved) const {
  return write_atomically(directory_.get(), name_, to_json(saved), kFileMode);
}

}  // namespace pinscope::metrics
