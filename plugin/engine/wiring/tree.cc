#include "plugin/engine/wiring/tree.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>

#include "plugin/base/path.h"
#include "plugin/base/text.h"
#include "plugin/host/file.h"

namespace pinscope::engine {
namespace {

// What an O_PATH descriptor stands for, opened in earnest.
Result<Fd> reopen(const Fd& object, int flags, std::string_view path) {
  auto opened =
      open_at(AT_FDCWD, "/proc/self/fd/" + std::to_string(object.get()), flags | O_NONBLOCK);
  if (!opened)
    return std::unexpected(Error::system("open " + quoted(path), opened.error().errnum()));
  return opened;
}

Result<struct stat> status_of(const Fd& object, std::string_view path) {
  struct stat status {};
  if (::fstat(object.get(), &status) != 0)
    return std::unexpected(Error::system("examine " + quoted(path), errno));
  return status;
}

}  // namespace

Result<Tree> Tree::open(const std::string& root, uid_t owner) {
  if (!root.starts_with('/'))
    return std::unexpected(Error(ErrorCode::kUsage, "use " + quoted(root) + " as the root")
                               .reason("it is not an absolute path"));
  PINSCOPE_TRY(Fd directory, open_at(AT_FDCWD, root, O_PATH | O_DIRECTORY));
  std::string name = to_absolute(components_of(root));
  return Tree(std::move(name), std::move(directory), owner);
}

TrustRule Tree::rule() const {
  TrustRule rule(ErrorCode::kSystem);
  rule.owner = owner_;
  rule.hint = "root alone must be able to change what engines run";
  return rule;
}

Result<std::optional<Fd>> Tree::find(std::string_view path) const {
  PINSCOPE_TRY(auto walked, walk_trusted(directory_.get(), path, rule()));
  return std::move(walked.object);
}

Result<Fd> Tree::parent(std::string_view path) const {
  const std::string name(parent_of(path));
  PINSCOPE_TRY(auto directory, find(name));
  if (!directory) return std::unexpected(Error::system("open " + quoted(name), ENOENT));
  PINSCOPE_TRY(const auto status, status_of(*directory, name));
  if (!S_ISDIR(status.st_mode))
    return std::unexpected(Error::system("open " + quoted(name), ENOTDIR));
  PINSCOPE_CHECK(check_trusted(status, name, rule()));
  return *std::move(directory);
}

Result<std::optional<File>> Tree::read(std::string_view path) const {
  PINSCOPE_TRY(const auto object, find(path));
  if (!object) return std::optional<File>();
  PINSCOPE_TRY(const auto status, status_of(*object, path));
  if (!S_ISREG(status.st_mode))
    return std::unexpected(
        Error(ErrorCode::kSystem, "read " + quoted(path)).reason("it is not a regular file"));
  PINSCOPE_CHECK(check_trusted(status, path, rule()));
  PINSCOPE_TRY(const Fd file, reopen(*object, O_RDONLY, path));
  PINSCOPE_TRY(std::string text, read_all(file.get(), kFileLimit, path));
  return File{.text = std::move(text), .mode = status.st_mode & 07777U, .gid = status.st_gid};
}

bool Tree::exists(std::string_view path) const {
  return holds(path).value_or(false);
}

Result<bool> Tree::holds(std::string_view path) const {
  PINSCOPE_TRY(const auto object, find(path));
  return object.has_value();
}

std::optional<struct stat> Tree::status(std::string_view path) const {
  const auto object = find(path);
  if (!object || !*object) return std::nullopt;
  const auto status = status_of(**object, path);
  return status ? std::optional<struct stat>(*status) : std::nullopt;
}

Result<std::vector<std::string>> Tree::entries(std::string_view directory) const {
  PINSCOPE_TRY(const auto object, find(directory));
  if (!object) return std::vector<std::string>();
  PINSCOPE_TRY(const Fd opened, reopen(*object, O_RDONLY | O_DIRECTORY, directory));
  return names_in(opened.get(), directory);
}

Result<std::vector<std::string>> Tree::list(std::string_view directory) const {
  std::vector<std::string> files;
  PINSCOPE_TRY(const auto names, entries(directory));
  for (const auto& name : names) {
    const std::string path = join(directory, name);
    PINSCOPE_TRY(const auto file, find(path));
    if (!file) continue;
    PINSCOPE_TRY(const auto status, status_of(*file, path));
    if (S_ISREG(status.st_mode)) files.push_back(name);
  }
  return files;
}

Status Tree::check_program(std::string_view path, const char* option) const {
  const auto cannot = [&] { return Error(ErrorCode::kSystem, "use program " + quoted(path)); };
  PINSCOPE_TRY(const auto object, find(path));
  if (!object) {
    auto missing = cannot().reason("it is not there");
    if (option == nullptr) return std::unexpected(std::move(missing));
    return std::unexpected(std::move(missing).hint(std::string("install it there, or say with ") +
                                                   option + " where it is"));
  }
  PINSCOPE_TRY(const auto status, status_of(*object, path));
  if (!S_ISREG(status.st_mode)) return std::unexpected(cannot().reason("it is not a regular file"));
  PINSCOPE_CHECK(check_trusted(status, path, rule()));
  if ((status.st_mode & S_IXUSR) == 0)
    return std::unexpected(cannot().reason("it is not executable"));
  return {};
}

Status Tree::write(std::string_view path, const File& file) const {
  PINSCOPE_TRY(const Fd directory, parent(path));
  const std::string name(base_name(path));
  struct stat status {};
  if (::fstatat(directory.get(), name.c_str(), &status, AT_SYMLINK_NOFOLLOW) == 0 &&
      !S_ISREG(status.st_mode))
    return std::unexpected(
        Error(ErrorCode::kSystem, "write " + quoted(path))
            .reason(S_ISLNK(status.st_mode) ? "it is a symbolic link" : "it is not a regular file")
            .hint("whoever made it so must change it"));
  PINSCOPE_CHECK(in_context(write_atomically(directory.get(), name, file.text, file.mode, true),
                            std::string(path)));
  // The group of a file that was there already, such as "docker".
  if (file.gid != ::getegid() && ::fchownat(directory.get(), name.c_str(), static_cast<uid_t>(-1),
                                            file.gid, AT_SYMLINK_NOFOLLOW) != 0)
    return std::unexpected(Error::system("set the group of " + quoted(path), errno));
  return {};
}

Status Tree::remove_file(std::string_view path) const {
  PINSCOPE_TRY(const Fd directory, parent(path));
  if (::unlinkat(directory.get(), std::string(base_name(path)).c_str(), 0) != 0)
    return std::unexpected(Error::system("remove " + quoted(path), errno));
  return {};
}

Status Tree::make_directory(std::string_view path) const {
  PINSCOPE_TRY(const Fd directory, parent(path));
  const std::string name(base_name(path));
  if (::mkdirat(directory.get(), name.c_str(), 0755) != 0)
    return std::unexpected(Error::system("make directory " + quoted(path), errno));
  // Not what the umask has left of it.
  if (::fchmodat(directory.get(), name.c_str(), 0755, 0) != 0)
    return std::unexpected(Error::system("set the mode of " + quoted(path), errno));
  return {};
}

Status Tree::remove_directory(std::string_view path) const {
  PINSCOPE_TRY(const Fd directory, parent(path));
  if (::unlinkat(directory.get(), std::string(base_name(path)).c_str(), AT_REMOVEDIR) != 0 &&
      errno != ENOTEMPTY && errno != EEXIST && errno != EBUSY)
    return std::unexpected(Error::system("remove directory " + quoted(path), errno));
  return {};
}

}  // namespace pinscope::engine
