#include "plugin/kernel/mount/ways_out.h"

#include <fcntl.h>
#include <linux/magic.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <optional>

#include "plugin/base/text.h"
#include "plugin/host/file.h"
#include "plugin/kernel/sys.h"

namespace pinscope::kernel {
namespace {

using model::Scope;
using model::WayOut;

// fs/proc/self.c: the link leads nowhere for a process that the file system's PID namespace does
// not know. We are of the host's, so this is a proc file system of the host's processes, whichever
// instance it is. A part of one is that of a process ("/1", and then it leads to it) or harmless
// ("/sys").
bool shows_host_processes(const MountTable& mounts, const Mount& mount) {
  if (mount.root.size() > 1) return mount.root[1] >= '0' && mount.root[1] <= '9';
  const auto opened = open_resolved(AT_FDCWD, mount.mount_point, O_PATH | O_NOFOLLOW,
                                    RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS);
  if (!opened) return true;
  const auto top = mounts.id_of(opened->get());
  if (!top || *top != mount.id) return true;
  char self[32];
  return ::readlinkat(opened->get(), "self", self, sizeof self) > 0;
}

// The cgroup of a process in the hierarchy of version 2; nothing if it has none or has ended.
std::optional<std::string> cgroup_of(const std::string& process) {
  constexpr size_t kLimit = 1U << 20;
  const std::string path = "/proc/" + process + "/cgroup";
  const auto file = open_at(AT_FDCWD, path, O_RDONLY);
  if (!file) return std::nullopt;
  const auto text = read_all(file->get(), kLimit, path);
  if (!text) return std::nullopt;
  for (const std::string_view line : split(*text, '\n'))
    if (line.starts_with("0::")) return std::string(line.substr(3));
  return std::nullopt;
}

// Whether the container has no cgroup of its own, but one in which this process is, too, or below
// which it is: what is attached there governs the host's processes.
bool shares_our_cgroup(const ContainerProcess& process) {
  const auto ours = cgroup_of("self");
  const auto its = cgroup_of(std::to_string(process.pid()));
  return !ours || !its || *its == "/" || *ours == *its || ours->starts_with(*its + "/");
}

}  // namespace

bool is_own_cgroup(std::string_view seen_by_it, std::string_view seen_by_us) {
  return seen_by_it != seen_by_us && seen_by_it != "/.." && !seen_by_it.starts_with("/../");
}

uint64_t network_namespace_in(std::string_view root) {
  constexpr std::string_view kStart = "net:[";
  uint64_t number = 0;
  if (!root.starts_with(kStart)) return 0;
  root.remove_prefix(kStart.size());
  std::from_chars(root.data(), root.data() + root.size(), number);
  return number;
}

WayOut way_of_cgroups(const std::string& at) {
  return {Scope::kCgroup,
          "a cgroup file system with more than its own cgroup is mounted at " + quoted(at),
          "every cgroup that it can open", "leave the mount out"};
}

WayOut way_of_network(const std::string& at) {
  return {Scope::kNetwork, "a network namespace that is not its own is mounted at " + quoted(at),
          "that namespace", "leave the mount out"};
}

// /proc/PID/ns/net and /proc/PID/root are open to whoever has the user and the capabilities of that
// process in its user namespace (kernel/ptrace.c: __ptrace_may_access).
std::vector<WayOut> ways_of_processes(const std::string& at) {
  const std::string what = "it sees processes of the host at " + quoted(at);
  constexpr const char* kRemedy =
      "give it a PID namespace and a /proc of its own, or a user namespace";
  return {{Scope::kNetwork, what, "their network namespaces", kRemedy},
          {Scope::kCgroup, what, "the cgroups that they can open", kRemedy}};
}

Result<std::vector<WayOut>> ways_out(const MountTable& mounts, int root, const std::string& rootfs,
                                     const ContainerProcess& process) {
  std::vector<WayOut> ways;
  PINSCOPE_TRY(const auto below, mounts.look_below(root));
  const auto& found = below.leading;
  const auto place = [&](const Mount& mount) {
    const bool is_below = rootfs.size() > 1 && mount.mount_point.starts_with(rootfs + "/");
    return is_below ? mount.mount_point.substr(rootfs.size()) : mount.mount_point;
  };
  const auto is_cgroup = [](const Mount& mount) { return mount.leads == Mount::Leads::kToCgroups; };
  MountTable::Below seen_by_it;
  bool is_shared = false;
  if (std::ranges::any_of(found, is_cgroup)) {
    is_shared = shares_our_cgroup(process);
    PINSCOPE_CHECK(process.enter_cgroup_namespace());
    PINSCOPE_TRY(seen_by_it, mounts.look_below(root));
  }
  const uint64_t own_network = process.namespace_number(model::NamespaceKind::kNet);
  for (const auto& mount : found) {
    switch (mount.leads) {
      case Mount::Leads::kNowhere:
        break;
      case Mount::Leads::kToCgroups: {
        const auto again = std::ranges::find(seen_by_it.leading, mount.id, &Mount::id);
        if (is_shared || again == seen_by_it.leading.end() ||
            !is_own_cgroup(again->root, mount.root))
          ways.push_back(way_of_cgroups(place(mount)));
        break;
      }
      case Mount::Leads::kToNamespace: {
        const uint64_t network = network_namespace_in(mount.root);
        if (network != 0 && network != own_network) ways.push_back(way_of_network(place(mount)));
        break;
      }
      case Mount::Leads::kToProcesses:
        // In a user namespace of one's own the kernel refuses what is the host's.
        if (process.shares_our_user_namespace() && shows_host_processes(mounts, mount))
          for (auto& way : ways_of_processes(place(mount))) ways.push_back(std::move(way));
        break;
    }
  }
  return ways;
}

}  // namespace pinscope::kernel
