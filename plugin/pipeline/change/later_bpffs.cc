#include "plugin/pipeline/change/later_bpffs.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <chrono>
#include <iterator>
#include <set>
#include <utility>

#include "plugin/base/path.h"
#include "plugin/base/text.h"
#include "plugin/host/file.h"
#include "plugin/kernel/mount/container_root.h"
#include "plugin/kernel/mount/fuse_mounts.h"
#include "plugin/kernel/mount/mounts.h"
#include "plugin/kernel/mount/namespaces.h"
#include "plugin/kernel/process/child.h"
#include "plugin/kernel/process/process.h"
#include "plugin/kernel/sys.h"
#include "plugin/pipeline/ledger.h"

namespace pinscope {
namespace {

using kernel::BpffsMount;
using model::Record;
using model::ViewInstance;

constexpr std::chrono::seconds kTimeout{10};
constexpr char kBetweenPlaces = '\0';  // which no path holds
constexpr const char* kYes = "yes";

kernel::MountNamespace namespace_of(const Record& record) {
  return kernel::mount_namespace_of(record.given.pid, record.mount_namespace);
}

// Ids above are statmount(2)'s, see ViewInstance::mounts.
bool is_unique(uint64_t id) {
  return id >= uint64_t{1} << 31U;
}

bool is_of(const ViewInstance& instance, const BpffsMount& mount) {
  const bool is_known = (instance.device_major | instance.device_minor) != 0;
  return is_known && instance.device_major == mount.device_major &&
         instance.device_minor == mount.device_minor;
}

// What shows the same file system is a copy of the view, which the container has made of it.
bool shows(const ViewInstance& instance, const BpffsMount& mount) {
  return is_of(instance, mount) ||
         std::ranges::find(instance.mounts, mount.id) != instance.mounts.end();
}

bool is_any_of(const std::vector<ViewInstance>& instances, const BpffsMount& mount) {
  return std::ranges::any_of(instances, [&](const auto& one) { return shows(one, mount); });
}

// Whether one of its mounts is not among these. Kernels from 6.8 to 6.10 give unique ids of mounts,
// and tell those of another namespace by mountinfo's only: there a mount is known by its
// superblock.
bool lacks(const ViewInstance& instance, const std::vector<BpffsMount>& mounts) {
  const auto is_there = [&](uint64_t id) {
    return std::ranges::any_of(mounts, [&](const BpffsMount& mount) {
      return mount.id == id || (is_unique(id) && !is_unique(mount.id) && is_of(instance, mount));
    });
  };
  return !std::ranges::all_of(instance.mounts, is_there);
}

bool is_to_mask(ViewMounts::Part part, bool left) {
  using Part = ViewMounts::Part;
  return part == Part::kLater || part == Part::kBeside || (left && part == Part::kLeft);
}

// All mounts of its view, of those before it, and of what was to be in the place of it.
std::set<uint64_t> mounts_of_view(const Record& record) {
  std::set<uint64_t> ids;
  for (const auto* instances : {&record.instances, &record.beneath, &record.unfinished})
    for (const auto& instance : *instances)
      ids.insert(instance.mounts.begin(), instance.mounts.end());
  return ids;
}

// Why one stays, if one does; whether the view lies on one; whether it went for that; the places.
Result<std::string> mask_in_namespace(const Record& record, bool left, bool uncover) {
  PINSCOPE_TRY(const auto process, process_of(record));
  PINSCOPE_TRY(const Fd descriptors, kernel::open_descriptor_directory());
  PINSCOPE_TRY(const Fd proc, open_at(AT_FDCWD, "/proc", O_RDONLY | O_DIRECTORY));
  PINSCOPE_TRY(const auto mounts, bpffs_of(proc.get(), record));
  std::set<uint64_t> ids;
  for (const auto& mount : bpffs_to_mask(record, mounts, left)) ids.insert(mount.id);
  if (ids.empty()) return std::string(3, kBetweenPlaces);
  // Both lists are to have ids of one kind.
  const bool has_unique_ids = is_unique(*ids.begin());
  PINSCOPE_TRY(const Fd mountinfo, process.mountinfo());
  PINSCOPE_TRY(const auto host, kernel::HostRoot::remember("/"));
  PINSCOPE_CHECK(process.enter_mount_namespace());
  PINSCOPE_TRY(const auto root, kernel::ContainerRoot::of_running(host));
  const auto hidden =
      root.hide_these(ids, {mounts_of_view(record), uncover},
                      kernel::MountTable(has_unique_ids, mountinfo.get()), descriptors.get());
  std::string answer = hidden.stays ? hidden.stays->sentence() : "";
  for (const bool is_so : {hidden.is_beneath, hidden.took_view}) {
    answer += kBetweenPlaces;
    if (is_so) answer += kYes;
  }
  for (const auto& place : hidden.places) answer += kBetweenPlaces + place;
  return answer + kBetweenPlaces;
}

}  // namespace

ViewMounts::ViewMounts(const Record& record, const std::vector<BpffsMount>& mounts)
    : record_(record), instances_(record.instances) {
  std::erase_if(instances_,
                [&](const ViewInstance& instance) { return lacks_tokens(instance, mounts); });
  for (const auto& instance : record.instances)
    for (const uint64_t mount : instance.mounts) first_ = std::min(first_, mount);
}

// A pin of the host's in its own place, which layout `bind` mounts, or below it in that of a view
// which is beneath this one.
bool ViewMounts::is_grant(const BpffsMount& mount) const {
  const auto& given = record_.given;
  const auto& place = given.delegation ? given.delegation->grants_at : record_.at;
  if (record_.layout != model::Layout::kBind || mount.root == "/") return false;
  const bool has_others = !record_.beneath.empty() || !record_.unfinished.empty();
  return (has_others && is_at_or_below(mount.mount_point, place)) ||
         std::ranges::any_of(given.pins, [&](const auto& pin) {
           return join(place, pin.grant.name) == mount.mount_point;
         });
}

ViewMounts::Part ViewMounts::part(const BpffsMount& mount) const {
  const bool has_pins = std::ranges::any_of(
      record_.given.pins, [](const auto& pin) { return !pin.skipped && pin.grant.pin; });
  if (record_.instances.empty() && (has_pins || record_.given.selected_by.empty()))
    return Part::kUnknown;
  if (is_any_of(instances_, mount) || is_any_of(record_.beneath, mount) ||
      is_any_of(record_.unfinished, mount) || is_grant(mount))
    return Part::kView;
  if (mount.id > first_) return Part::kLater;
  return record_.host_bpffs == model::HostBpffs::kAllow ? Part::kLeft : Part::kBeside;
}

bool is_set_up(int proc, const Record& record) {
  // A root of FUSE is not asked.
  const auto look = [](int directory, const std::string& path, struct statx& found) {
    return ::statx(directory, path.c_str(), AT_STATX_DONT_SYNC, STATX_INO, &found) == 0;
  };
  struct statx own {};
  struct statx root {};
  if (!look(AT_FDCWD, "/", own) || !look(proc, std::to_string(record.given.pid) + "/root", root))
    return true;
  return own.stx_dev_major != root.stx_dev_major || own.stx_dev_minor != root.stx_dev_minor ||
         own.stx_ino != root.stx_ino ||
         !kernel::has_root_of_namespace(proc, namespace_of(record), record.given.pid);
}

Result<std::vector<BpffsMount>> bpffs_of(int proc, const Record& record) {
  return kernel::bpffs_mounts_of(proc, namespace_of(record));
}

bool lacks_view(const Record& record, const std::vector<BpffsMount>& bpffs) {
  return std::ranges::any_of(record.instances, [&](const ViewInstance& instance) {
    return instance.type == model::InstanceType::kBpf && lacks(instance, bpffs);
  });
}

bool lacks_tokens(const ViewInstance& instance, const std::vector<BpffsMount>& bpffs) {
  return instance.type == model::InstanceType::kDelegated && lacks(instance, bpffs);
}

bool lacks_values(int proc, const Record& record) {
  const auto is_of_values = [](const ViewInstance& instance) {
    return instance.type == model::InstanceType::kFuse;
  };
  if (std::ranges::none_of(record.instances, is_of_values)) return false;
  const auto mounts = kernel::fuse_mounts_of(proc, namespace_of(record));
  return mounts && std::ranges::any_of(record.instances, [&](const ViewInstance& instance) {
           return is_of_values(instance) && lacks(instance, *mounts);
         });
}

std::vector<BpffsMount> bpffs_to_mask(const Record& record, const std::vector<BpffsMount>& mounts,
                                      bool left) {
  const ViewMounts view(record, mounts);
  std::vector<BpffsMount> found;
  std::ranges::copy_if(mounts, std::back_inserter(found),
                       [&](const BpffsMount& mount) { return is_to_mask(view.part(mount), left); });
  return found;
}

Result<Masked> mask_bpffs(const Record& record, bool left, bool uncover) {
  PINSCOPE_TRY(
      const std::string answer,
      kernel::run_in_child([&] { return mask_in_namespace(record, left, uncover); }, kTimeout));
  const auto pieces = split(answer, kBetweenPlaces);
  constexpr size_t kFirstPlace = 3;
  if (pieces.size() <= kFirstPlace)
    return std::unexpected(Error(ErrorCode::kInternal, "understand what masked a bpffs"));
  Masked masked;
  masked.stays = pieces[0];
  masked.is_beneath = pieces[1] == kYes;
  masked.took_view = pieces[2] == kYes;
  // Behind the last separator there is nothing.
  for (size_t i = kFirstPlace; i + 1 < pieces.size(); ++i) masked.places.emplace_back(pieces[i]);
  return masked;
}

}  // namespace pinscope
