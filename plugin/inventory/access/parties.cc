#include "plugin/inventory/access/parties.h"

#include <fcntl.h>
#include <linux/nsfs.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include <algorithm>
#include <cerrno>
#include <set>
#include <string>
#include <unordered_map>
#include <utility>

#include "plugin/base/fd.h"
#include "plugin/base/text.h"
#include "plugin/host/file.h"
#include "plugin/kernel/mount/mountinfo.h"

namespace pinscope::inventory {
namespace {

Result<Fd> open_proc() {
  return open_at(AT_FDCWD, "/proc", O_RDONLY | O_DIRECTORY);
}

// The PID namespaces of the machine, and who is in them: whoever sees a process in /proc may get at
// its files, and a process elsewhere may be the container's own.
class PidNamespaces {
 public:
  explicit PidNamespaces(int proc) : proc_(proc), host_(number_of("self/ns/pid")) {
    const auto names = names_in(proc, "/proc");
    if (!names) return;
    for (const auto& name : *names) {
      const auto pid = parse_unsigned(name);
      if (!pid) continue;
      const uint64_t number = number_of(name + "/ns/pid");
      if (number == 0 || number == host_) continue;
      auto& found = found_[number];
      if (found.members.empty()) found.parent = parent_of(name);
      found.members.push_back({static_cast<pid_t>(*pid), number_of(name + "/ns/mnt")});
    }
  }

  // Adds what is in the PID namespaces of these processes, and in those below, and not in their
  // mount namespace.
  void doubt(Party& party) const {
    std::set<uint64_t> own;
    for (const pid_t pid : party.space.processes) {
      const uint64_t number = number_of(std::to_string(pid) + "/ns/pid");
      if (found_.contains(number)) own.insert(number);
    }
    if (own.empty()) return;
    for (const auto& [number, space] : found_) {
      if (!is_in(number, own)) continue;
      for (const auto& member : space.members) {
        if (member.mounts == party.space.number) continue;
        party.doubts.push_back({"process " + std::to_string(member.pid) +
                                    " is in its PID namespace or below, and in another mount "
                                    "namespace",
                                model::Bypass::kSharedPidNamespace});
        return;
      }
    }
  }

 private:
  struct Member {
    pid_t pid = 0;
    uint64_t mounts = 0;  // 0: it has none any more
  };
  struct Found {
    uint64_t parent = 0;  // 0: the host's, or not told
    std::vector<Member> members;
  };

  [[nodiscard]] uint64_t number_of(const std::string& link) const {
    struct stat status {};
    return ::fstatat(proc_, link.c_str(), &status, 0) == 0 ? status.st_ino : 0;
  }

  [[nodiscard]] uint64_t parent_of(const std::string& name) const {
    const auto space = open_at(proc_, name + "/ns/pid", O_RDONLY);
    if (!space) return 0;
    const Fd parent(::ioctl(space->get(), NS_GET_PARENT));
    struct stat status {};
    return parent.valid() && ::fstat(parent.get(), &status) == 0 ? status.st_ino : 0;
  }

  // Whether it is one of these, or below one.
  [[nodiscard]] bool is_in(uint64_t number, const std::set<uint64_t>& own) const {
    constexpr int kMaxDepth = 32;  // kernel/pid_namespace.c: MAX_PID_NS_LEVEL
    for (int depth = 0; depth <= kMaxDepth; ++depth) {
      if (own.contains(number)) return true;
      const auto found = found_.find(number);
      if (found == found_.end()) return false;
      number = found->second.parent;
    }
    return false;
  }

  int proc_;
  uint64_t host_;
  std::unordered_map<uint64_t, Found> found_;
};

void find_mount_points(Party& party) {
  if (!party.place || party.space.pid == 0) return;
  auto mounts = kernel::read_mounts("/proc/" + std::to_string(party.space.pid));
  if (!mounts) return;
  party.mount_points.reserve(mounts->size());
  for (auto& mount : *mounts) party.mount_points.push_back(std::move(mount.mount_point));
}

// A mount of the machine's own proc shows its processes; of two others, one may be of another
// container.
void doubt_proc(Party& party) {
  if (party.space.pid == 0) return;
  const auto all = kernel::read_superblocks("/proc/" + std::to_string(party.space.pid));
  struct stat own {};
  if (!all || ::stat("/proc", &own) != 0) return;
  std::set<std::pair<uint32_t, uint32_t>> devices;
  for (const auto& one : *all)
    if (one.type == "proc") devices.emplace(one.device_major, one.device_minor);
  const bool is_hosts = devices.contains({::major(own.st_dev), ::minor(own.st_dev)});
  if (!is_hosts && devices.size() < 2) return;
  party.doubts.push_back({is_hosts ? "it sees the host's proc file system"
                                   : "it sees several proc file systems, of which one may show "
                                     "processes that are not its own",
                          model::Bypass::kHostProc});
}

Party look_at(int proc, const PidNamespaces& pids, Space space, std::optional<size_t> place) {
  Party party{.space = std::move(space), .place = place, .processes = {}};
  for (const pid_t pid : party.space.processes) {
    auto credentials = kernel::read_credentials_of_threads(proc, pid);
    if (!credentials) {
      const int errnum = credentials.error().errnum();
      const bool has_ended = errnum == ENOENT || errnum == ESRCH ||
                             credentials.error().code() == ErrorCode::kProcessGone;
      if (!has_ended) ++party.not_seen;
      continue;
    }
    for (auto& thread : *credentials) {
      const bool is_known = std::ranges::any_of(
          party.processes, [&](const auto& one) { return kernel::is_same(one, thread); });
      if (!is_known) party.processes.push_back(std::move(thread));
    }
  }
  pids.doubt(party);
  doubt_proc(party);
  find_mount_points(party);
  return party;
}

}  // namespace

Result<std::vector<Party>> look_at_parties(const Machine& machine) {
  PINSCOPE_TRY(const Fd proc, open_proc());
  const PidNamespaces pids(proc.get());
  std::vector<Party> parties;
  parties.reserve(machine.spaces.size() + machine.others.size());
  const auto add = [&](const Space& space, std::optional<size_t> place) {
    Party party{.space = space, .place = place, .processes = {}};
    if (!party.is_of_host()) party = look_at(proc.get(), pids, space, place);
    parties.push_back(std::move(party));
  };
  for (size_t i = 0; i < machine.spaces.size(); ++i) add(machine.spaces[i], i);
  for (const auto& space : machine.others) add(space, std::nullopt);
  return parties;
}

Result<Party> look_at_party(Space space, std::optional<size_t> place) {
  PINSCOPE_TRY(const Fd proc, open_proc());
  return look_at(proc.get(), PidNamespaces(proc.get()), std::move(space), place);
}

}  // namespace pinscope::inventory
