#include "plugin/kernel/mount/later_mounts.h"

#include <fcntl.h>
#include <linux/magic.h>
#include <linux/openat2.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <climits>
#include <utility>

#include "plugin/base/path.h"
#include "plugin/base/text.h"
#include "plugin/kernel/mount/obstacles.h"
#include "plugin/kernel/sys.h"

namespace pinscope::kernel {
namespace {

constexpr uint64_t kInRoot = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS;
constexpr int kMaxLinks = 40;  // as the kernel: MAXSYMLINKS

// With a slash in front for each, so that the first n are a path and so are the rest.
std::string joined(const std::vector<std::string_view>& parts, size_t first, size_t end) {
  std::string text;
  for (size_t i = first; i < end; ++i) text += "/" + std::string(parts[i]);
  return text;
}

Result<Fd> open_in(int root, const std::string& path, uint64_t flags) {
  return open_resolved(root, path.empty() ? "/" : path, flags, kInRoot);
}

bool is_proc(int fd) {
  struct statfs file_system {};
  return ::fstatfs(fd, &file_system) == 0 && file_system.f_type == PROC_SUPER_MAGIC;
}

// "self" of the container's /proc is the process that will mount, and we are not in it: its entry
// does not exist for us, and what is behind may lead anywhere.
bool leads_out_of_proc(const std::vector<std::string_view>& parts, size_t at) {
  constexpr std::array<std::string_view, 5> kOut = {"root", "cwd", "fd", "map_files", ".."};
  if (parts[at] != "self" && parts[at] != "thread-self") return false;
  return std::any_of(
      parts.begin() + static_cast<ptrdiff_t>(at) + 1, parts.end(),
      [&](std::string_view part) { return std::ranges::find(kOut, part) != kOut.end(); });
}

}  // namespace

Result<std::string> LaterMounts::name_of(int fd) const {
  std::array<char, PATH_MAX> name{};
  const ssize_t size =
      ::readlinkat(proc_self_fd_, std::to_string(fd).c_str(), name.data(), name.size());
  if (size < 0) return std::unexpected(Error::system("ask for a path in the container", errno));
  return std::string(name.data(), static_cast<size_t>(size));
}

Result<std::optional<std::string>> LaterMounts::place_of(const std::string& path,
                                                         bool is_to_come) const {
  std::string wanted = path;
  for (int links = 0; links < kMaxLinks; ++links) {
    const auto opened = open_in(root_.fd(), wanted, O_PATH);
    if (opened) return name_of(opened->get());
    const int errnum = opened.error().errnum();
    if (errnum == ENOTDIR) return std::nullopt;
    if (errnum != ENOENT) return std::unexpected(unknown_later(path, errnum));

    // What is the first thing that is not there, and does a link lead to it?
    std::vector<std::string_view> parts = split(wanted, '/');
    std::erase(parts, "");
    size_t present = parts.size();
    Fd parent;
    while (!parent.valid() && present > 0)
      if (auto prefix = open_in(root_.fd(), joined(parts, 0, --present), O_PATH | O_DIRECTORY))
        parent = *std::move(prefix);
    if (!parent.valid() || parts.empty()) return std::nullopt;
    if (is_proc(parent.get()) && leads_out_of_proc(parts, present))
      return std::unexpected(unknown_later(path, ELOOP));
    std::array<char, PATH_MAX> target{};
    const ssize_t size = ::readlinkat(parent.get(), std::string(parts[present]).c_str(),
                                      target.data(), target.size());
    if (size <= 0) {
      if (!is_to_come) return std::nullopt;
      PINSCOPE_TRY(const std::string above, name_of(parent.get()));
      return (above == "/" ? "" : above) + joined(parts, present, parts.size());
    }
    const std::string_view link(target.data(), static_cast<size_t>(size));
    const std::string before = link.starts_with('/') ? "" : joined(parts, 0, present) + "/";
    wanted = before + std::string(link) + joined(parts, present + 1, parts.size());
  }
  return std::unexpected(unknown_later(path, ELOOP));
}

Status LaterMounts::check(const std::string& at, const std::vector<std::string>& masked,
                          const std::vector<std::string>& read_only) const {
  PINSCOPE_TRY(const std::string view, place_of_view(at));
  for (const auto& path : masked) {
    PINSCOPE_TRY(const auto place, place_of(path));
    if (place && (is_at_or_below(view, *place) || is_at_or_below(*place, view)))
      return std::unexpected(masked_later(at, path));
  }
  for (const auto& path : read_only) {
    PINSCOPE_TRY(const auto place, place_of(path));
    if (place && is_at_or_below(view, *place)) return std::unexpected(read_only_later(at, path));
  }
  return {};
}

Status LaterMounts::check_ahead(const std::string& at, const std::vector<std::string>& masked,
                                const std::vector<std::string>& read_only) const {
  PINSCOPE_TRY(const std::string values, place_of_view(at));
  for (const auto& path : masked) {
    PINSCOPE_TRY(const auto place, place_of(path, true));
    if (place && (is_at_or_below(values, *place) || is_at_or_below(*place, values)))
      return std::unexpected(values_masked_later(at, path));
  }
  for (const auto& path : read_only) {
    PINSCOPE_TRY(const auto place, place_of(path, true));
    if (place && is_at_or_below(*place, values))
      return std::unexpected(values_read_only_later(at, path));
  }
  return {};
}

Result<std::string> LaterMounts::place_of_view(const std::string& at) const {
  PINSCOPE_TRY(const auto components, parse_absolute(at));
  PINSCOPE_TRY(const Fd directory, root_.open_directory(components));
  return name_of(directory.get());
}

}  // namespace pinscope::kernel
