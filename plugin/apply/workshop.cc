#include "plugin/apply/workshop.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

#include "plugin/base/text.h"
#include "plugin/kernel/bpf/delegation.h"
#include "plugin/kernel/bpf/pin_attributes.h"
#include "plugin/kernel/mount/mounts.h"
#include "plugin/kernel/process/file_ids.h"
#include "plugin/kernel/process/privileges.h"
#include "plugin/kernel/sys.h"

namespace pinscope::apply {
namespace {

using namespace model;

constexpr mode_t kDirectoryMode = 0755;
constexpr mode_t kPinnedMode = 0600;  // what the kernel gives a new pin under our umask

// Ids are given when a plan is built; its steps may come in another order.
template <typename T>
void put(std::vector<T>& list, uint32_t id, T value) {
  if (list.size() <= id) list.resize(id + 1);
  list[id] = std::move(value);
}

}  // namespace

Workshop::Workshop(std::vector<GrantedPin> grants, const Target& target, const Features& features)
    : target_(target), features_(features), sources_(*target.sources) {
  pins_.reserve(grants.size());
  for (auto& grant : grants) pins_.push_back({std::move(grant), {}, false});
}

Status Workshop::run(const MakeInstance& step) {
  PINSCOPE_TRY(Fd context, kernel::create_filesystem(name_of(step.type)));
  PINSCOPE_TRY(Fd mount, kernel::mount_filesystem(context.get()));
  put(instances_, step.instance, {std::move(context), std::move(mount)});
  instances_[step.instance].shown.type = step.type;
  return {};
}

Status Workshop::run(const MakeDelegatedInstance& step) {
  const kernel::DelegatedRoot root{step.root_uid, step.root_gid};
  PINSCOPE_TRY(Fd context, kernel::create_delegated_bpffs(*target_.process, step.rights, root));
  PINSCOPE_TRY(Fd mount, kernel::mount_filesystem(context.get()));
  PINSCOPE_CHECK(kernel::check_root(mount.get(), root));
  put(instances_, step.instance,
      {std::move(context), std::move(mount), Owner{step.maker_uid, step.maker_gid}});
  instances_[step.instance].shown.type = InstanceType::kDelegated;
  return {};
}

Status Workshop::run(const MakeDirectory& step) {
  if (::mkdirat(root_of(step.instance), step.path.c_str(), kDirectoryMode) != 0)
    return std::unexpected(Error::system("make directory " + quoted(step.path), errno));
  return {};
}

Status Workshop::run(const PinObject& step) {
  const GrantedPin& grant = pins_[step.grant].grant;
  auto pinned = pin(step, grant);
  if (!pinned) return std::unexpected(std::move(pinned).error().rule(to_string(grant.rule)));
  return {};
}

Status Workshop::pin(const PinObject& step, const GrantedPin& grant) {
  PINSCOPE_TRY(auto source, sources_.open(grant));
  const int directory = root_of(step.instance);
  PINSCOPE_CHECK(kernel::pin_object(source.object.get(), directory, step.path, features_.pin_by_fd,
                                    target_.proc_self_fd));
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
void Workshop::note_opened(uint32_t grant, kernel::SourceOpener::Source source) {
  pins_[grant].object = source.info;
  opened_.reset();
  if (pins_[grant].grant.values) opened_ = {grant, std::move(source)};
}

Status Workshop::run(const MakeValues& step) {
  PINSCOPE_TRY(hand_over_, HandOver::begin(target_.state_directory, target_.container));
  auto [context, mount] = hand_over_->take_mount();
  put(instances_, step.instance, {std::move(context), std::move(mount)});
  instances_[step.instance].shown.type = InstanceType::kFuse;
  instances_[step.instance].shown.sealed = true;
  return {};
}

Status Workshop::run(const ShowValues& step) {
  GrantedPin& grant = pins_[step.grant].grant;
  auto shown = show(step, grant);
  if (!shown) return std::unexpected(std::move(shown).error().rule(to_string(grant.rule)));
  return {};
}

Status Workshop::show(const ShowValues& step, GrantedPin& grant) {
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

Status Workshop::run(const HandOverValues&) {
  return hand_over_->finish();
}

Status Workshop::run(const MakeSymlink& step) {
  const auto& maker = instances_[step.instance].maker;
  if (!maker) return make_symlink(step);
  kernel::FileIds ids(maker->uid, maker->gid);
  PINSCOPE_CHECK(ids.taken());
  PINSCOPE_CHECK(kernel::keep_file_capabilities());
  PINSCOPE_CHECK(make_symlink(step));
  return ids.give_back();
}

Status Workshop::make_symlink(const MakeSymlink& step) {
  if (::symlinkat(step.target.c_str(), root_of(step.instance), step.path.c_str()) != 0)
    return std::unexpected(Error::system("make link " + quoted(step.path), errno));
  return {};
}

Status Workshop::run(const SealInstance& step) {
  PINSCOPE_CHECK(kernel::make_superblock_read_only(instances_[step.instance].context.get()));
  instances_[step.instance].shown.sealed = true;
  return {};
}

Status Workshop::run(const ShowRoot& step) {
  PINSCOPE_TRY(Fd mount, duplicate(root_of(step.instance)));
  put(mounts_, step.mount, {std::move(mount), step.instance});
  return {};
}

Status Workshop::run(const CloneSource& step) {
  const GrantedPin& grant = pins_[step.grant].grant;
  auto cloned = clone_source(step, grant);
  if (!cloned) return std::unexpected(std::move(cloned).error().rule(to_string(grant.rule)));
  return {};
}

Status Workshop::clone_source(const CloneSource& step, const GrantedPin& grant) {
  PINSCOPE_TRY(auto source, sources_.open(grant));
  PINSCOPE_TRY(Fd mount, kernel::clone_mount(source.pin.get(), ""));
  PINSCOPE_CHECK(kernel::make_mount_read_only(mount.get()));
  note_opened(step.grant, std::move(source));
  put(mounts_, step.mount, {std::move(mount)});
  return {};
}

void Workshop::add(MountId mount, InstanceId instance, Fd fd) {
  put(mounts_, mount, {std::move(fd), instance});
}

Status Workshop::note_shown(MountId mount, int fd) {
  const auto& instance = mounts_[mount].instance;
  if (!instance) return {};
  PINSCOPE_TRY(const auto found, kernel::identify_mount(fd, features_.list_mounts));
  ViewInstance& shown = instances_[*instance].shown;
  shown.device_major = found.device_major;
  shown.device_minor = found.device_minor;
  shown.mounts.push_back(found.id);
  return {};
}

void Workshop::forget_shown() {
  for (auto& instance : instances_) instance.shown.mounts.clear();
}

std::vector<ViewInstance> Workshop::shown() const {
  std::vector<ViewInstance> shown;
  for (const auto& instance : instances_)
    if (!instance.shown.mounts.empty()) shown.push_back(instance.shown);
  return shown;
}

Result<Fd> duplicate(int fd) {
  Fd other(::fcntl(fd, F_DUPFD_CLOEXEC, 0));
  if (!other.valid()) return std::unexpected(Error::system("duplicate a descriptor", errno));
  return other;
}

}  // namespace pinscope::apply
