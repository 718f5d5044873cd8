#include "plugin/engine/wiring/tree.h"

#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <climits>
#include <deque>

#include "plugin/base/path.h"
#include "plugin/base/text.h"
#include "plugin/host/file.h"

namespace pinscope::engine {
namespace {

constexpr int kMaxLinks = 40;  // as many as the kernel follows

// The components of a path or of a link's target; "." and empty ones are of no account.
std::vector<std::string> components_of(std::string_view path) {
  std::vector<std::string> components;
  for (const auto part : split(path, '/'))
    if (!part.empty() && part != ".") components.emplace_back(part);
  return components;
}

Result<std::string> link_target(int directory, const std::string& name, const std::string& path) {
  std::array<char, PATH_MAX> target{};
  const ssize_t length = ::readlinkat(directory, name.c_str(), target.data(), target.size());
  if (length < 0)
    return std::unexpected(Error::system("read symbolic link " + quoted(path), errno));
  return std::string(target.data(), static_cast<size_t>(length));
}

// What an O_PATH descriptor stands for, opened in earnest.
Result<Fd> reopen(const Fd& object, int flags, std::string_view path) {
  const std::string name = "/proc/self/fd/" + std::to_string(object.get());
  const int fd = ::open(name.c_str(), flags | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
  if (fd < 0) return std::unexpected(Error::system("open " + quoted(path), errno));
  return Fd(fd);
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

Status Tree::check_owner(const struct stat& status, std::string_view path) const {
  const auto distrust = [&](const std::string& reason) {
    return std::unexpected(Error(ErrorCode::kSystem, "trust " + quoted(path))
                               .reason(reason)
                               .hint("root alone must be able to change what engines run"));
  };
  if (status.st_uid != owner_)
    return distrust("it is owned by uid " + std::to_string(status.st_uid));
  // A link's mode means nothing.
  if (!S_ISLNK(status.st_mode) && (status.st_mode & (S_IWGRP | S_IWOTH)) != 0)
    return distrust("others than its owner may write to it");
  return {};
}

Result<std::optional<Fd>> Tree::find(std::string_view path, Links links) const {
  if (!path.starts_with('/'))
    return std::unexpected(
        Error(ErrorCode::kUsage, "use " + quoted(path)).reason("it is not an absolute path"));
  PINSCOPE_TRY(Fd root, open_at(directory_.get(), ".", O_PATH | O_DIRECTORY));
  std::vector<Fd> way;  // from the root to where we are
  way.push_back(std::move(root));
  std::vector<std::string> names;
  std::deque<std::string> left;
  for (auto& component : components_of(path)) left.push_back(std::move(component));
  int links_followed = 0;
  while (!left.empty()) {
    PINSCOPE_TRY(const auto here, status_of(way.back(), to_absolute(names)));
    PINSCOPE_CHECK(check_owner(here, to_absolute(names)));
    const std::string name = left.front();
    left.pop_front();
    if (name == "..") {
      if (way.size() > 1) {
        way.pop_back();
        names.pop_back();
      }
      continue;
    }
    names.push_back(name);
    const std::string place = to_absolute(names);
    const int fd =
        ::openat(way.back().get(), name.c_str(), O_PATH | O_NOFOLLOW | O_CLOEXEC | O_NOCTTY);
    if (fd < 0) {
      if (errno == ENOENT) return std::optional<Fd>();
      return std::unexpected(Error::system("open " + quoted(place), errno));
    }
    Fd object(fd);
    PINSCOPE_TRY(const auto status, status_of(object, place));
    if (!S_ISLNK(status.st_mode) || (left.empty() && links == Links::kKeep)) {
      way.push_back(std::move(object));
      continue;
    }
    PINSCOPE_CHECK(check_owner(status, place));
    if (++links_followed > kMaxLinks)
      return std::unexpected(Error::system("open " + quoted(path), ELOOP));
    PINSCOPE_TRY(const std::string target, link_target(way.back().get(), name, place));
    names.pop_back();
    if (target.starts_with('/')) {
      way.resize(1);
      names.clear();
    }
    auto parts = components_of(target);
    left.insert(left.begin(), parts.begin(), parts.end());
  }
  return std::optional<Fd>(std::move(way.back()));
}

Result<Fd> Tree::parent(std::string_view path) const {
  const std::string name(parent_of(path));
  PINSCOPE_TRY(auto directory, find(name, Links::kFollow));
  if (!directory) return std::unexpected(Error::system("open " + quoted(name), ENOENT));
  PINSCOPE_TRY(const auto status, status_of(*directory, name));
  if (!S_ISDIR(status.st_mode))
    return std::unexpected(Error::system("open " + quoted(name), ENOTDIR));
  PINSCOPE_CHECK(check_owner(status, name));
  return *std::move(directory);
}

Result<std::optional<File>> Tree::read(std::string_view path) const {
  PINSCOPE_TRY(const auto object, find(path, Links::kFollow));
  if (!object) return std::optional<File>();
  PINSCOPE_TRY(const auto status, status_of(*object, path));
  if (!S_ISREG(status.st_mode))
    return std::unexpected(
        Error(ErrorCode::kSystem, "read " + quoted(path)).reason("it is not a regular file"));
  PINSCOPE_CHECK(check_owner(status, path));
  PINSCOPE_TRY(const Fd file, reopen(*object, O_RDONLY, path));
  PINSCOPE_TRY(std::string text, read_all(file.get(), kFileLimit, path));
  return File{.text = std::move(text), .mode = status.st_mode & 07777U, .gid = status.st_gid};
}

bool Tree::exists(std::string_view path) const {
  return holds(path).value_or(false);
}

Result<bool> Tree::holds(std::string_view path) const {
  PINSCOPE_TRY(const auto object, find(path, Links::kFollow));
  return object.has_value();
}

std::optional<struct stat> Tree::status(std::string_view path) const {
  const auto object = find(path, Links::kFollow);
  if (!object || !*object) return std::nullopt;
  const auto status = status_of(**object, path);
  return status ? std::optional<struct stat>(*status) : std::nullopt;
}

Result<std::vector<std::string>> Tree::entries(std::string_view directory) const {
  PINSCOPE_TRY(const auto object, find(directory, Links::kFollow));
  if (!object) return std::vector<std::string>();
  PINSCOPE_TRY(const Fd opened, reopen(*object, O_RDONLY | O_DIRECTORY, directory));
  return names_in(opened.get(), directory);
}

Result<std::vector<std::string>> Tree::list(std::string_view directory) const {
  std::vector<std::string> files;
  PINSCOPE_TRY(const auto names, entries(directory));
  for (const auto& name : names) {
    const std::string path = join(directory, name);
    PINSCOPE_TRY(const auto file, find(path, Links::kFollow));
    if (!file) continue;
    PINSCOPE_TRY(const auto status, status_of(*file, path));
    if (S_ISREG(status.st_mode)) files.push_back(name);
  }
  return files;
}

Status Tree::check_program(std::string_view path, const char* option) const {
  const auto cannot = [&] { return Error(ErrorCode::kSystem, "use program " + quoted(path)); };
  PINSCOPE_TRY(const auto object, find(path, Links::kFollow));
  if (!object) {
    auto missing = cannot().reason("it is not there");
    if (option == nullptr) return std::unexpected(std::move(missing));
    return std::unexpected(std::move(missing).hint(std::string("install it there, or say with ") +
                                                   option + " where it is"));
  }
  PINSCOPE_TRY(const auto status, status_of(*object, path));
  if (!S_ISREG(status.st_mode)) return std::unexpected(cannot().reason("it is not a regular file"));
  PINSCOPE_CHECK(check_owner(status, path));
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
