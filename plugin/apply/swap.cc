#include "plugin/apply/swap.h"

#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <optional>
#include <utility>

#include "plugin/base/path.h"
#include "plugin/base/text.h"
#include "plugin/base/undo.h"
#include "plugin/host/file.h"
#include "plugin/kernel/mount/container_root.h"
#include "plugin/kernel/mount/namespaces.h"
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
    return one.type == model::InstanceType::kBpf &&
           is_of(one, mount.device_major, mount.device_minor);
  });
}

Error not_replaced(const std::string& at, std::string reason) {
  return Error(ErrorCode::kTargetInvalid, "replace the view at " + quoted(at))
      .reason(std::move(reason));
}

}  // namespace

class Swap::Work {
 public:
  Work(const Place& place, const model::Features& features) : place_(place), features_(features) {}

  Status enter() {
    space_ = {.number = place_.process->mount_namespace(),
              .path = kernel::living_thread(place_.process->pid()) + "/ns/mnt",
              .process = kernel::living_thread(place_.process->pid())};
    PINSCOPE_TRY(at_, parse_absolute(place_.at));
    PINSCOPE_TRY(host_mounts_, open_at(place_.proc, "1/mountinfo", O_RDONLY));
    if (!features_.list_mounts) {
      PINSCOPE_TRY(mountinfo_, place_.process->mountinfo());
    }
    PINSCOPE_CHECK(place_.process->enter_mount_namespace());
    PINSCOPE_TRY(auto root, kernel::ContainerRoot::of_namespace());
    root_ = std::make_unique<kernel::ContainerRoot>(std::move(root));
    PINSCOPE_CHECK(find());
    if (!has_old()) return {};
    PINSCOPE_CHECK(check_parent(top_.get()));
    // The container's root may have said that its mounts are not to be cloned. Then the swap cannot
    // be taken back once the old view is gone.
    if (auto spare = kernel::clone_tree(top_.get());
        spare && kernel::make_tree_private(spare->get()))
      spare_ = *std::move(spare);
    return {};
  }

  [[nodiscard]] bool has_old() const { return top_.valid(); }
  [[nodiscard]] int root() const { return root_->fd(); }
  [[nodiscard]] kernel::MountTable table() const {
    return {features_.list_mounts, mountinfo_.get()};
  }
  [[nodiscard]] bool left_old_beneath() const { return left_beneath_; }
  bool take_back(const Unattached& made) {
    undo_.reset();
    undo_ = std::make_unique<UndoStack>();
    return std::ranges::none_of(made.instances, [&](const ViewInstance& instance) {
      return std::ranges::any_of(instance.mounts,
                                 [&](uint64_t id) { return is_mounted(instance, id); });
    });
  }

  [[nodiscard]] std::vector<ViewInstance> with_spare() const {
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

  Status put(const Unattached& made) {
    const int tree = made.tree.get();
    if (!has_old()) return made.tree.valid() ? put_first(tree) : Status();
    if (!made.tree.valid()) return take_away();
    return features_.attach_beneath ? put_beneath(tree) : put_over(tree);
  }

  std::vector<std::string> keep(const Unattached& made) {
    undo_->keep();
    std::vector<std::string> left;
    const auto mounts = list();
    if (!mounts) return {"what else is mounted in it could not be listed"};
    for (const auto& mount : *mounts) {
      // Of a view that is long gone, it may have the number of the device.
      if (shows(made.instances, mount)) continue;
      const auto replaced = replace_copy(mount, made.tree);
      // What is mounted on one that was detached went with it.
      const bool is_below = left_beneath_ && is_at_or_below(mount.mount_point, place_.at);
      if (!replaced && !is_below && is_listed(mount.id))
        left.push_back("the old view, or a part of it, stays at " + quoted(mount.mount_point) +
                       ": " + replaced.error().sentence());
    }
    return left;
  }

 private:
  // Sets top_ if a view of ours is at the place.
  Status find() {
    for (int round = 0; round < kMaxUnfinished; ++round) {
      PINSCOPE_TRY(const auto found, look());
      if (!found) return take_elsewhere();
      if (!has_mount(place_.unfinished, found->parent) || has_mount(place_.unfinished, found->id)) {
        parent_ = found->parent;
        return note_shown();
      }
      // The new view of a swap that was killed lies beneath: it ends as it was meant to.
      PINSCOPE_CHECK(detach(top_.get()));
    }
    return std::unexpected(not_replaced(place_.at, "others are found below it again and again"));
  }

  // What is at the place, if it is one of the known mounts.
  Result<std::optional<kernel::Mount>> look() {
    top_ = Fd();
    auto directory = root_->open_directory(at_);
    if (!directory) return std::nullopt;
    PINSCOPE_TRY(const auto found, kernel::identify_mount(directory->get(), features_.list_mounts));
    PINSCOPE_TRY(const bool is_root, kernel::MountTable::is_mount_root(directory->get()));
    if (!is_root || !is_recorded(place_.known, found)) return std::nullopt;
    PINSCOPE_TRY(auto mount, table().by_id(found.id));
    top_ = *std::move(directory);
    return mount;
  }

  // Which part of its file system the old view shows: other mounts of the same are whole views.
  Status note_shown() {
    struct stat status {};
    const auto mounts = list();
    if (!mounts || ::fstat(top_.get(), &status) != 0) return {};
    for (const auto& mount : *mounts)
      if (::makedev(mount.device_major, mount.device_minor) == status.st_dev &&
          has_mount(place_.known, mount.id)) {
        shown_device_ = status.st_dev;
        shown_root_ = mount.root;
      }
    return {};
  }

  // No view of ours is at the place. One that was moved is taken away where it is; one that is
  // covered is out of reach, and would come to light again.
  Status take_elsewhere() {
    for (const auto& instance : place_.known)
      for (const uint64_t id : instance.mounts) {
        if (!is_mounted(instance, id)) continue;
        PINSCOPE_TRY(const auto mounts, list());
        if (const auto found = std::ranges::find(mounts, id, &BpffsMount::id);
            found != mounts.end())
          if (const auto moved = open_copy(*found)) (void)detach(moved->get());
        if (!is_mounted(instance, id)) continue;
        return std::unexpected(
            not_replaced(place_.at, "it was moved, or something is mounted over it")
                .hint("unmount what covers it, or stop the container"));
      }
    return {};
  }

  [[nodiscard]] bool is_gone(uint64_t id) const {
    const auto mount = table().by_id(id);
    return !mount && mount.error().errnum() == ENOENT;
  }

  // In this namespace. Before Linux 6.8 another mount may have got its id.
  [[nodiscard]] bool is_mounted(const ViewInstance& instance, uint64_t id) const {
    if (features_.list_mounts) return !is_gone(id);
    const auto mounts = kernel::bpffs_mounts_of(place_.proc, space_);
    return mounts && std::ranges::any_of(*mounts, [&](const BpffsMount& mount) {
             return mount.id == id && is_of(instance, mount.device_major, mount.device_minor);
           });
  }

  // A mount that is shared with the host would show the view there.
  Status check_parent(int fd) const {
    PINSCOPE_TRY(const auto mount, table().of(fd));
    auto parent = fd == top_.get() ? table().by_id(mount.parent) : Result<kernel::Mount>(mount);
    if (!parent) return std::unexpected(std::move(parent).error());
    if (parent->peer_group == 0) return {};
    PINSCOPE_TRY(const auto host, kernel::read_mounts(host_mounts_.get()));
    if (std::ranges::find(host, parent->peer_group, &kernel::Mount::peer_group) == host.end())
      return {};
    return std::unexpected(kernel::target_is_shared(place_.at));
  }

  Status put_first(int tree) {
    undo_->push([this] {
      for (auto made = made_.rbegin(); made != made_.rend(); ++made)
        ::unlinkat(made->parent.get(), made->name.c_str(), AT_REMOVEDIR);
    });
    PINSCOPE_TRY(const Fd directory, root_->make_directory(at_, place_.uid, place_.gid, made_));
    PINSCOPE_CHECK(check_parent(directory.get()));
    PINSCOPE_CHECK(kernel::attach_mount(tree, directory.get(), ""));
    undo_->push([this, tree] { (void)detach(tree); });
    return {};
  }

  Status put_over(int tree) {
    PINSCOPE_CHECK(kernel::attach_mount(tree, top_.get(), ""));
    undo_->push([this, tree] { (void)detach(tree); });
    PINSCOPE_TRY(const auto old, kernel::identify_mount(top_.get(), features_.list_mounts));
    PINSCOPE_TRY(const auto mount, table().of(tree));
    if (mount.parent != old.id) return std::unexpected(covered());
    left_beneath_ = true;
    return {};
  }

  Status put_beneath(int tree) {
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
  Status check_beneath(int tree) const {
    PINSCOPE_TRY(const auto old, kernel::identify_mount(top_.get(), features_.list_mounts));
    PINSCOPE_TRY(const auto mount, table().of(tree));
    if (mount.parent == old.id) {
      (void)detach(tree);
      return std::unexpected(covered());
    }
    if (mount.parent == parent_) return {};
    return std::unexpected(not_replaced(place_.at, "it was moved meanwhile"));
  }

  [[nodiscard]] Error covered() const {
    return not_replaced(place_.at, "something was mounted over it meanwhile")
        .hint("unmount that, and try again");
  }

  // umount2(2) takes whatever lies on top of a mount, also where a descriptor leads to that very
  // one, and the container's root may have put something there. So it is done until the mount
  // itself is gone, which that one may bring about as well.
  Status detach(int fd) const {
    PINSCOPE_TRY(const auto mount, kernel::identify_mount(fd, features_.list_mounts));
    Status detached;
    for (int tries = 0; tries < kMaxCovers; ++tries) {
      if (tries > 0 && is_gone(mount.id)) return {};
      detached = kernel::detach_mount(fd, place_.proc_self_fd);
      if (!detached) break;
    }
    if (is_gone(mount.id)) return {};
    return detached ? std::unexpected(covered()) : detached;
  }

  Status take_away() {
    PINSCOPE_CHECK(detach(top_.get()));
    undo_->push([this] {
      if (const auto directory = root_->open_directory(at_))
        (void)kernel::attach_mount(spare_.get(), directory->get(), "");
    });
    return {};
  }

  // Those that show an instance of the old view, whoever made them.
  [[nodiscard]] Result<std::vector<BpffsMount>> list() const {
    auto mounts = kernel::bpffs_mounts_of(place_.proc, space_);
    if (mounts)
      std::erase_if(*mounts, [&](const auto& mount) { return !shows(place_.known, mount); });
    return mounts;
  }

  [[nodiscard]] bool is_listed(uint64_t id) const {
    const auto mounts = list();
    return !mounts || std::ranges::find(*mounts, id, &BpffsMount::id) != mounts->end();
  }

  // A mount point as the kernel prints it has no links; whatever else is found there is left alone.
  [[nodiscard]] Result<Fd> open_copy(const BpffsMount& mount) const {
    PINSCOPE_TRY(Fd copy, kernel::open_resolved(AT_FDCWD, mount.mount_point, O_PATH | O_NOFOLLOW,
                                                RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS));
    PINSCOPE_TRY(const auto found, kernel::identify_mount(copy.get(), features_.list_mounts));
    PINSCOPE_TRY(const bool is_root, kernel::MountTable::is_mount_root(copy.get()));
    if (is_root && found.device_major == mount.device_major &&
        found.device_minor == mount.device_minor)
      return copy;
    return std::unexpected(not_replaced(mount.mount_point, "another mount covers it"));
  }

  Status replace_copy(const BpffsMount& mount, const Fd& tree) const {
    PINSCOPE_TRY(const Fd copy, open_copy(mount));
    const bool is_whole = ::makedev(mount.device_major, mount.device_minor) == shown_device_ &&
                          mount.root == shown_root_;
    if (tree.valid() && is_whole && features_.attach_beneath && !is_shared(copy.get())) {
      PINSCOPE_TRY(const Fd another, kernel::clone_tree(tree.get()));
      PINSCOPE_CHECK(kernel::make_tree_private(another.get()));
      PINSCOPE_CHECK(kernel::attach_beneath(another.get(), copy.get()));
    }
    return detach(copy.get());
  }

  // Whether what is attached beneath it would be attached elsewhere, too.
  [[nodiscard]] bool is_shared(int mount) const {
    const auto own = table().of(mount);
    const auto parent = own ? table().by_id(own->parent) : own;
    return !parent || parent->peer_group != 0;
  }

  const Place& place_;
  const model::Features features_;
  kernel::MountNamespace space_;
  Components at_;
  Fd host_mounts_;
  Fd mountinfo_;
  std::unique_ptr<kernel::ContainerRoot> root_;
  Fd top_;               // the old view
  uint64_t parent_ = 0;  // the mount that it is on
  dev_t shown_device_ = 0;
  std::string shown_root_;
  Fd spare_;  // the old view again, attached nowhere
  std::vector<kernel::ContainerRoot::MadeDirectory> made_;
  bool left_beneath_ = false;
  std::unique_ptr<UndoStack> undo_ = std::make_unique<UndoStack>();  // last: it uses the others
};

Swap::Swap(std::unique_ptr<Work> work) : work_(std::move(work)) {
}
Swap::Swap(Swap&&) noexcept = default;
Swap& Swap::operator=(Swap&&) noexcept = default;
Swap::~Swap() = default;

Result<Swap> Swap::enter(const Place& place, const model::Features& features) {
  auto work = std::make_unique<Work>(place, features);
  PINSCOPE_CHECK(work->enter());
  return Swap(std::move(work));
}

bool Swap::has_old() const {
  return work_->has_old();
}
int Swap::root() const {
  return work_->root();
}
kernel::MountTable Swap::table() const {
  return work_->table();
}
std::vector<ViewInstance> Swap::with_spare() const {
  return work_->with_spare();
}
Status Swap::put(const Unattached& made) {
  return work_->put(made);
}
bool Swap::left_old_beneath() const {
  return work_->left_old_beneath();
}
bool Swap::take_back(const Unattached& made) {
  return work_->take_back(made);
}
std::vector<std::string> Swap::keep(const Unattached& made) {
  return work_->keep(made);
}

}  // namespace pinscope::apply
