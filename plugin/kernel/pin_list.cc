#include "plugin/kernel/pin_list.h"

#include <dirent.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/vfs.h>

#include <algorithm>
#include <cerrno>
#include <climits>
#include <optional>
#include <unordered_set>

#include "plugin/base/file.h"
#include "plugin/base/text.h"
#include "plugin/kernel/machine.h"
#include "plugin/kernel/mounts.h"
#include "plugin/kernel/sys.h"

namespace pinscope::kernel {
namespace {

using Kind = NamePattern::Kind;

constexpr uint64_t kNoLinks = RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS;
constexpr size_t kMountinfoLimit = size_t{64} << 20;
// Whoever makes what is left out may make any amount of it.
constexpr size_t kMostSaid = 8;
constexpr size_t kLongestSaid = 200;

bool is_gone(int errnum) {
  return errnum == ENOENT || errnum == ENOTDIR || errnum == ELOOP;
}

struct Directory {
  DIR* stream;
  explicit Directory(Fd fd) : stream(::fdopendir(fd.get())) {
    if (stream != nullptr) (void)fd.release();
  }
  Directory(const Directory&) = delete;
  Directory& operator=(const Directory&) = delete;
  ~Directory() {
    if (stream != nullptr) ::closedir(stream);
  }
};

// Positions in the patterns that the next name may be compared with, ascending: more than one only
// behind a kAnyDepth.
using Positions = std::vector<size_t>;

class Listing {
 public:
  // `mountinfo`: of the namespace that is walked.
  Listing(const std::vector<NamePattern>& patterns, const ListLimits& limits, const char* mountinfo)
      : patterns_(patterns), limits_(limits), mountinfo_(mountinfo) {}

  // Everything below `fd`, whose path is `path`.
  void walk(Fd fd, const std::string& path, const Positions& at, size_t depth, bool is_bpf);
  [[nodiscard]] Positions start() const { return closed({0}); }
  model::MatchingPins take();

 private:
  [[nodiscard]] Positions closed(Positions at) const;
  [[nodiscard]] Positions behind(const Positions& at, std::string_view name) const;
  [[nodiscard]] bool is_end(const Positions& at) const {
    return !at.empty() && at.back() == patterns_.size();
  }
  [[nodiscard]] bool leads_on(const Positions& at) const {
    return !at.empty() && at.front() < patterns_.size();
  }
  [[nodiscard]] bool is_looked_up(const Positions& at) const;
  std::optional<std::vector<std::pair<std::string, unsigned char>>> names_in(
      int directory, const std::string& path, const Positions& at);
  void look_at(int parent, const std::string& path, const std::string& name, unsigned char type,
               const Positions& at, size_t depth, bool is_bpf);
  void enter(int parent, const std::string& name, const std::string& path, const Positions& at,
             size_t depth, bool is_bpf);
  void add(const std::string& path);
  bool is_bpf_mount(int fd);
  // What was left out: said up to a number, then counted.
  void leave_out(const std::string& path, const std::string& why, bool cut_short = true);

  const std::vector<NamePattern>& patterns_;
  const ListLimits& limits_;
  const char* mountinfo_;
  size_t directories_ = 0;
  size_t entries_ = 0;
  size_t left_out_ = 0;
  std::optional<std::unordered_set<uint64_t>> bpf_mounts_;
  model::MatchingPins found_;
};

void Listing::leave_out(const std::string& path, const std::string& why, bool cut_short) {
  found_.is_cut_short = found_.is_cut_short || cut_short;
  if (left_out_++ >= kMostSaid) return;
  std::string shown = path.substr(0, kLongestSaid);
  if (shown.size() < path.size()) shown += "...";
  found_.left_out.push_back("left out " + quoted(shown) + ": " + why);
}

// A kAnyDepth may stand for nothing.
Positions Listing::closed(Positions at) const {
  for (size_t i = 0; i < at.size(); ++i)
    if (at[i] < patterns_.size() && patterns_[at[i]].kind == Kind::kAnyDepth)
      at.push_back(at[i] + 1);
  std::ranges::sort(at);
  at.erase(std::ranges::unique(at).begin(), at.end());
  return at;
}

Positions Listing::behind(const Positions& at, std::string_view name) const {
  Positions next;
  for (const size_t position : at) {
    if (position == patterns_.size()) continue;
    const NamePattern& pattern = patterns_[position];
    switch (pattern.kind) {
      case Kind::kExactly:
        if (pattern.name == name) next.push_back(position + 1);
        break;
      case Kind::kMatching:
        if (pattern.matches(name)) next.push_back(position + 1);
        break;
      case Kind::kAnyDepth:
        next.push_back(position);
        break;
    }
  }
  return closed(std::move(next));
}

bool Listing::is_looked_up(const Positions& at) const {
  return std::ranges::all_of(at, [&](size_t position) {
    return position == patterns_.size() || patterns_[position].kind == Kind::kExactly;
  });
}

// The names that matter in a directory, with their types; nothing if it is not looked at.
std::optional<std::vector<std::pair<std::string, unsigned char>>> Listing::names_in(
    int directory, const std::string& path, const Positions& at) {
  std::vector<std::pair<std::string, unsigned char>> names;
  if (is_looked_up(at)) {
    for (const size_t position : at)
      if (position < patterns_.size()) names.emplace_back(patterns_[position].name, DT_UNKNOWN);
    return names;
  }
  auto readable = open_at(directory, ".", O_RDONLY | O_DIRECTORY);
  if (!readable) {
    leave_out(path, readable.error().sentence());
    return std::nullopt;
  }
  const Directory open(*std::move(readable));
  if (open.stream == nullptr) return std::nullopt;
  while (const struct dirent* entry = ::readdir(open.stream)) {
    const std::string_view name = entry->d_name;
    if (name == "." || name == "..") continue;
    if (entries_++ >= limits_.entries) {
      leave_out(path, "more than " + std::to_string(limits_.entries) + " names were read");
      break;
    }
    if (!behind(at, name).empty()) names.emplace_back(name, entry->d_type);
  }
  // The same pins at each start, however the kernel keeps them.
  std::ranges::sort(names);
  return names;
}

bool Listing::is_bpf_mount(int fd) {
  if (!bpf_mounts_) {
    bpf_mounts_.emplace();
    const auto file = open_at(AT_FDCWD, mountinfo_, O_RDONLY);
    const auto text = file ? read_all(file->get(), kMountinfoLimit, mountinfo_)
                           : Result<std::string>(std::string());
    if (text)
      for (const auto& mount : parse_mountinfo(*text))
        if (mount.is_bpf) bpf_mounts_->insert(mount.id);
  }
  const auto id = MountTable(false, -1).id_of(fd);
  return id && bpf_mounts_->contains(*id);
}

void Listing::add(const std::string& path) {
  if (found_.pins.size() == limits_.pins)
    return leave_out(path, "more than " + std::to_string(limits_.pins) + " pins match");
  found_.pins.push_back(path);
}

// Something that is no link, by its name in a directory. What is mounted there is asked nothing
// before it is known to be a bpffs: another file system may never answer.
void Listing::enter(int parent, const std::string& name, const std::string& path,
                    const Positions& at, size_t depth, bool is_bpf) {
  auto fd = open_resolved(parent, name, O_PATH | O_NOFOLLOW, kNoLinks | RESOLVE_NO_XDEV);
  if (!fd && fd.error().errnum() == EXDEV) {
    fd = open_resolved(parent, name, O_PATH | O_NOFOLLOW, kNoLinks);
    is_bpf = true;
    if (fd && !is_bpf_mount(fd->get()))
      return leave_out(path, "another file system than a bpffs is mounted there", false);
  }
  if (!fd) {
    if (!is_gone(fd.error().errnum())) leave_out(path, fd.error().sentence());
    return;
  }
  struct stat status {};
  if (::fstat(fd->get(), &status) != 0) return;
  if (S_ISREG(status.st_mode) && is_bpf && is_end(at)) add(path);
  if (S_ISDIR(status.st_mode) && leads_on(at)) walk(*std::move(fd), path, at, depth + 1, is_bpf);
}

void Listing::look_at(int parent, const std::string& path, const std::string& name,
                      unsigned char type, const Positions& at, size_t depth, bool is_bpf) {
  if (type == DT_LNK) return;
  if (type == DT_DIR && !leads_on(at)) return;
  const std::string child = (path == "/" ? "" : path) + "/" + name;
  if (child.size() >= PATH_MAX) return leave_out(path, "a path below it is too long");
  if (type != DT_REG) return enter(parent, name, child, at, depth, is_bpf);
  if (is_end(at) && is_bpf) add(child);
}

void Listing::walk(Fd fd, const std::string& path, const Positions& at, size_t depth, bool is_bpf) {
  if (depth > limits_.depth) return leave_out(path, "it is nested too deeply");
  if (directories_++ >= limits_.directories)
    return leave_out(path,
                     "more than " + std::to_string(limits_.directories) + " directories were read");
  const auto names = names_in(fd.get(), path, at);
  if (!names) return;
  for (const auto& [name, type] : *names)
    look_at(fd.get(), path, name, type, behind(at, name), depth, is_bpf);
}

model::MatchingPins Listing::take() {
  if (left_out_ > kMostSaid)
    found_.left_out.push_back("and left out " + std::to_string(left_out_ - kMostSaid) + " more");
  std::ranges::sort(found_.pins);
  return std::move(found_);
}

}  // namespace

Result<model::MatchingPins> list_pins(const std::string& directory,
                                      const std::vector<NamePattern>& patterns,
                                      const ListLimits& limits) {
  PINSCOPE_TRY(const auto machine, MachineRoot::find());
  Listing listing(patterns, limits, machine.mountinfo());
  auto fd =
      open_resolved(machine.directory(), machine.path(directory), O_PATH | O_DIRECTORY, kNoLinks);
  if (!fd) {
    const int errnum = fd.error().errnum();
    if (errnum == ENOENT || errnum == ENOTDIR) return model::MatchingPins{};
    if (errnum == ELOOP)
      return std::unexpected(Error(ErrorCode::kSourceMismatch, "list pins in " + quoted(directory))
                                 .reason("it is a symbolic link, or below one")
                                 .hint("write the path without links"));
    return std::unexpected(Error::system("list pins in " + quoted(directory), errnum));
  }
  struct statfs filesystem {};
  const bool is_bpf = ::fstatfs(fd->get(), &filesystem) == 0 &&
                      static_cast<uint64_t>(filesystem.f_type) == BPF_FS_MAGIC;
  listing.walk(*std::move(fd), directory, listing.start(), 0, is_bpf);
  return listing.take();
}

}  // namespace pinscope::kernel
