#include "plugin/apply/apply.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <memory>
#include <optional>
#include <utility>

#include "plugin/apply/workshop.h"
#include "plugin/base/path.h"
#include "plugin/base/text.h"
#include "plugin/base/undo.h"
#include "plugin/host/file.h"
#include "plugin/kernel/bpf/delegation.h"
#include "plugin/kernel/mount/container_root.h"
#include "plugin/kernel/mount/later_mounts.h"
#include "plugin/kernel/mount/mounts.h"
#include "plugin/kernel/mount/obstacles.h"
#include "plugin/kernel/mount/ways_out.h"
#include "plugin/kernel/process/child.h"
#include "plugin/kernel/sys.h"

namespace pinscope::apply {
namespace {

using namespace model;

// For everything that is done by a path of the container's: a disk that has to wake up is quicker.
constexpr std::chrono::seconds kTimeout{10};

}  // namespace

// Walks the steps: those that ask where the view is to be have a member function each, the rest are
// the workshop's.
class Applied::Walker {
 public:
  Walker(Plan plan, const Target& target, const Features& features)
      : plan_(std::move(plan)),
        target_(target),
        features_(features),
        workshop_(std::exchange(plan_.grants, {}), target, features_) {}

  Status walk() {
    for (const auto& step : plan_.steps)
      PINSCOPE_CHECK(std::visit([this](const auto& one) { return pass_on(one); }, step));
    return {};
  }

  [[nodiscard]] std::vector<PinnedObject> take_pins() { return workshop_.take_pins(); }
  [[nodiscard]] const std::vector<std::string>& hidden() const { return hidden_; }
  [[nodiscard]] std::vector<ViewInstance> instances() const { return workshop_.shown(); }
  // What was attached on the way is in a namespace that goes with this process.
  Result<Unattached> unattached(const Parts& parts) {
    undo_.keep();
    workshop_.forget_shown();
    Unattached made{.tree = {}, .values = {}, .instances = {}, .pins = take_pins()};
    if (parts.values) {
      PINSCOPE_TRY(made.values, duplicate(mount_of(*parts.values)));
      PINSCOPE_CHECK(workshop_.note_shown(*parts.values, made.values.get()));
    }
    // The number is also that of the first mount, whatever it is, where there is no view.
    if (workshop_.has(parts.view) && parts.view != parts.values)
      PINSCOPE_CHECK(take_tree(parts.view, made));
    made.instances = instances();
    return made;
  }

  [[nodiscard]] bool left_bpffs() const { return bpf_mounts_ && !bpf_mounts_->empty(); }
  void keep() { undo_.keep(); }

 private:
  template <typename Step>
  Status pass_on(const Step& step) {
    if constexpr (requires { workshop_.run(step); })
      return workshop_.run(step);
    else
      return run(step);
  }

  Status run(const CloneMount& step) {
    PINSCOPE_TRY(Fd mount, step.through_target ? clone_through_target(step) : clone_detached(step));
    if (step.read_only) PINSCOPE_CHECK(kernel::make_mount_read_only(mount.get()));
    workshop_.add(step.mount, step.instance, std::move(mount));
    return {};
  }

  Result<Fd> clone_detached(const CloneMount& step) {
    auto mount = kernel::clone_mount(workshop_.root_of(step.instance), step.path);
    if (!mount && mount.error().errnum() == EINVAL && !entered_)
      return std::unexpected(std::move(mount).error().with_code(ErrorCode::kKernelUnsupported));
    return mount;
  }

  Result<Fd> clone_through_target(const CloneMount& step) {
    const int root = workshop_.root_of(step.instance);
    PINSCOPE_CHECK(kernel::attach_mount(root, resolved_.get(), ""));
    auto mount = kernel::clone_mount(root, step.path);
    if (auto detached = kernel::detach_mount(root, target_.proc_self_fd); !detached) {
      // Not the last word: it must not stay there, so it is tried again with the rest of the undo.
      undo_.push([this, root] { (void)kernel::detach_mount(root, target_.proc_self_fd); });
      return std::unexpected(std::move(detached).error());
    }
    return mount;
  }

  Status run(const EnterWorkshop&) {
    PINSCOPE_CHECK(kernel::enter_private_mount_namespace());
    PINSCOPE_TRY(resolved_, open_at(AT_FDCWD, "/", O_PATH | O_DIRECTORY));
    return {};
  }

  Status run(const EnterContainer&) {
    PINSCOPE_TRY(const auto host, kernel::HostRoot::remember(target_.rootfs));
    if (!features_.list_mounts || delegates()) {
      PINSCOPE_TRY(mountinfo_, target_.process->mountinfo());
    }
    PINSCOPE_CHECK(target_.process->enter_mount_namespace());
    entered_ = true;
    PINSCOPE_TRY(auto root, target_.is_session ? kernel::ContainerRoot::of_namespace()
                                               : kernel::ContainerRoot::find(target_.rootfs, host));
    root_ = std::make_unique<kernel::ContainerRoot>(std::move(root));
    if (target_.is_session) return {};
    PINSCOPE_TRY(auto below, table().look_below(root_->fd()));
    bpf_mounts_ = std::move(below.bpf);
    if (!below.may_wait) return {};
    auto gone_on = kernel::go_on_in_child(kTimeout);
    if (!gone_on) {
      detach_views();
      return gone_on;
    }
    return kernel::renew_descriptor_directory(target_.proc_self_fd);
  }

  // What a child may have attached that came to no end; EINVAL where it had not.
  void detach_views() {
    for (const auto& step : plan_.steps)
      if (const auto* attach = std::get_if<AttachView>(&step))
        if (workshop_.has(attach->mount) && mount_of(attach->mount) >= 0)
          (void)kernel::detach_mount(mount_of(attach->mount), target_.proc_self_fd);
  }

  Status run(const HideBpffs& step) {
    PINSCOPE_TRY(hidden_, root_->hide_bpffs(step.how, table(), target_.proc_self_fd,
                                            std::exchange(bpf_mounts_, std::nullopt)));
    return {};
  }

  Status run(const CheckReach&) {
    PINSCOPE_TRY(auto ways,
                 kernel::ways_out(table(), root_->fd(), target_.rootfs, *target_.process));
    return target_.check_reach ? target_.check_reach(workshop_.pins(), std::move(ways)) : Status();
  }

  Status run(const ResolveTarget& step) {
    PINSCOPE_TRY(const auto at, parse_absolute(step.at));
    undo_.push([this] { remove_made_directories(); });
    PINSCOPE_TRY(resolved_, root_->make_directory(at, step.uid, step.gid, made_));
    PINSCOPE_TRY(const auto parent, table().of(resolved_.get()));
    if (parent.is_shared) return std::unexpected(kernel::target_is_shared(step.at));
    return {};
  }

  Status run(const AttachBelow& step) {
    PINSCOPE_CHECK(kernel::attach_mount(mount_of(step.mount), mount_of(step.parent), step.path));
    return note_attached(step.mount);
  }

  Status run(const AttachView& step) {
    const int view = mount_of(step.mount);
    PINSCOPE_CHECK(kernel::attach_mount(view, resolved_.get(), ""));
    undo_.push([this, view] { (void)kernel::detach_mount(view, target_.proc_self_fd); });
    return note_attached(step.mount);
  }

  Status take_tree(MountId view, Unattached& made) {
    if (features_.detached_trees) {
      PINSCOPE_TRY(made.tree, duplicate(mount_of(view)));
    } else {
      PINSCOPE_TRY(made.tree, kernel::clone_tree(mount_of(view)));
    }
    PINSCOPE_CHECK(workshop_.note_shown(view, made.tree.get()));
    for (const auto& step : plan_.steps) {
      const auto* below = std::get_if<AttachBelow>(&step);
      if (below == nullptr) continue;
      PINSCOPE_TRY(const Fd mount, open_at(made.tree.get(), below->path, O_PATH | O_NOFOLLOW));
      PINSCOPE_CHECK(workshop_.note_shown(below->mount, mount.get()));
    }
    return {};
  }

  Status note_attached(MountId mount) { return workshop_.note_shown(mount, mount_of(mount)); }

  Status run(const VerifyView& step) {
    PINSCOPE_TRY(const auto at, parse_absolute(step.at));
    PINSCOPE_TRY(const Fd found, root_->open_directory(at));
    struct stat seen {};
    struct stat view {};
    if (::fstat(found.get(), &seen) != 0 || ::fstat(mount_of(step.mount), &view) != 0)
      return std::unexpected(Error::system("verify the view at " + quoted(step.at), errno));
    if (seen.st_dev != view.st_dev || seen.st_ino != view.st_ino)
      return std::unexpected(something_else("verify the view at ", step.at));
    return {};
  }

  static Error something_else(const char* what, const std::string& at) {
    return Error(ErrorCode::kTargetInvalid, what + quoted(at))
        .reason("something else is there")
        .hint("a directory above it was replaced while the container was set up");
  }

  Status run(const VerifyValues& step) {
    PINSCOPE_TRY(const auto at, parse_absolute(step.at));
    PINSCOPE_TRY(const uint64_t seen, root_->mount_at(at, features_.list_mounts));
    PINSCOPE_TRY(const auto mount,
                 kernel::identify_mount(mount_of(step.mount), features_.list_mounts));
    if (seen != mount.id) return std::unexpected(something_else("verify the values at ", step.at));
    return {};
  }

  Status run(const CheckLaterMounts& step) {
    const kernel::LaterMounts later(*root_, target_.proc_self_fd);
    return step.values ? later.check_ahead(step.at, step.masked, step.read_only)
                       : later.check(step.at, step.masked, step.read_only);
  }

  Status run(const VerifyDelegation& step) {
    auto rights = kernel::delegated_rights(mountinfo_.get(), mount_of(step.mount));
    if (!rights) return std::unexpected(std::move(rights).error());
    if (*rights == step.rights) return {};
    return std::unexpected(Error(ErrorCode::kDelegation, "delegate what the policies say")
                               .reason("the kernel has kept something else")
                               .hint("pinscope doctor says what this kernel can do"));
  }

  [[nodiscard]] bool delegates() const {
    return std::ranges::any_of(plan_.steps, [](const Step& step) {
      return std::holds_alternative<VerifyDelegation>(step);
    });
  }

  void remove_made_directories() {
    for (auto made = made_.rbegin(); made != made_.rend(); ++made)
      ::unlinkat(made->parent.get(), made->name.c_str(), AT_REMOVEDIR);
  }

  [[nodiscard]] int mount_of(MountId mount) const { return workshop_.mount_of(mount); }
  [[nodiscard]] kernel::MountTable table() const {
    return {features_.list_mounts, mountinfo_.get()};
  }

  Plan plan_;
  const Target& target_;
  const Features features_;
  Workshop workshop_;
  Fd mountinfo_;
  std::unique_ptr<kernel::ContainerRoot> root_;  // once the container is entered
  // Below the container's root, as found there; nothing once they have been hidden.
  std::optional<std::vector<kernel::Mount>> bpf_mounts_;
  std::vector<std::string> hidden_;
  Fd resolved_;
  std::vector<kernel::ContainerRoot::MadeDirectory> made_;
  bool entered_ = false;
  UndoStack undo_;  // last: its actions use what is above
};

Applied::Applied(std::unique_ptr<Walker> walker) : walker_(std::move(walker)) {
}
Applied::Applied(Applied&&) noexcept = default;
Applied& Applied::operator=(Applied&&) noexcept = default;
Applied::~Applied() = default;

std::vector<PinnedObject> Applied::take_pins() {
  return walker_->take_pins();
}
const std::vector<std::string>& Applied::hidden() const {
  return walker_->hidden();
}
std::vector<model::ViewInstance> Applied::instances() const {
  return walker_->instances();
}
bool Applied::left_bpffs() const {
  return walker_->left_bpffs();
}
void Applied::keep() {
  walker_->keep();
}

Result<Applied> apply(Plan plan, const Target& target, const Features& features) {
  auto walker = std::make_unique<Applied::Walker>(std::move(plan), target, features);
  PINSCOPE_CHECK(walker->walk());
  return Applied(std::move(walker));
}

Result<Unattached> make_unattached(Plan plan, const Parts& parts, const Target& target,
                                   const Features& features) {
  Applied::Walker walker(std::move(plan), target, features);
  PINSCOPE_CHECK(walker.walk());
  return walker.unattached(parts);
}

}  // namespace pinscope::apply
