#include "plugin/kernel/bpf/pin_list.h"

#include <fcntl.h>
#include <linux/magic.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/vfs.h>

#include <algorithm>
#include <cerrno>
#include <climits>
#include <deque>
#include <optional>
#include <ranges>

#include "plugin/base/path.h"
#include "plugin/base/text.h"
#include "plugin/host/directory.h"
#include "plugin/host/file.h"
#include "plugin/kernel/mount/machine.h"
#include "plugin/kernel/mount/mounts.h"
#include "plugin/kernel/sys.h"

namespace pinscope::kernel {
namespace {

constexpr uint64_t kNoLinks = RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS;
// Whoever makes what is left out may make any amount of it.
constexpr size_t kMaxReported = 8;
constexpr size_t kLongestSaid = 200;
// Names of one directory before others have their turn, and by how much more each further turn.
constexpr size_t kFirstTurn = 256;
constexpr size_t kLongerTurn = 4;

bool is_gone(int errnum) {
  return errnum == ENOENT || errnum == ENOTDIR || errnum == ELOOP;
}

bool is_of_root_alone(const struct stat& status) {
  return status.st_uid == 0 && (status.st_mode & (S_IWGRP | S_IWOTH)) == 0;
}

// A directory, or what may be one until it was looked at, and what is below it.
struct Node {
  Node(std::string of_path, Positions of_names)
      : path(std::move(of_path)), at(std::move(of_names)) {}

  std::string path;  // below the directory that is listed; empty for that one
  Positions at;
  bool is_read = false;
  size_t turn = kFirstTurn;  // names that it may read when it is next
  size_t cost = 0;           // directories and names that were read here and below
  std::vector<std::string> pins;
  std::vector<Node*> children;  // all of them
  std::vector<Node*> waiting;   // those in which there is more to be read: a heap
  size_t found = 0;             // pins here and below
};

// The cheapest is first in a heap with this order, of several the first by name.
bool is_later(const Node* left, const Node* right) {
  return left->cost != right->cost ? left->cost > right->cost : left->path > right->path;
}

class Listing {
 public:
  // `directory` is open as `base`. `proc`: of a process in the namespace that is walked.
  Listing(const std::string& directory, Fd base, bool is_bpf,
          const std::vector<NamePattern>& patterns, const ListLimits& limits, const char* proc)
      : directory_(directory),
        base_(std::move(base)),
        is_bpf_(is_bpf),
        limits_(limits),
        proc_(proc) {
    nodes_.emplace_back("", Positions(patterns));
  }

  model::MatchingPins run();

 private:
  void advance(Node& node);
  void read(Node& node);
  void look_at(Node& parent, const std::string& name, unsigned char type);
  using Names = std::vector<std::pair<std::string, unsigned char>>;
  std::optional<Names> names_in(int directory, Node& node);
  void choose(Node& node, size_t most);
  const std::vector<Mount>& mounts();
  [[nodiscard]] const Mount* mount_of(int fd);
  bool holds_bpffs(const std::string& path);
  const char* why_not_through(const Mount* mount, int fd, const std::string& path);
  [[nodiscard]] std::string shown(const std::string& path) const {
    return path.empty() ? directory_ : join(directory_, path);
  }
  // What was left out: said up to a number, then counted.
  void leave_out(const std::string& path, const std::string& why, bool cut_short = true);

  const std::string& directory_;
  Fd base_;
  bool is_bpf_;
  const ListLimits& limits_;
  const char* proc_;
  std::deque<Node> nodes_;  // the first is the top
  size_t directories_ = 0;
  size_t entries_ = 0;
  size_t left_out_ = 0;
  std::optional<std::vector<Mount>> mounts_;
  model::MatchingPins found_;
};

void Listing::leave_out(const std::string& path, const std::string& why, bool cut_short) {
  found_.is_cut_short = found_.is_cut_short || cut_short;
  if (left_out_++ >= kMaxReported) return;
  const std::string whole = shown(path);
  std::string start = whole.substr(0, kLongestSaid);
  if (start.size() < whole.size()) start += "...";
  found_.left_out.push_back("left out " + quoted(start) + ": " + why);
}

// The names that matter in a directory, with their types. Nothing if there are more than it may
// read now: it has another, longer turn behind those that cost less.
std::optional<Listing::Names> Listing::names_in(int directory, Node& node) {
  Names names;
  if (node.at.know_the_next()) {
    for (auto& name : node.at.next_names()) names.emplace_back(std::move(name), DT_UNKNOWN);
    return names;
  }
  auto readable = open_at(directory, ".", O_RDONLY | O_DIRECTORY);
  if (!readable) {
    leave_out(node.path, readable.error().sentence());
    return names;
  }
  Directory open(*std::move(readable));
  const size_t at_most = std::min(limits_.entries - entries_, limits_.entries_of_directory);
  const size_t most = std::min(at_most, node.turn);
  size_t entries = 0;
  bool is_cut = false;
  while (const auto* entry = open.next()) {
    const std::string_view name = entry->d_name;
    is_cut = entries == most;
    if (is_cut) break;
    ++entries;
    if (!node.at.behind(name).lead_nowhere()) names.emplace_back(name, entry->d_type);
  }
  entries_ += entries;
  node.cost += entries;
  if (is_cut && most < at_most) {
    node.turn *= kLongerTurn;
    return std::nullopt;
  }
  if (is_cut) leave_out(node.path, "more than " + std::to_string(most) + " names were read");
  // The same pins at each start, however the kernel keeps them.
  std::ranges::sort(names);
  return names;
}

const std::vector<Mount>& Listing::mounts() {
  if (!mounts_) mounts_ = read_mounts(proc_).value_or(std::vector<Mount>());
  return *mounts_;
}

const Mount* Listing::mount_of(int fd) {
  const auto id = MountTable(false, -1).id_of(fd);
  const auto mount = id ? std::ranges::find(mounts(), *id, &Mount::id) : mounts().end();
  return mount == mounts().end() ? nullptr : &*mount;
}

// Whether a bpffs is mounted at the path or below it: elsewhere there are no pins.
bool Listing::holds_bpffs(const std::string& path) {
  const std::string below = path == "/" ? path : path + "/";
  return std::ranges::any_of(mounts(), [&](const Mount& mount) {
    return mount.is_bpf && (mount.mount_point == path || mount.mount_point.starts_with(below));
  });
}

// Why not to go through another file system to a bpffs that is mounted in it; null if nothing
// speaks against it. One that has to ask somebody may never answer, and neither may what users
// mount: with FUSE they do, on directories that they may write.
const char* Listing::why_not_through(const Mount* mount, int fd, const std::string& path) {
  constexpr const char* kOther = "another file system than a bpffs is mounted there";
  if (mount == nullptr || mount->may_wait || mount->leads_anywhere() || !holds_bpffs(path))
    return kOther;
  struct stat status {};
  if (::fstat(fd, &status) != 0) return kOther;
  return is_of_root_alone(status) ? nullptr : "others than root may mount something there";
}

// What is mounted there is asked nothing before it is known to be a bpffs: another file system may
// never answer. What is above it was looked at before.
void Listing::read(Node& node) {
  node.is_read = true;
  ++node.cost;
  const std::string path = node.path.empty() ? "." : node.path;
  bool is_bpf = is_bpf_;
  auto fd = open_resolved(base_.get(), path, O_PATH | O_NOFOLLOW, kNoLinks | RESOLVE_NO_XDEV);
  if (!fd && fd.error().errnum() == EXDEV) {
    fd = open_resolved(base_.get(), path, O_PATH | O_NOFOLLOW, kNoLinks);
    const Mount* mount = fd ? mount_of(fd->get()) : nullptr;
    is_bpf = mount != nullptr && mount->is_bpf;
    const char* why = nullptr;
    if (fd && !is_bpf) why = why_not_through(mount, fd->get(), shown(node.path));
    if (why != nullptr) return leave_out(node.path, why, false);
  }
  if (!fd) {
    if (!is_gone(fd.error().errnum())) leave_out(node.path, fd.error().sentence());
    return;
  }
  struct stat status {};
  if (::fstat(fd->get(), &status) != 0) return;
  if (S_ISREG(status.st_mode) && is_bpf && node.at.match()) node.pins.push_back(node.path);
  if (!S_ISDIR(status.st_mode) || !node.at.lead_on()) return;
  const auto depth = std::ranges::count(node.path, '/') + (node.path.empty() ? 0 : 1);
  if (static_cast<size_t>(depth) > limits_.depth)
    return leave_out(node.path, "it is nested too deeply");
  if (node.turn == kFirstTurn && directories_++ >= limits_.directories)
    return leave_out(node.path,
                     "more than " + std::to_string(limits_.directories) + " directories were read");
  const auto names = names_in(fd->get(), node);
  node.is_read = names.has_value();
  if (!names) return;
  for (const auto& [name, type] : *names)
    if (is_bpf || (type != DT_REG && holds_bpffs(join(shown(node.path), name))))
      look_at(node, name, type);
}

void Listing::look_at(Node& parent, const std::string& name, unsigned char type) {
  Positions at = parent.at.behind(name);
  if (type == DT_LNK || (type == DT_DIR && !at.lead_on()) || (type == DT_REG && !at.match()))
    return;
  std::string path = parent.path.empty() ? name : parent.path + "/" + name;
  if (shown(path).size() >= PATH_MAX) return leave_out(path, "a path below it is too long");
  if (type == DT_REG) return parent.pins.push_back(std::move(path));
  Node& child = nodes_.emplace_back(std::move(path), std::move(at));
  parent.children.push_back(&child);
  parent.waiting.push_back(&child);
}

// Reads one directory: this one or, of those below it, one in the part that cost least so far.
void Listing::advance(Node& node) {
  if (!node.is_read) {
    read(node);
    std::ranges::make_heap(node.waiting, is_later);
    return;
  }
  std::ranges::pop_heap(node.waiting, is_later);
  Node& child = *node.waiting.back();
  node.waiting.pop_back();
  const size_t before = child.cost;
  advance(child);
  node.cost += child.cost - before;
  if (child.is_read && child.waiting.empty()) return;
  node.waiting.push_back(&child);
  std::ranges::push_heap(node.waiting, is_later);
}

// Takes up to `most` of the pins: an equal part from the directory itself and from each that is in
// it; what one of them does not need is for the others.
void Listing::choose(Node& node, size_t most) {
  // Those that need least first; the directory's own pins stand there as nullptr.
  std::vector<std::pair<size_t, Node*>> parts = {{node.pins.size(), nullptr}};
  for (Node* child : node.children) parts.emplace_back(child->found, child);
  std::ranges::stable_sort(parts, {}, &std::pair<size_t, Node*>::first);
  for (size_t i = 0; i < parts.size(); ++i) {
    const auto& [needed, child] = parts[i];
    const size_t taken = std::min(needed, most / (parts.size() - i));
    most -= taken;
    if (child != nullptr) {
      choose(*child, taken);
      continue;
    }
    for (size_t pin = 0; pin < taken; ++pin) found_.pins.push_back(shown(node.pins[pin]));
    for (size_t pin = taken; pin < needed; ++pin)
      leave_out(node.pins[pin], "more than " + std::to_string(limits_.pins) + " pins match");
  }
}

model::MatchingPins Listing::run() {
  Node& top = nodes_.front();
  do advance(top);
  while (!top.is_read || !top.waiting.empty());
  // What is below a directory was made after it.
  for (auto& node : std::views::reverse(nodes_)) {
    node.found = node.pins.size();
    for (const Node* child : node.children) node.found += child->found;
  }
  choose(top, limits_.pins);
  if (left_out_ > kMaxReported)
    found_.left_out.push_back("and left out " + std::to_string(left_out_ - kMaxReported) + " more");
  std::ranges::sort(found_.pins);
  return std::move(found_);
}

}  // namespace

Result<model::MatchingPins> list_pins(const std::string& directory,
                                      const std::vector<NamePattern>& patterns,
                                      const ListLimits& limits) {
  PINSCOPE_TRY(const auto machine, MachineRoot::find());
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
  return Listing(directory, *std::move(fd), is_bpf, patterns, limits, machine.proc()).run();
}

}  // namespace pinscope::kernel
