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

#include "plugin/apply/hand_over.h"
#include "plugin/base/path.h"
#include "plugin/base/text.h"
#include "plugin/base/undo.h"
#include "plugin/host/file.h"
#include "plugin/kernel/bpf/delegation.h"
#include "plugin/kernel/bpf/pin_attributes.h"
#include "plugin/kernel/bpf/source.h"
#include "plugin/kernel/mount/container_root.h"
#include "plugin/kernel/mount/later_mounts.h"
#include "plugin/kernel/mount/mounts.h"
#include "plugin/kernel/mount/obstacles.h"
#include "plugin/kernel/mount/ways_out.h"
#include "plugin/kernel/process/child.h"
#include "plugin/kernel/process/file_ids.h"
#include "plugin/kernel/process/privileges.h"
#include "plugin/kernel/sys.h"

namespace pinscope::apply {
namespace {

using namespace model;

constexpr mode_t kDirectoryMode = 0755;
// For everything that is done by a path of the container's: a disk that has to wake up is quicker.
constexpr std::chrono::seconds kTimeout{10};
constexpr mode_t kPinnedMode = 0600;  // what the kernel gives a new pin under our umask

// Host ids.
struct Owner {
  uint32_t uid = 0;
  uint32_t gid = 0;
};

struct Instance {
  Fd context;
  Fd mount;  // of the instance's root, attached nowhere
  // Whose files it may hold, if it belongs to a user namespace.
  std::optional<Owner> maker = {};
  ViewInstance shown = {};  // what is told of it
};

// A mount that will be part of the view.
struct ViewMount {
  Fd fd;
  std::optional<InstanceId> instance = {};  // that it shows; none: the host's own
};

// Ids are given when a plan is built; its steps may come in another order.
template <typename T>
void put(std::vector<T>& list, uint32_t id, T value) {
  if (list.size() <= id) list.resize(id + 1);
  list[id] = std::move(value);
}

}  // namespace

// Walks the steps; one member function for each kind.
class Applied::Walker {
 public:
  Walker(Plan plan, const Target& target, const Features& features)
      : plan_(std::move(plan)), target_(target), features_(features), sources_(*target.sources) {
    pins_.reserve(plan_.grants.size());
    for (auto& grant : plan_.grants) pins_.push_back({std::move(grant), {}, false});
    plan_.grants = {};
  }

  Status walk() {
    for (const auto& step : plan_.steps)
      PINSCOPE_CHECK(std::visit([this](const auto& one) { return run(one); }, step));
    return {};
  }

  [[nodiscard]] std::vector<PinnedObject> take_pins() { return std::move(pins_); }
  [[nodiscard]] const std::vector<std::string>& hidden() const { return hidden_; }
  [[nodiscard]] std::vector<ViewInstance> instances() const {
    std::vector<ViewInstance> shown;
    for (const auto& instance : instances_)
      if (!instance.shown.mounts.empty()) shown.push_back(instance.shown);
    return shown;
  }
  // What was attached on the way is in a namespace that goes with this process.
  Result<Unattached> unattached(const Parts& parts) {
    undo_.keep();
    for (auto& instance : instances_) instance.shown.mounts.clear();
    Unattached made{.tree = {}, .values = {}, .instances = {}, .pins = std::move(pins_)};
    if (parts.values) {
      PINSCOPE_TRY(made.values, duplicate(mount_of(*parts.values)));
      PINSCOPE_CHECK(note_shown(*parts.values, made.values.get()));
    }
    // The number is also that of the first mount, whatever it is, where there is no view.
    if (parts.view < mounts_.size() && parts.view != parts.values)
      PINSCOPE_CHECK(take_tree(parts.view, made));
    made.instances = instances();
    return made;
  }

  [[nodiscard]] bool left_bpffs() const { return bpf_mounts_ && !bpf_mounts_->empty(); }
  void keep() { undo_.keep(); }

 private:
  Status run(const MakeInstance& step) {
    PINSCOPE_TRY(Fd context, kernel::create_filesystem(name_of(step.type)));
    PINSCOPE_TRY(Fd mount, kernel::mount_filesystem(context.get()));
    put(instances_, step.instance, {std::move(context), std::move(mount)});
    instances_[step.instance].shown.type = step.type;
    return {};
  }

  Status run(const MakeDelegatedInstance& step) {
    const kernel::DelegatedRoot root{step.root_uid, step.root_gid};
    PINSCOPE_TRY(Fd context, kernel::create_delegated_bpffs(*target_.process, step.rights, root));
    PINSCOPE_TRY(Fd mount, kernel::mount_filesystem(context.get()));
    PINSCOPE_CHECK(kernel::check_root(mount.get(), root));
    put(instances_, step.instance,
        {std::move(context), std::move(mount), Owner{step.maker_uid, step.maker_gid}});
    return {};
  }

  Status run(const MakeDirectory& step) {
    if (::mkdirat(root_of(step.instance), step.path.c_str(), kDirectoryMode) != 0)
      return std::unexpected(Error::system("make directory " + quoted(step.path), errno));
    return {};
  }

  Status run(const PinObject& step) {
    const GrantedPin& grant = pins_[step.grant].grant;
    auto pinned = pin(step, grant);
    if (!pinned) return std::unexpected(std::move(pinned).error().rule(to_string(grant.rule)));
    return {};
  }

  Status pin(const PinObject& step, const GrantedPin& grant) {
    PINSCOPE_TRY(auto source, sources_.open(grant));
    const int directory = root_of(step.instance);
    PINSCOPE_CHECK(kernel::pin_object(source.object.get(), directory, step.path,
                                      features_.pin_by_fd, target_.proc_self_fd));
    const bool has_owner = step.uid != 0 || step.gid != 0;
    if (has_owner &&
        ::fchownat(directory, step.path.c_str(), step.uid, step.gid, AT_SYMLINK_NOFOLLOW) != 0)
      return std::unexpected(Error::system("change the owner of " + quoted(grant.name), errno));
    if (grant.mode != kPinnedMode &&
        ::fchmodat(directory, step.path.c_str(), static_cast<mode_t>(grant.mode), 0) != 0)
      return std::unexpected(Error::system("change the mode of " + quoted(grant.name), errno));
    if (step.with_attributes && has_attributes_) {
      PINSCOPE_TRY(has_attributes_, kernel::write_attributes(
                                        directory, step.path,
                                        {target_.container, grant.source, to_string(grant.rule)}));
    }
    note_opened(step.grant, std::move(source));
    return {};
  }

  // Kept for the step behind this one: a thousand of them would be too many.
  void note_opened(uint32_t grant, kernel::SourceOpener::Source source) {
    pins_[grant].object = source.info;
    opened_.reset();
    if (pins_[grant].grant.values) opened_ = {grant, std::move(source)};
  }

  Status run(const MakeValues& step) {
    PINSCOPE_TRY(hand_over_, HandOver::begin(target_.state_directory, target_.container));
    auto [context, mount] = hand_over_->take_mount();
    put(instances_, step.instance, {std::move(context), std::move(mount)});
    instances_[step.instance].shown.type = InstanceType::kFuse;
    instances_[step.instance].shown.sealed = true;
    return {};
  }

  Status run(const ShowValues& step) {
    GrantedPin& grant = pins_[step.grant].grant;
    auto shown = show(step, grant);
    if (!shown) return std::unexpected(std::move(shown).error().rule(to_string(grant.rule)));
    return {};
  }

  Status show(const ShowValues& step, GrantedPin& grant) {
    if (!opened_ || opened_->first != step.grant) {
      PINSCOPE_TRY(auto source, sources_.open(grant));
      note_opened(step.grant, std::move(source));
    }
    const auto [number, source] = *std::exchange(opened_, std::nullopt);
    if (source.info.kind != ObjectKind::kMap) {
      grant.values.reset();
      return {};
    }
    return hand_over_->add(grant, source, step.uid, step.gid, features_.pin_by_fd,
                           target_.proc_self_fd);
  }

  Status run(const HandOverValues&) { return hand_over_->finish(); }

  Status run(const MakeSymlink& step) {
    const auto& maker = instances_[step.instance].maker;
    if (!maker) return make_symlink(step);
    kernel::FileIds ids(maker->uid, maker->gid);
    PINSCOPE_CHECK(ids.taken());
    PINSCOPE_CHECK(kernel::keep_file_capabilities());
    PINSCOPE_CHECK(make_symlink(step));
    return ids.give_back();
  }

  Status make_symlink(const MakeSymlink& step) {
    if (::symlinkat(step.target.c_str(), root_of(step.instance), step.path.c_str()) != 0)
      return std::unexpected(Error::system("make link " + quoted(step.path), errno));
    return {};
  }

  Status run(const SealInstance& step) {
    PINSCOPE_CHECK(kernel::make_superblock_read_only(instances_[step.instance].context.get()));
    instances_[step.instance].shown.sealed = true;
    return {};
  }

  Status run(const CloneMount& step) {
    PINSCOPE_TRY(Fd mount, step.through_target ? clone_through_target(step) : clone_detached(step));
    if (step.read_only) PINSCOPE_CHECK(kernel::make_mount_read_only(mount.get()));
    put(mounts_, step.mount, {std::move(mount), step.instance});
    return {};
  }

  Status run(const ShowRoot& step) {
    PINSCOPE_TRY(Fd mount, duplicate(root_of(step.instance)));
    put(mounts_, step.mount, {std::move(mount), step.instance});
    return {};
  }

  Result<Fd> clone_detached(const CloneMount& step) {
    auto mount = kernel::clone_mount(root_of(step.instance), step.path);
    if (!mount && mount.error().errnum() == EINVAL && !entered_)
      return std::unexpected(std::move(mount).error().with_code(ErrorCode::kKernelUnsupported));
    return mount;
  }

  Result<Fd> clone_through_target(const CloneMount& step) {
    const int root = root_of(step.instance);
    PINSCOPE_CHECK(kernel::attach_mount(root, resolved_.get(), ""));
    auto mount = kernel::clone_mount(root, step.path);
    if (auto detached = kernel::detach_mount(root, target_.proc_self_fd); !detached) {
      // Not the last word: it must not stay there, so it is tried again with the rest of the undo.
      undo_.push([this, root] { (void)kernel::detach_mount(root, target_.proc_self_fd); });
      return std::unexpected(std::move(detached).error());
    }
    return mount;
  }

  Status run(const CloneSource& step) {
    const GrantedPin& grant = pins_[step.grant].grant;
    auto cloned = clone_source(step, grant);
    if (!cloned) return std::unexpected(std::move(cloned).error().rule(to_string(grant.rule)));
    return {};
  }

  Status clone_source(const CloneSource& step, const GrantedPin& grant) {
    PINSCOPE_TRY(auto source, sources_.open(grant));
    PINSCOPE_TRY(Fd mount, kernel::clone_mount(source.pin.get(), ""));
    PINSCOPE_CHECK(kernel::make_mount_read_only(mount.get()));
    note_opened(step.grant, std::move(source));
    put(mounts_, step.mount, {std::move(mount)});
    return {};
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
        if (attach->mount < mounts_.size() && mounts_[attach->mount].fd.valid())
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
    return target_.check_reach ? target_.check_reach(pins_, std::move(ways)) : Status();
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

  static Result<Fd> duplicate(int fd) {
    Fd other(::fcntl(fd, F_DUPFD_CLOEXEC, 0));
    if (!other.valid()) return std::unexpected(Error::system("duplicate a descriptor", errno));
    return other;
  }

  Status take_tree(MountId view, Unattached& made) {
    if (features_.detached_trees) {
      PINSCOPE_TRY(made.tree, duplicate(mount_of(view)));
    } else {
      PINSCOPE_TRY(made.tree, kernel::clone_tree(mount_of(view)));
    }
    PINSCOPE_CHECK(note_shown(view, made.tree.get()));
    for (const auto& step : plan_.steps) {
      const auto* below = std::get_if<AttachBelow>(&step);
      if (below == nullptr) continue;
      PINSCOPE_TRY(const Fd mount, open_at(made.tree.get(), below->path, O_PATH | O_NOFOLLOW));
      PINSCOPE_CHECK(note_shown(below->mount, mount.get()));
    }
    return {};
  }

  // An instance is known by the mounts that show it: its own root is attached nowhere.
  Status note_attached(MountId mount) { return note_shown(mount, mount_of(mount)); }

  // `fd`: of the mount, or of the one that was made of it.
  Status note_shown(MountId mount, int fd) {
    const auto& instance = mounts_[mount].instance;
    if (!instance) return {};
    PINSCOPE_TRY(const auto found, kernel::identify_mount(fd, features_.list_mounts));
    ViewInstance& shown = instances_[*instance].shown;
    shown.device_major = found.device_major;
    shown.device_minor = found.device_minor;
    shown.mounts.push_back(found.id);
    return {};
  }

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

  [[nodiscard]] int root_of(InstanceId instance) const { return instances_[instance].mount.get(); }
  [[nodiscard]] int mount_of(MountId mount) const { return mounts_[mount].fd.get(); }
  [[nodiscard]] kernel::MountTable table() const {
    return {features_.list_mounts, mountinfo_.get()};
  }

  Plan plan_;
  const Target& target_;
  const Features features_;
  kernel::SourceOpener& sources_;
  std::vector<PinnedObject> pins_;  // for each grant of the plan
  std::vector<Instance> instances_;
  std::vector<ViewMount> mounts_;
  std::optional<HandOver> hand_over_;                                        // if there are values
  std::optional<std::pair<uint32_t, kernel::SourceOpener::Source>> opened_;  // of a grant with some
  Fd mountinfo_;
  std::unique_ptr<kernel::ContainerRoot> root_;  // once the container is entered
  // Below the container's root, as found there; nothing once they have been hidden.
  std::optional<std::vector<kernel::Mount>> bpf_mounts_;
  std::vector<std::string> hidden_;
  Fd resolved_;
  std::vector<kernel::ContainerRoot::MadeDirectory> made_;
  bool entered_ = false;
  bool has_attributes_ = true;  // until the kernel says that it has none
  UndoStack undo_;              // last: its actions use what is above
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
