#include "plugin/apply/replacement.h"

#include <fcntl.h>
#include <linux/openat2.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "plugin/base/text.h"
#include "plugin/host/file.h"
#include "plugin/kernel/mount/fuse_mounts.h"
#include "plugin/kernel/mount/obstacles.h"
#include "plugin/kernel/process/threads.h"
#include "plugin/kernel/sys.h"

namespace pinscope::apply {
namespace {

using kernel::BpffsMount;
using kernel::MountAndDevice;
using model::ViewInstance;

// An unfinished swap leaves one view beneath another. Whoever was killed at repairing it, one more.
constexpr int kMaxUnfinished = 16;
// Mounts that the container's root has put on one that is to go, or puts there meanwhile.
constexpr int kMaxCovers = 64;

bool is_of(const ViewInstance& instance, uint32_t device_major, uint32_t device_minor) {
  return instance.device_major == device_major && instance.device_minor == device_minor;
}

bool has_mount(const std::vector<ViewInstance>& instances, uint64_t id) {
  return std::ranges::any_of(instances, [&](const ViewInstance& one) {
    return std::ranges::find(one.mounts, id) != one.mounts.end();
  });
}

bool is_of(const BpffsMount& mount, const MountAndDevice& other) {
  return mount.device_major == other.device_major && mount.device_minor == other.device_minor;
}

// The very mount that the record names. Before Linux 6.8 another one may have got its id, and
// belongs to another superblock then.
bool is_recorded(const std::vector<ViewInstance>& instances, const MountAndDevice& mount) {
  return std::ranges::any_of(instances, [&](const ViewInstance& one) {
    return is_of(one, mount.device_major, mount.device_minor) &&
           std::ranges::find(one.mounts, mount.id) != one.mounts.end();
  });
}

bool shows(const std::vector<ViewInstance>& instances, const BpffsMount& mount) {
  return std::ranges::any_of(instances, [&](const ViewInstance& one) {
    return one.type != model::InstanceType::kTmpfs &&
           is_of(one, mount.device_major, mount.device_minor);
  });
}

Error not_replaced(const std::string& at, std::string reason) {
  return Error(ErrorCode::kTargetInvalid, "replace the view at " + quoted(at))
      .reason(std::move(reason));
}

}  // namespace

Status Replacement::prepare() {
  space_ = kernel::mount_namespace_of(around_.process->pid(), around_.process->mount_namespace());
  PINSCOPE_TRY(at_, parse_absolute(place_.at));
  PINSCOPE_TRY(host_root_, kernel::HostRoot::remember("/"));
  PINSCOPE_TRY(host_mounts_, open_at(around_.proc, "1/mountinfo", O_RDONLY));
  if (features_.list_mounts) return {};
  PINSCOPE_TRY(mountinfo_, around_.process->mountinfo());
  return {};
}

Status Replacement::look_around() {
  PINSCOPE_TRY(auto root, around_.is_session ? kernel::ContainerRoot::of_namespace()
                                             : kernel::ContainerRoot::of_running(host_root_));
  root_ = std::make_unique<kernel::ContainerRoot>(std::move(root));
  PINSCOPE_CHECK(find());
  if (!has_old()) return {};
  PINSCOPE_CHECK(check_parent(top_.get()));
  // The container's root may have said that its mounts are not to be cloned. Then the swap cannot
  // be taken back once the old view is gone.
  if (auto spare = kernel::clone_tree(top_.get()); spare && kernel::make_tree_private(spare->get()))
    spare_ = *std::move(spare);
  return {};
}

std::vector<ViewInstance> Replacement::with_spare() const {
  auto instances = place_.known;
  const auto note = [&](int fd) {
    const auto found = kernel::identify_mount(fd, features_.list_mounts);
    if (!found || has_mount(instances, found->id)) return;
    const auto of = std::ranges::find_if(instances, [&](const ViewInstance& one) {
      return is_of(one, found->device_major, found->device_minor);
    });
    if (of != instances.end()) of->mounts.push_back(found->id);
  };
  if (!spare_.valid()) return instances;
  note(spare_.get());
  for (const auto& path : place_.below)
    if (const auto mount = open_at(spare_.get(), path, O_PATH | O_NOFOLLOW)) note(mount->get());
  return instances;
}

Status Replacement::put(const Fd& tree) {
  if (!has_old()) return tree.valid() ? put_first(tree.get()) : Status();
  if (!tree.valid()) return take_away();
  return features_.attach_beneath ? put_beneath(tree.get()) : put_over(tree.get());
}

bool Replacement::take_back(const std::vector<ViewInstance>& made) {
  undo_.reset();
  undo_ = std::make_unique<UndoStack>();
  return std::ranges::none_of(made, [&](const ViewInstance& instance) {
    const bool is_values = instance.type == model::InstanceType::kFuse;
    return is_values == place_.is_of_values &&
           std::ranges::any_of(instance.mounts,
                               [&](uint64_t id) { return is_mounted(instance, id); });
  });
}

std::vector<std::string> Replacement::keep(const Fd& tree, const std::vector<ViewInstance>& made) {
  undo_->keep();
  std::vector<std::string> left;
  const auto mounts = list();
  if (!mounts) return {"what else is mounted in it could not be listed"};
  for (const auto& mount : *mounts) {
    // Of a view that is long gone, it may have the number of the device.
    if (shows(made, mount)) continue;
    const auto replaced = replace_copy(mount, tree);
    // What is mounted on one that was detached went with it.
    const bool is_below = left_beneath_ && is_at_or_below(mount.mount_point, place_.at);
    if (!replaced && !is_below && is_listed(mount.id))
      left.push_back("the old view, or a part of it, stays at " + quoted(mount.mount_point) + ": " +
                     replaced.error().sentence());
  }
  return left;
}

// Sets top_ if a view of ours is at the place.
Status Replacement::find() {
  for (int round = 0; round < kMaxUnfinished; ++round) {
    PINSCOPE_TRY(const auto found, look());
    if (!found) return take_elsewhere();
    if (!has_mount(place_.unfinished, found->parent) || has_mount(place_.unfinished, found->id)) {
      parent_ = found->parent;
      note_shown();
      return {};
    }
    // The new view of a swap that was killed lies beneath: it ends as it was meant to.
    PINSCOPE_CHECK(detach(top_.get()));
  }
  return std::unexpected(not_replaced(place_.at, "others are found below it again and again"));
}

// What is at the place, if it is one of the known mounts.
Result<std::optional<kernel::Mount>> Replacement::look() {
  top_ = Fd();
  auto directory = root_->open_unasked(at_);
  if (!directory) return std::nullopt;
  PINSCOPE_TRY(const auto found, kernel::identify_mount(directory->get(), features_.list_mounts));
  PINSCOPE_TRY(const bool is_root, kernel::MountTable::is_mount_root(directory->get()));
  if (!is_root || !is_recorded(place_.known, found)) return std::nullopt;
  PINSCOPE_TRY(auto mount, table().by_id(found.id));
  top_ = *std::move(directory);
  return mount;
}

// Which part of its file system the old view shows: other mounts of the same are whole views.
void Replacement::note_shown() {
  const auto mounts = list();
  const auto own = kernel::identify_mount(top_.get(), features_.list_mounts);
  if (!mounts || !own) return;
  shown_ = *own;
  for (const auto& mount : *mounts)
    if (is_of(mount, shown_) && has_mount(place_.known, mount.id)) shown_root_ = mount.root;
}

// No view of ours is at the place. One that was moved is taken away where it is; one that is
// covered is out of reach, and would come to light again.
Status Replacement::take_elsewhere() {
  for (const auto& instance : place_.known)
    for (const uint64_t id : instance.mounts) {
      if (!is_mounted(instance, id)) continue;
      PINSCOPE_TRY(const auto mounts, list());
      if (const auto found = std::ranges::find(mounts, id, &BpffsMount::id); found != mounts.end())
        if (const auto moved = open_copy(*found)) (void)detach(moved->get());
      if (!is_mounted(instance, id)) continue;
      return std::unexpected(
          not_replaced(place_.at, "it was moved, or something is mounted over it")
              .hint("unmount what covers it, or stop the container"));
    }
  return {};
}

bool Replacement::is_gone(uint64_t id) const {
  const auto mount = table().by_id(id);
  return !mount && mount.error().errnum() == ENOENT;
}

// In this namespace. Before Linux 6.8 another mount may have got its id.
bool Replacement::is_mounted(const ViewInstance& instance, uint64_t id) const {
  if (features_.list_mounts) return !is_gone(id);
  const auto mounts = all_mounts();
  return mounts && std::ranges::any_of(*mounts, [&](const BpffsMount& mount) {
           return mount.id == id && is_of(instance, mount.device_major, mount.device_minor);
         });
}

// A mount that is shared with the host would show the view there.
Status Replacement::check_parent(int fd) const {
  PINSCOPE_TRY(const auto mount, table().of(fd));
  auto parent = fd == top_.get() ? table().by_id(mount.parent) : Result<kernel::Mount>(mount);
  if (!parent) return std::unexpected(std::move(parent).error());
  if (parent->peer_group == 0) return {};
  PINSCOPE_TRY(const auto host, kernel::read_mounts(host_mounts_.get()));
  if (std::ranges::find(host, parent->peer_group, &kernel::Mount::peer_group) == host.end())
    return {};
  return std::unexpected(kernel::target_is_shared(place_.at));
}

Status Replacement::put_first(int tree) {
  undo_->push([this] {
    for (auto made = made_.rbegin(); made != made_.rend(); ++made)
      ::unlinkat(made->parent.get(), made->name.c_str(), AT_REMOVEDIR);
  });
  PINSCOPE_TRY(const Fd directory, root_->make_directory(at_, around_.uid, around_.gid, made_));
  PINSCOPE_CHECK(check_parent(directory.get()));
  PINSCOPE_CHECK(kernel::attach_mount(tree, directory.get(), ""));
  undo_->push([this, tree] { (void)detach(tree); });
  return {};
}

Status Replacement::put_over(int tree) {
  PINSCOPE_CHECK(kernel::attach_mount(tree, top_.get(), ""));
  undo_->push([this, tree] { (void)detach(tree); });
  PINSCOPE_TRY(const auto old, kernel::identify_mount(top_.get(), features_.list_mounts));
  PINSCOPE_TRY(const auto mount, table().of(tree));
  if (mount.parent != old.id) return std::unexpected(covered());
  left_beneath_ = true;
  return {};
}

Status Replacement::put_beneath(int tree) {
  PINSCOPE_CHECK(kernel::attach_beneath(tree, top_.get()));
  PINSCOPE_CHECK(check_beneath(tree));
  // If the old view stays in front of the new one, that cannot be taken from below it: the record
  // names it, and the next swap takes it up.
  PINSCOPE_CHECK(detach(top_.get()));
  undo_->push([this, tree] {
    if (kernel::attach_beneath(spare_.get(), tree)) (void)detach(tree);
  });
  // The container's root can have put it on the old one, with which it went.
  return table().of(tree) ? Status() : std::unexpected(covered());
}

// The kernel puts it beneath the topmost of all mounts at the place. If that was another one, it
// lies on the old view now, and goes again with what is on it.
Status Replacement::check_beneath(int tree) const {
  PINSCOPE_TRY(const auto old, kernel::identify_mount(top_.get(), features_.list_mounts));
  PINSCOPE_TRY(const auto mount, table().of(tree));
  if (mount.parent == old.id) {
    (void)detach(tree);
    return std::unexpected(covered());
  }
  if (mount.parent == parent_) return {};
  return std::unexpected(not_replaced(place_.at, "it was moved meanwhile"));
}

Error Replacement::covered() const {
  return not_replaced(place_.at, "something was mounted over it meanwhile")
      .hint("unmount that, and try again");
}

// umount2(2) takes whatever lies on top of a mount, also where a descriptor leads to that very
// one, and the container's root may have put something there. So it is done until the mount
// itself is gone, which that one may bring about as well.
Status Replacement::detach(int fd) const {
  PINSCOPE_TRY(const auto mount, kernel::identify_mount(fd, features_.list_mounts));
  Status detached;
  for (int tries = 0; tries < kMaxCovers; ++tries) {
    if (tries > 0 && is_gone(mount.id)) return {};
    detached = kernel::detach_mount(fd, around_.proc_self_fd);
    if (!detached) break;
  }
  if (is_gone(mount.id)) return {};
  return detached ? std::unexpected(covered()) : detached;
}

Status Replacement::take_away() {
  PINSCOPE_CHECK(detach(top_.get()));
  // Where a kernel mounts over the old one, those before it come to light.
  for (int i = 0; place_.is_of_values && !features_.attach_beneath && i < kMaxCovers; ++i) {
    const auto found = look();
    const bool is_there = found && *found;
    if (is_there) PINSCOPE_CHECK(detach(top_.get()));
    if (!is_there) break;
  }
  undo_->push([this] {
    if (const auto directory = root_->open_unasked(at_))
      (void)kernel::attach_mount(spare_.get(), directory->get(), "");
  });
  return {};
}

Result<std::vector<BpffsMount>> Replacement::all_mounts() const {
  return place_.is_of_values ? kernel::fuse_mounts_of(around_.proc, space_)
                             : kernel::bpffs_mounts_of(around_.proc, space_);
}

// Those that show an instance of the old view, whoever made them.
Result<std::vector<BpffsMount>> Replacement::list() const {
  auto mounts = all_mounts();
  if (mounts)
    std::erase_if(*mounts, [&](const auto& mount) { return !shows(place_.known, mount); });
  return mounts;
}

bool Replacement::is_listed(uint64_t id) const {
  const auto mounts = list();
  return !mounts || std::ranges::find(*mounts, id, &BpffsMount::id) != mounts->end();
}

// A mount point as the kernel prints it has no links; whatever else is found there is left alone.
Result<Fd> Replacement::open_copy(const BpffsMount& mount) const {
  PINSCOPE_TRY(Fd copy, kernel::open_resolved(AT_FDCWD, mount.mount_point, O_PATH | O_NOFOLLOW,
                                              RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS));
  PINSCOPE_TRY(const auto found, kernel::identify_mount(copy.get(), features_.list_mounts));
  PINSCOPE_TRY(const bool is_root, kernel::MountTable::is_mount_root(copy.get()));
  if (is_root && found.device_major == mount.device_major &&
      found.device_minor == mount.device_minor)
    return copy;
  return std::unexpected(not_replaced(mount.mount_point, "another mount covers it"));
}

Status Replacement::replace_copy(const BpffsMount& mount, const Fd& tree) const {
  PINSCOPE_TRY(const Fd copy, open_copy(mount));
  const bool is_whole = is_of(mount, shown_) && mount.root == shown_root_;
  if (tree.valid() && is_whole && features_.attach_beneath && !is_shared(copy.get())) {
    PINSCOPE_TRY(const Fd another, kernel::clone_tree(tree.get()));
    PINSCOPE_CHECK(kernel::make_tree_private(another.get()));
    PINSCOPE_CHECK(kernel::attach_beneath(another.get(), copy.get()));
  }
  return detach(copy.get());
}

// Whether what is attached beneath it would be attached elsewhere, too.
bool Replacement::is_shared(int mount) const {
  const auto own = table().of(mount);
  const auto parent = own ? table().by_id(own->parent) : own;
  return !parent || parent->peer_group != 0;
}

}  // namespace pinscope::apply
