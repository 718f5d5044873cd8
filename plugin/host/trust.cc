#include "plugin/host/trust.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <deque>
#include <utility>
#include <vector>

#include "plugin/base/path.h"
#include "plugin/base/text.h"
#include "plugin/host/file.h"

namespace pinscope {
namespace {

constexpr mode_t kOthersMayWrite = S_IWGRP | S_IWOTH;
constexpr int kMaxLinks = 40;  // as many as the kernel follows

Result<struct stat> status_of(const Fd& object, std::string_view path) {
  struct stat status {};
  if (::fstat(object.get(), &status) != 0)
    return std::unexpected(Error::system("stat " + quoted(path), errno));
  return status;
}

// A trusted object below the machine's root directory.
Result<Fd> open_trusted(const std::string& path, int flags, const TrustRule& rule) {
  PINSCOPE_TRY(const Fd root, open_at(AT_FDCWD, "/", O_PATH | O_DIRECTORY));
  PINSCOPE_TRY(const auto walked, walk_trusted(root.get(), path, rule));
  if (!walked.object) return std::unexpected(Error::system("open " + quoted(walked.path), ENOENT));
  // By its name, which nobody else can give to another: there may be no /proc to open the object
  // by.
  auto opened =
      walked.directory.valid()
          ? open_at(walked.directory.get(), std::string(base_name(walked.path)), flags | O_NOFOLLOW)
          : open_at(walked.object->get(), ".", flags);
  if (!opened)
    return std::unexpected(Error::system("open " + quoted(walked.path), opened.error().errnum()));
  PINSCOPE_TRY(const auto status, status_of(*opened, walked.path));
  if ((flags & O_DIRECTORY) == 0 && !S_ISREG(status.st_mode))
    return std::unexpected(
        Error(rule.code, "read " + quoted(path)).reason("it is not a regular file"));
  PINSCOPE_CHECK(check_trusted(status, walked.path, rule));
  return opened;
}

}  // namespace

Status check_trusted(const struct stat& status, std::string_view path, const TrustRule& rule) {
  const auto untrusted = [&](std::string reason) {
    return std::unexpected(
        Error(rule.code, "trust " + quoted(path)).reason(std::move(reason)).hint(rule.hint));
  };
  if (status.st_uid != rule.owner)
    return untrusted(
        (S_ISLNK(status.st_mode) ? "it is a symbolic link of uid " : "it is owned by uid ") +
        std::to_string(status.st_uid));
  // A link's mode means nothing.
  if (!S_ISLNK(status.st_mode) && (status.st_mode & kOthersMayWrite) != 0) {
    char mode[8];
    std::snprintf(mode, sizeof mode, "%04o", status.st_mode & 07777U);
    return untrusted(std::string("others may write it (mode ") + mode + ")");
  }
  return {};
}

Result<Walked> walk_trusted(int root, std::string_view path, const TrustRule& rule) {
  if (!path.starts_with('/'))
    return std::unexpected(
        Error(rule.code, "trust " + quoted(path)).reason("it is not an absolute path"));
  std::vector<Fd> way;  // from the root to where we are
  PINSCOPE_TRY(Fd start, open_at(root, ".", O_PATH | O_DIRECTORY));
  way.push_back(std::move(start));
  Components names;
  std::deque<std::string> left;
  for (auto& component : components_of(path)) left.push_back(std::move(component));
  int links = 0;
  while (!left.empty()) {
    PINSCOPE_TRY(const auto here, status_of(way.back(), to_absolute(names)));
    PINSCOPE_CHECK(check_trusted(here, to_absolute(names), rule));
    const std::string name = std::move(left.front());
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
    auto object = open_at(way.back().get(), name, O_PATH | O_NOFOLLOW);
    if (!object) {
      if (object.error().errnum() == ENOENT)
        return Walked{place, std::nullopt, std::move(way.back())};
      return std::unexpected(Error::system("open " + quoted(place), object.error().errnum()));
    }
    PINSCOPE_TRY(const auto status, status_of(*object, place));
    if (!S_ISLNK(status.st_mode)) {
      way.push_back(*std::move(object));
      continue;
    }
    PINSCOPE_CHECK(check_trusted(status, place, rule));
    if (++links > kMaxLinks) return std::unexpected(Error::system("open " + quoted(path), ELOOP));
    const auto target = read_link_at(way.back().get(), name);
    if (!target)
      return std::unexpected(Error::system("read link " + quoted(place), target.error().errnum()));
    names.pop_back();
    if (target->starts_with('/')) {
      way.resize(1);
      names.clear();
    }
    const auto parts = components_of(*target);
    left.insert(left.begin(), parts.begin(), parts.end());
  }
  Walked walked{to_absolute(names), std::move(way.back()), Fd()};
  way.pop_back();
  if (!way.empty()) walked.directory = std::move(way.back());
  return walked;
}

Result<Fd> open_trusted_file(const std::string& path, ErrorCode code) {
  return open_trusted(path, O_RDONLY | O_NONBLOCK, TrustRule(code));
}

Result<Fd> open_trusted_directory(const std::string& path, ErrorCode code) {
  return open_trusted(path, O_RDONLY | O_DIRECTORY, TrustRule(code));
}

}  // namespace pinscope
