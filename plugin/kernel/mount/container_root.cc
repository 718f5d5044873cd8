#include "plugin/kernel/mount/container_root.h"

#include <dirent.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstring>
#include <unordered_map>
#include <utility>

#include "plugin/base/text.h"
#include "plugin/host/file.h"
#include "plugin/kernel/mount/obstacles.h"
#include "plugin/kernel/process/file_ids.h"
#include "plugin/kernel/sys.h"

namespace pinscope::kernel {
namespace {

constexpr uint64_t kInRoot = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS;
constexpr mode_t kDirectoryMode = 0755;
// One pass takes all away that can be reached, and one finds nothing more. More than a few are
// needed only where mounts come and go meanwhile.
constexpr int kMaxPasses = 16;
// Outside the container's root, and nobody looks there any more before pivot_root(2).
constexpr const char* kLeftBehind = "/sys/fs/bpf";

struct FileId {
  uint64_t device = 0;
  uint64_t inode = 0;
};

// What cannot change is enough, so the file system is not asked: it might wait for an answer.
bool identify(int directory, const char* path, FileId& id) {
  struct statx status {};
  if (::statx(directory, path, AT_EMPTY_PATH | AT_STATX_DONT_SYNC, STATX_INO, &status) != 0)
    return false;
  id = {makedev(status.stx_dev_major, status.stx_dev_minor), status.stx_ino};
  return true;
}

std::string relative(const Components& components, size_t count) {
  std::string path;
  for (size_t i = 0; i < count; ++i) path += (i == 0 ? "" : "/") + components[i];
  return path;
}

// In a file system that was mounted in the container's user namespace our root makes nothing, and
// the container's root does.
int make_one(int parent, const std::string& name, uint32_t uid, uint32_t gid) {
  if (::mkdirat(parent, name.c_str(), kDirectoryMode) == 0) return 0;
  if (errno != EOVERFLOW) return errno;
  FileIds ids(uid, gid);
  if (!ids.taken()) return EPERM;
  const int errnum = ::mkdirat(parent, name.c_str(), kDirectoryMode) == 0 ? 0 : errno;
  return ids.give_back() ? errnum : EPERM;
}

// Of a directory that is read for the first time; false if it cannot be told.
bool is_empty(int directory) {
  // "." and ".." and one more.
  alignas(uint64_t) char entries[3 * (sizeof(struct dirent64))];
  constexpr int kSelfAndParent = 2;
  int count = 0;
  for (;;) {
    const ssize_t size = ::getdents64(directory, entries, sizeof entries);
    if (size < 0) return false;
    if (size == 0) return count <= kSelfAndParent;
    for (ssize_t at = 0; at < size; ++count) {
      uint16_t length = 0;
      std::memcpy(&length, entries + at + offsetof(struct dirent64, d_reclen), sizeof length);
      at += length;
    }
    if (count > kSelfAndParent) return false;
  }
}

// A place as the container will see it, from the place of its root in the namespace.
std::string below_root(const std::string& path, const std::string& root) {
  return root != "/" && is_at_or_below(path, root) ? path.substr(root.size()) : path;
}

Error bad_target(const Components& at, int errnum) {
  Error error = Error::system("use " + quoted(to_absolute(at)) + " in the container", errnum,
                              ErrorCode::kTargetInvalid);
  switch (errnum) {
    case ENOTDIR:
      return std::move(error).hint("a component of it is not a directory");
    case ELOOP:
      return std::move(error).hint("a component of it is a link into /proc, or links form a loop");
    default:
      return error;
  }
}

// Cold, and by that small in the hook.
[[gnu::cold]] Error too_many(size_t count) {
  return Error(ErrorCode::kHostBpffs, "hide the bpffs that the container mounts")
      .reason("it has " + std::to_string(count) + " of them")
      .hint("no more than " + std::to_string(ContainerRoot::kMaxBpffs) + " can be hidden");
}

}  // namespace

Result<HostRoot> HostRoot::remember(const std::string& rootfs) {
  HostRoot root;
  FileId id;
  if (!identify(AT_FDCWD, "/", id)) return std::unexpected(Error::system("stat \"/\"", errno));
  root.device_ = id.device;
  root.inode_ = id.inode;
  if (identify(AT_FDCWD, rootfs.c_str(), id)) {
    root.rootfs_device_ = id.device;
    root.rootfs_inode_ = id.inode;
  }
  return root;
}

Result<ContainerRoot> ContainerRoot::find(const std::string& rootfs, const HostRoot& host) {
  const auto ambiguous = [&](std::string reason) {
    return std::unexpected(
        Error(ErrorCode::kRootfsAmbiguous, "find the container's root " + quoted(rootfs))
            .reason(std::move(reason)));
  };
  PINSCOPE_TRY(Fd top, open_at(AT_FDCWD, "/", O_PATH | O_DIRECTORY));
  FileId id;
  if (!identify(top.get(), "", id)) return std::unexpected(Error::system("stat \"/\"", errno));
  const bool shows_host = id.device == host.device_ && id.inode == host.inode_;
  if (shows_host) {
    if (rootfs == "/") return ambiguous("it is the host's root");
    auto root = open_at(AT_FDCWD, rootfs, O_PATH | O_DIRECTORY);
    if (!root)
      return std::unexpected(Error::system("open the container's root " + quoted(rootfs),
                                           root.error().errnum(), ErrorCode::kRootfsAmbiguous));
    // Every supported runtime bind-mounts the root on itself before hooks run. A directory that is
    // no mount of its own is on a mount that the host may share.
    PINSCOPE_TRY(const bool is_root, MountTable::is_mount_root(root->get()));
    if (!is_root) return ambiguous("it is not a mount point in the container's mount namespace");
    return ContainerRoot(*std::move(root), true);
  }
  const bool pivoted =
      host.rootfs_inode_ != 0 && id.device == host.rootfs_device_ && id.inode == host.rootfs_inode_;
  if (!pivoted) return ambiguous("the mount namespace shows neither the host's root nor this one");
  return ContainerRoot(std::move(top), false);
}

Result<ContainerRoot> ContainerRoot::of_namespace() {
  PINSCOPE_TRY(Fd top, open_at(AT_FDCWD, "/", O_PATH | O_DIRECTORY));
  return ContainerRoot(std::move(top), false);
}

Result<ContainerRoot> ContainerRoot::of_running(const HostRoot& host) {
  PINSCOPE_TRY(auto root, of_namespace());
  FileId id;
  if (!identify(root.fd(), "", id)) return std::unexpected(Error::system("stat \"/\"", errno));
  if (id.device == host.device_ && id.inode == host.inode_)
    return std::unexpected(Error(ErrorCode::kRootfsAmbiguous, "find the container's root")
                               .reason("its runtime has not changed to it yet")
                               .hint("try again once the container has started"));
  return root;
}

Result<Fd> ContainerRoot::open_unasked(const Components& at) const {
  auto target = open_resolved(fd_.get(), relative(at, at.size()), O_PATH | O_DIRECTORY, kInRoot);
  if (!target) return std::unexpected(bad_target(at, target.error().errnum()));
  return target;
}

Result<Fd> ContainerRoot::open_directory(const Components& at) const {
  auto target = open_unasked(at);
  if (!target) return target;
  // A runtime writes there after us, where it believes to write to the kernel.
  struct statfs file_system {};
  if (::fstatfs(target->get(), &file_system) != 0) return std::unexpected(bad_target(at, errno));
  if (file_system.f_type == PROC_SUPER_MAGIC)
    return std::unexpected(target_is_in_proc(to_absolute(at)));
  return target;
}

Result<uint64_t> ContainerRoot::mount_at(const Components& at, bool has_unique_ids) const {
  PINSCOPE_TRY(const Fd target, open_unasked(at));
  PINSCOPE_TRY(const auto mount, identify_mount(target.get(), has_unique_ids));
  return mount.id;
}

Result<Fd> ContainerRoot::make_directory(const Components& at, uint32_t uid, uint32_t gid,
                                         std::vector<MadeDirectory>& made) const {
  auto existing = open_directory(at);
  if (existing || existing.error().errnum() != ENOENT) return existing;

  size_t present = at.size();
  Fd parent;
  while (!parent.valid()) {
    --present;
    auto prefix = present == 0 ? open_resolved(fd_.get(), ".", O_PATH | O_DIRECTORY, kInRoot)
                               : open_resolved(fd_.get(), relative(at, present),
                                               O_PATH | O_DIRECTORY, kInRoot);
    if (prefix) {
      parent = *std::move(prefix);
    } else if (prefix.error().errnum() != ENOENT || present == 0) {
      return std::unexpected(bad_target(at, prefix.error().errnum()));
    }
  }
  for (size_t i = present; i < at.size(); ++i) {
    const std::string& name = at[i];
    if (const int errnum = make_one(parent.get(), name, uid, gid); errnum != 0) {
      if (errnum == EEXIST) return std::unexpected(target_leads_nowhere(to_absolute(at), name));
      return std::unexpected(target_cannot_be_made(to_absolute(at), relative(at, i + 1), errnum));
    }
    auto child = open_at(parent.get(), name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
    made.push_back({std::move(parent), name});
    if (!child) return std::unexpected(bad_target(at, child.error().errnum()));
    // Somebody may have put another directory in its place, one that is not his. A directory that
    // holds nothing can be given away whosever it is.
    if (!is_empty(child->get()))
      return std::unexpected(
          Error(ErrorCode::kTargetInvalid, "use " + quoted(to_absolute(at)) + " in the container")
              .reason(quoted(name) + " was replaced while it was made"));
    if (::fchown(child->get(), uid, gid) != 0)
      return std::unexpected(Error::system("give " + quoted(name) + " to the container", errno));
    parent = *std::move(child);
  }
  return parent;
}

Fd ContainerRoot::place_to_leave(const MountTable& mounts) const {
  if (!shows_host_) return Fd();
  auto place = open_resolved(AT_FDCWD, kLeftBehind, O_PATH | O_DIRECTORY,
                             RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS);
  if (!place) return Fd();
  const auto there = mounts.of(place->get());
  return there && !there->is_shared ? *std::move(place) : Fd();
}

void ContainerRoot::Hidden::stay(Error error) {
  if (!stays) stays = std::move(error);
}

void ContainerRoot::hide_each(const std::vector<Mount>& found, const MountTable& mounts, int place,
                              int proc_self_fd, Hidden& hidden) {
  std::unordered_map<uint64_t, const Mount*> left;
  for (const auto& mount : found) left[mount.id] = &mount;
  const size_t before = hidden.places.size();
  const Mount* waiting = nullptr;  // the first one that waits for others
  Obstacle in_the_way{};
  const auto wait = [&](const Mount& mount, Obstacle obstacle) {
    if (waiting != nullptr) return;
    waiting = &mount;
    in_the_way = obstacle;
  };
  // Outer ones come first, and take what is mounted on them along.
  for (const Mount& mount : found) {
    while (left.contains(mount.id)) {
      // A mount point as the kernel prints it has no links; if somebody has changed that, this
      // fails. So it does where the mount went with another one that it was on, or another one,
      // which may be a bpffs whose turn comes, is mounted over a directory above.
      auto root = open_resolved(AT_FDCWD, mount.mount_point, O_PATH | O_NOFOLLOW,
                                RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS);
      if (!root) {
        wait(mount, Obstacle::kOutOfReach);
        break;
      }
      // The topmost mount at that place may be another one. If it is a bpffs its turn is now, and
      // this one's later; anything else could be taken away again by the container.
      const auto top = mounts.id_of(root->get());
      const auto is_root = MountTable::is_mount_root(root->get());
      const auto it = top && is_root && *is_root ? left.find(*top) : left.end();
      if (it == left.end()) {
        wait(mount, Obstacle::kCovered);
        break;
      }
      const Mount& topmost = *it->second;
      left.erase(it);
      // What is mounted on it goes with it, and would go from every peer of it, too.
      const bool may_go = !topmost.parent_is_shared && make_tree_private(root->get());
      // crun makes bind mounts read-only after the hooks, by a descriptor, and gives up if one is
      // gone: it is moved to where it can still be found.
      if (may_go && ((place >= 0 && attach_mount(root->get(), place, "")) ||
                     detach_mount(root->get(), proc_self_fd)))
        hidden.places.push_back(topmost.mount_point);
      else
        hidden.stay(cannot_hide(mount.mount_point, topmost.parent_is_shared
                                                       ? Obstacle::kOnSharedMount
                                                       : Obstacle::kLocked));
    }
  }
  if (hidden.places.size() == before && waiting != nullptr)
    hidden.stay(cannot_hide(waiting->mount_point, in_the_way));
}

Status ContainerRoot::check_root(const MountTable& mounts) const {
  PINSCOPE_TRY(const Mount own, mounts.of(fd_.get()));
  if (own.is_bpf) return std::unexpected(cannot_hide("/", Obstacle::kIsRoot));
  return {};
}

Result<std::vector<std::string>> ContainerRoot::hide_bpffs(
    model::HostBpffs how, const MountTable& mounts, int proc_self_fd,
    std::optional<std::vector<Mount>> known) const {
  std::vector<std::string> hidden;
  if (how == model::HostBpffs::kAllow) return hidden;
  PINSCOPE_CHECK(check_root(mounts));
  Fd place;
  for (int pass = 0; pass < kMaxPasses; ++pass) {
    if (!known) {
      PINSCOPE_TRY(known, mounts.bpf_mounts_below(fd_.get()));
    }
    const auto found = *std::exchange(known, std::nullopt);
    if (found.empty()) return hidden;
    if (how == model::HostBpffs::kReject)
      return std::unexpected(cannot_hide(found.front().mount_point, Obstacle::kRejected));
    if (found.size() > kMaxBpffs) return std::unexpected(too_many(found.size()));
    if (pass == 0) place = place_to_leave(mounts);
    Hidden now;
    hide_each(found, mounts, place.get(), proc_self_fd, now);
    if (now.stays) return std::unexpected(*std::move(now.stays));
    if (now.places.empty()) break;
    const auto root = read_link_at(proc_self_fd, std::to_string(fd_.get()));
    for (const auto& mount_point : now.places)
      hidden.push_back(below_root(mount_point, root.value_or("/")));
  }
  return std::unexpected(Error(ErrorCode::kHostBpffs, "hide the bpffs that the container mounts")
                             .reason("there are new ones each time that one looks"));
}

void ContainerRoot::uncover(const std::vector<Mount>& found, const View& view,
                            const MountTable& mounts, int proc_self_fd, Hidden& hidden) {
  for (const uint64_t id : view.mounts) {
    auto own = mounts.by_id(id);
    if (!own) continue;
    const auto below = std::ranges::find(found, own->parent, &Mount::id);
    if (below == found.end() || below->parent_is_shared) continue;
    if (!view.uncover) {
      hidden.is_beneath = true;
      continue;
    }
    // If it is elsewhere on that, that can be opened itself, and goes with what is on it.
    own->mount_point = below->mount_point;
    own->parent_is_shared = below->is_shared;
    Hidden taken;
    hide_each({*std::move(own)}, mounts, -1, proc_self_fd, taken);
  }
}

ContainerRoot::Hidden ContainerRoot::hide_these(const std::set<uint64_t>& ids, const View& view,
                                                const MountTable& mounts, int proc_self_fd) const {
  Hidden hidden;
  if (auto checked = check_root(mounts); !checked) hidden.stay(std::move(checked).error());
  const auto of_view = [&] {
    return std::ranges::count_if(view.mounts,
                                 [&](uint64_t id) { return mounts.by_id(id).has_value(); });
  };
  const auto before = of_view();
  hide_all(ids, view, mounts, proc_self_fd, hidden);
  hidden.took_view = of_view() < before;
  return hidden;
}

void ContainerRoot::hide_all(const std::set<uint64_t>& ids, const View& view,
                             const MountTable& mounts, int proc_self_fd, Hidden& hidden) const {
  for (;;) {
    auto found = mounts.bpf_mounts_below(fd_.get());
    if (!found) return hidden.stay(std::move(found).error());
    std::erase_if(*found, [&](const Mount& mount) { return !ids.contains(mount.id); });
    hidden.is_beneath = false;
    uncover(*found, view, mounts, proc_self_fd, hidden);
    const size_t before = hidden.places.size();
    if (!found->empty()) hide_each(*found, mounts, -1, proc_self_fd, hidden);
    if (hidden.places.size() == before) return;
  }
}

}  // namespace pinscope::kernel
