#include "plugin/pipeline/reach.h"

#include <fcntl.h>

#include <algorithm>
#include <string_view>

#include "plugin/base/file.h"
#include "plugin/base/path.h"
#include "plugin/kernel/mounts.h"
#include "plugin/kernel/process.h"
#include "plugin/kernel/ways_out.h"

namespace pinscope {
namespace {

using kernel::Mount;
using model::Container;
using model::NamespaceKind;
using model::WayOut;

constexpr size_t kMountinfoLimit = 1U << 26;

bool is_bind(const model::ConfiguredMount& mount) {
  return std::ranges::any_of(mount.options, [](const std::string& option) {
    return option == "bind" || option == "rbind";
  });
}

bool is_recursive(const model::ConfiguredMount& mount) {
  return std::ranges::find(mount.options, "rbind") != mount.options.end();
}

bool is_below(std::string_view path, std::string_view directory) {
  if (directory == "/") return path.size() > 1;
  return path.size() > directory.size() && path.starts_with(directory) &&
         path[directory.size()] == '/';
}

// The mount of this host that a path is on: the last one whose mount point is at or above it.
const Mount* mount_of(const std::vector<Mount>& mounts, std::string_view path) {
  const Mount* found = nullptr;
  for (const auto& mount : mounts) {
    const bool holds = mount.mount_point == path || is_below(path, mount.mount_point);
    if (holds && (found == nullptr || mount.mount_point.size() >= found->mount_point.size()))
      found = &mount;
  }
  return found;
}

class Prediction {
 public:
  explicit Prediction(const Container& container) : container_(container) {
    const auto file = open_at(AT_FDCWD, "/proc/self/mountinfo", O_RDONLY);
    if (!file) return;
    if (const auto text = read_all(file->get(), kMountinfoLimit, "mountinfo"))
      host_ = kernel::parse_mountinfo(*text);
  }

  std::vector<WayOut> predict() {
    for (const auto& mount : container_.mounts) {
      if (!is_bind(mount)) {
        if (mount.type == "proc" && shares(NamespaceKind::kPid)) add_processes(mount.destination);
        continue;
      }
      if (const Mount* source = mount_of(host_, mount.source))
        look(*source, mount.source, mount.destination);
      if (!is_recursive(mount)) continue;
      for (const auto& below : host_)
        if (is_below(below.mount_point, mount.source))
          look(below, below.mount_point,
               join(mount.destination, below.mount_point.substr(mount.source.size())));
    }
    return std::move(ways_);
  }

 private:
  bool shares(NamespaceKind kind) const {
    const auto& wanted = namespace_of(container_, kind);
    return wanted.mode == model::Namespace::Mode::kHost;
  }

  void add_processes(const std::string& at) {
    if (!shares(NamespaceKind::kUser)) return;
    for (auto& way : kernel::ways_of_processes(at)) ways_.push_back(std::move(way));
  }

  void look(const Mount& mount, const std::string& source, const std::string& at) {
    switch (mount.leads) {
      case Mount::Leads::kNowhere:
        return;
      case Mount::Leads::kToCgroups:
        ways_.push_back(kernel::way_of_cgroups(at));
        return;
      case Mount::Leads::kToNamespace: {
        const auto& own = namespace_of(container_, NamespaceKind::kNet);
        const bool is_own =
            own.mode == model::Namespace::Mode::kPath && kernel::same_namespace(own.path, source);
        if (kernel::network_namespace_in(mount.root) != 0 && !is_own)
          ways_.push_back(kernel::way_of_network(at));
        return;
      }
      case Mount::Leads::kToProcesses: {
        // /proc itself, or a part of it that is a process.
        const std::string_view part =
            std::string_view(source).substr(std::min(source.size(), mount.mount_point.size()));
        const bool is_process = part.size() > 1 && part[1] >= '0' && part[1] <= '9';
        const bool is_namespace = is_process && part.find("/ns/net") != std::string_view::npos;
        if (is_namespace)
          ways_.push_back(kernel::way_of_network(at));
        else if (part.empty() || is_process)
          add_processes(at);
        return;
      }
    }
  }

  const Container& container_;
  std::vector<Mount> host_;
  std::vector<WayOut> ways_;
};

}  // namespace

policy::KnownObjects known(const std::vector<kernel::ObjectInfo>& objects) {
  policy::KnownObjects found;
  found.reserve(objects.size());
  for (const auto& info : objects) found.push_back(model::ObjectType{info.kind, info.type});
  return found;
}

std::vector<WayOut> ways_out_by_configuration(const Container& container) {
  return Prediction(container).predict();
}

}  // namespace pinscope
