#include "plugin/pipeline/explain/prediction.h"

#include <algorithm>
#include <cerrno>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "plugin/base/path.h"
#include "plugin/kernel/mount/obstacles.h"
#include "plugin/kernel/mount/ways_out.h"
#include "plugin/kernel/process/process.h"
#include "plugin/model/view_names.h"
#include "plugin/policy/decide/decide.h"
#include "plugin/policy/decide/select.h"

namespace pinscope {
namespace {

using kernel::Mount;
using kernel::Obstacle;
using model::Container;
using model::Decision;
using model::NamespaceKind;
using model::WayOut;
using Place = PredictedMounts::Place;

// What every machine has, for those who ask about none in particular.
constexpr std::string_view kAnyMachine =
    "1 0 0:1 / / rw - ext4 root rw\n"
    "2 1 0:2 / /proc rw - proc proc rw\n"
    "3 1 0:3 / /sys rw - sysfs sysfs rw\n"
    "4 3 0:4 / /sys/fs/bpf rw - bpf bpf rw\n"
    "5 3 0:5 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n";

bool in_user_namespace(const Container& container) {
  return namespace_of(container, NamespaceKind::kUser).mode != model::Namespace::Mode::kHost;
}

// The steps of a plan that look at the container, over mounts that are only predicted.
class Foresight {
 public:
  Foresight(PredictedMounts& mounts, const Container& container, const Decision& decision)
      : mounts_(mounts), container_(container), decision_(decision) {}

  std::optional<Error> first_refusal() {
    if (decision_.host_bpffs != model::HostBpffs::kAllow)
      if (auto error = hide_bpffs()) return error;
    std::optional<Place> view;
    std::optional<Place> delegated;
    if (decision_.has_pins())
      if (auto error = attach_view(decision_.grants_at(), view)) return error;
    if (decision_.delegation)
      if (auto error = attach_view(decision_.at, delegated)) return error;
    if (view)
      if (auto error = look_ahead(decision_.grants_at(), *view)) return error;
    if (delegated)
      if (auto error = look_ahead(decision_.at, *delegated)) return error;
    return decision_.shows_values() ? attach_values() : std::nullopt;
  }

 private:
  [[nodiscard]] const PredictedMount& at(size_t mount) const { return mounts_.all()[mount]; }

  // kernel::ContainerRoot::hide_bpffs().
  std::optional<Error> hide_bpffs() {
    if (at(mounts_.root().mount).is_bpf) return kernel::cannot_hide("/", Obstacle::kIsRoot);
    for (;;) {
      auto found = mounts_.below_root();
      std::erase_if(found, [&](size_t mount) { return !at(mount).is_bpf; });
      if (found.empty()) return std::nullopt;
      if (decision_.host_bpffs == model::HostBpffs::kReject)
        return cannot_hide(found.front(), Obstacle::kRejected);
      bool any = false;
      std::optional<Error> in_the_way;
      for (const size_t mount : found)
        while (!at(mount).is_gone) {
          const Place place = mounts_.resolve(mounts_.path_of(mount));
          const size_t top = place.mount;
          if (!at(top).is_bpf || place.path != at(top).root) {
            if (!in_the_way)
              in_the_way =
                  cannot_hide(mount, place.exists ? Obstacle::kCovered : Obstacle::kOutOfReach);
            break;
          }
          if (at(at(top).parent).is_shared) return cannot_hide(mount, Obstacle::kOnSharedMount);
          if (at(top).came_along && in_user_namespace(container_))
            return cannot_hide(mount, Obstacle::kLocked);
          mounts_.remove(top);
          any = true;
        }
      if (!any) return in_the_way;
    }
  }

  [[nodiscard]] Error cannot_hide(size_t mount, Obstacle obstacle) const {
    return kernel::cannot_hide(mounts_.path_of(mount), obstacle);
  }

  // ResolveTarget and AttachView of apply/.
  std::optional<Error> attach_view(const std::string& path, std::optional<Place>& view) {
    const Place target = mounts_.resolve(path);
    const PredictedMount& on = at(target.mount);
    if (target.goes_through_process || (on.leads == Mount::Leads::kToProcesses && target.exists))
      return kernel::target_is_in_proc(path);
    if (!target.dangling.empty()) return kernel::target_leads_nowhere(path, target.dangling);
    if (!target.is_directory) return kernel::target_cannot_be_made(path, path, ENOTDIR);
    if (!target.exists && on.is_kernels)
      return kernel::target_cannot_be_made(path, path.substr(1), EPERM);
    if (on.is_shared) return kernel::target_is_shared(path);
    PredictedMount mount;
    mount.root = "/";
    const size_t added = mounts_.attach(std::move(mount), target);
    view = Place{added, "/"};
    return std::nullopt;
  }

  // kernel::LaterMounts.
  std::optional<Error> look_ahead(const std::string& path, const Place& view) const {
    const std::string view_path = mounts_.path_of(view);
    for (const auto& masked : container_.masked_paths) {
      const Place place = mounts_.resolve(masked);
      if (place.is_nowhere) continue;
      if (place.goes_through_process) return kernel::unknown_later(masked, ELOOP);
      if (is_at_or_below(view_path, mounts_.path_of(place)) ||
          (place.mount == view.mount && holds_pins(place.path)))
        return kernel::masked_later(path, masked);
    }
    const bool pins = decision_.delegation && decision_.delegation->pinning;
    if (!pins || path != decision_.at) return std::nullopt;
    for (const auto& read_only : container_.readonly_paths)
      if (is_at_or_below(view_path, mounts_.path_of(mounts_.resolve(read_only))))
        return kernel::read_only_later(path, read_only);
    return std::nullopt;
  }

  // kernel::LaterMounts::check_ahead().
  std::optional<Error> attach_values() {
    const std::string& at = decision_.values_at;
    std::optional<Place> values;
    if (auto error = attach_view(at, values)) return error;
    const std::string values_path = mounts_.path_of(*values);
    for (const auto& masked : container_.masked_paths) {
      const Place place = mounts_.resolve(masked);
      if (place.goes_through_process) return kernel::unknown_later(masked, ELOOP);
      if (place.mount == values->mount || is_at_or_below(values_path, mounts_.path_of(place)))
        return kernel::values_masked_later(at, masked);
    }
    for (const auto& read_only : container_.readonly_paths)
      if (mounts_.resolve(read_only).mount == values->mount)
        return kernel::values_read_only_later(at, read_only);
    return std::nullopt;
  }

  // Whether the view has something there: "/flows", and "/_rw" where it has the two halves.
  [[nodiscard]] bool holds_pins(std::string_view path) const {
    const std::string writable = std::string("/") + model::kReadWriteDirectory;
    if (path == writable) {
      const auto writes = [](const model::GrantedPin& pin) {
        return pin.pin && opens_for_writing(pin.access);
      };
      const auto reads = [](const model::GrantedPin& pin) {
        return pin.pin && !opens_for_writing(pin.access);
      };
      return decision_.layout == model::Layout::kShared &&
             std::ranges::any_of(decision_.grants, writes) &&
             std::ranges::any_of(decision_.grants, reads);
    }
    if (path.starts_with(writable + "/")) path.remove_prefix(writable.size());
    return std::ranges::any_of(decision_.grants, [&](const model::GrantedPin& pin) {
      return pin.pin && is_at_or_below("/" + pin.name, path);
    });
  }

  PredictedMounts& mounts_;
  const Container& container_;
  const Decision& decision_;
};

void add_ways(const PredictedMount& mount, const std::string& at, const Container& container,
              const policy::HostView& host, std::vector<WayOut>& ways) {
  switch (mount.leads) {
    case Mount::Leads::kNowhere:
      return;
    case Mount::Leads::kToCgroups:
      ways.push_back(kernel::way_of_cgroups(at));
      return;
    case Mount::Leads::kToNamespace: {
      const auto& own = namespace_of(container, NamespaceKind::kNet);
      const bool is_own = own.mode == model::Namespace::Mode::kPath &&
                          kernel::same_namespace(own.path, mount.on_host);
      if (kernel::network_namespace_in(mount.root) != 0 && !is_own)
        ways.push_back(kernel::way_of_network(at));
      return;
    }
    case Mount::Leads::kToProcesses: {
      // /proc itself, or a part of it that is a process; one of the container's own shows the
      // host's only where their PID namespace is the host's.
      const bool is_whole = mount.root == "/";
      const bool is_process = mount.root.size() > 1 && mount.root[1] >= '0' && mount.root[1] <= '9';
      const bool is_own =
          mount.is_made && !policy::shares_host_namespace(container, NamespaceKind::kPid, host);
      if ((!is_whole && !is_process) || is_own) return;
      if (!policy::shares_host_namespace(container, NamespaceKind::kUser, host)) return;
      for (auto& way : kernel::ways_of_processes(at)) ways.push_back(std::move(way));
      return;
    }
  }
}

}  // namespace

PredictedMounts predict_mounts(const Container& container, Machine machine) {
  const bool is_this = machine == Machine::kThis;
  auto host = kernel::parse_mountinfo(kAnyMachine);
  if (is_this)
    if (auto mounts = kernel::read_mounts()) host = *std::move(mounts);
  return {container, host, is_this};
}

std::vector<WayOut> ways_out_in(const PredictedMounts& mounts, const Container& container,
                                const policy::HostView& host) {
  std::vector<WayOut> ways;
  for (const size_t mount : mounts.below_root())
    add_ways(mounts.all()[mount], mounts.path_of(mount), container, host, ways);
  return ways;
}

std::optional<Error> foreseen_refusal(PredictedMounts& mounts, const Container& container,
                                      const Decision& decision) {
  return Foresight(mounts, container, decision).first_refusal();
}

}  // namespace pinscope
