#include "plugin/inventory/machine/machine.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <iterator>
#include <map>
#include <unordered_set>
#include <utility>

#include "plugin/base/path.h"
#include "plugin/base/text.h"
#include "plugin/host/file.h"
#include "plugin/kernel/bpf/bpf.h"
#include "plugin/kernel/bpf/holders.h"
#include "plugin/kernel/bpf/objects.h"
#include "plugin/kernel/mount/machine.h"
#include "plugin/kernel/mount/namespaces.h"
#include "plugin/kernel/process/child.h"
#include "plugin/kernel/process/privileges.h"
#include "plugin/kernel/process/threads.h"
#include "plugin/record/change_lock.h"

namespace pinscope::inventory {
namespace {

using model::ObjectKind;

constexpr std::chrono::milliseconds kTimeout{3000};  // for one instance
// With others who look into the same containers.
constexpr std::chrono::milliseconds kForOthers{1000};

class Look {
 public:
  Look(Fd proc, kernel::Processes processes, const Scope& scope)
      : proc_(std::move(proc)),
        processes_(std::move(processes)),
        scope_(scope),
        locks_(scope.state_directory) {}

  Machine take() {
    if (processes_.not_seen > 0)
      machine_.not_seen.push_back(count_of(processes_.not_seen, "process", "processes") +
                                  " whose mount namespace or descriptors cannot be read from here");
    if (!scope_.space && !kernel::in_initial_pid_namespace())
      machine_.not_seen.emplace_back(
          "processes outside of this PID namespace: an object that only they have open looks like "
          "an orphan");
    if (!scope_.space) add_kept_namespaces();
    find_mounts();
    find_open_mounts();
    read_pins();
    if (scope_.object)
      read_object(*scope_.object);
    else
      for (const auto kind : {ObjectKind::kMap, ObjectKind::kProgram, ObjectKind::kLink})
        read_objects(kind);
    add_pins();
    add_holders();
    add_uses();
    return std::move(machine_);
  }

 private:
  // What no process is in or has open.
  void add_kept_namespaces() {
    std::unordered_set<uint64_t> known;
    for (const auto& space : processes_.namespaces) known.insert(space.number);
    kept_ = kernel::other_namespaces([&](uint64_t number) { return known.contains(number); });
    if (kept_.is_full)
      machine_.not_seen.push_back("mount namespaces that no process is in: there are more than " +
                                  std::to_string(kept_.spaces.size()));
    for (const auto& space : kept_.spaces) {
      processes_.namespaces.push_back(space);
      processes_.members.emplace_back();
    }
  }

  void find_mounts() {
    const uint64_t host = number_of_host();
    if (host == 0)
      machine_.not_seen.emplace_back(
          "which mount namespace is the machine's own: process 1 cannot be looked at, so what is "
          "the host's counts as a stranger's");
    for (size_t i = 0; i < processes_.namespaces.size(); ++i)
      if (processes_.namespaces[i].number == host && !processes_.members[i].empty())
        host_root_ = root_of(processes_.members[i].front());
    for (size_t i = 0; i < processes_.namespaces.size(); ++i) {
      const auto& space = processes_.namespaces[i];
      const bool is_asked = !scope_.space || space.number == *scope_.space;
      if (!is_asked && space.number != host) continue;
      auto mounts = kernel::bpffs_mounts_of(proc_.get(), space);
      if (!mounts && !has_ended(mounts.error()))
        machine_.not_seen.push_back("mount namespace " + std::to_string(space.number) + ": " +
                                    mounts.error().sentence());
      if (!mounts || mounts->empty()) {
        if (is_asked) machine_.others.push_back(described(i, space.number == host));
        continue;
      }
      ways_.push_back(&space);
      machine_.spaces.push_back(described(i, space.number == host));
      for (auto& mount : *mounts) add(std::move(mount));
    }
  }

  // Mounts in no namespace, which somebody has open.
  void find_open_mounts() {
    std::unordered_set<uint64_t> known;
    for (const auto& mount : machine_.mounts) known.insert(mount.mount.id);
    auto found = kernel::open_bpffs_mounts(proc_.get(), processes_.files,
                                           [&](uint64_t id) { return known.contains(id); });
    std::ranges::move(found.not_seen, std::back_inserter(machine_.not_seen));
    open_ways_.reserve(found.mounts.size());
    for (auto& [file, mount] : found.mounts) {
      open_ways_.push_back({0, std::move(file.path), ""});
      ways_.push_back(&open_ways_.back());
      Space space;
      space.is_detached = true;
      space.pid = file.pid;
      space.command = command_of(file.pid);
      space.has_hosts_root = host_root_ && root_of(file.pid) == host_root_;
      machine_.spaces.push_back(std::move(space));
      add(std::move(mount));
    }
  }

  // A process of which no name was asked for until now.
  static std::string command_of(pid_t pid) {
    const auto comm = text_of_file("/proc/" + std::to_string(pid) + "/comm");
    return comm ? *comm : "";
  }

  static bool has_ended(const Error& error) {
    return error.errnum() == ENOENT || error.errnum() == ESRCH ||
           error.code() == ErrorCode::kProcessGone;
  }

  [[nodiscard]] Space described(size_t i, bool is_host) const {
    const auto& members = processes_.members[i];
    Space space;
    space.number = processes_.namespaces[i].number;
    space.is_host = is_host;
    space.processes = members;
    if (members.empty()) return space;
    space.pid = members.front();
    space.command = processes_.command_of(space.pid);
    space.has_hosts_root = is_host || (host_root_ && root_of(space.pid) == host_root_ &&
                                       kernel::has_root_of_namespace(
                                           proc_.get(), processes_.namespaces[i], space.pid));
    return space;
  }

  // The directory that a process has for "/": its device and inode; nothing if that is not told.
  // Its file system, which may wait for somebody, is not asked.
  using Root = std::optional<std::pair<uint64_t, uint64_t>>;
  [[nodiscard]] Root root_of(pid_t pid) const {
    struct statx status {};
    const std::string path = kernel::living_thread(pid) + "/root";
    if (::statx(proc_.get(), path.c_str(), AT_STATX_DONT_SYNC, STATX_INO, &status) != 0)
      return std::nullopt;
    return std::pair(::makedev(status.stx_dev_major, status.stx_dev_minor), status.stx_ino);
  }

  void add(kernel::BpffsMount mount) {
    const std::pair device(mount.device_major, mount.device_minor);
    const auto [place, is_new] = instances_.try_emplace(device, machine_.instances.size());
    if (is_new)
      machine_.instances.push_back({.device_major = mount.device_major,
                                    .device_minor = mount.device_minor,
                                    .is_sealed = mount.is_sealed,
                                    .options = mount.options,
                                    .left_out = {},
                                    .hidden = {}});
    if (machine_.spaces.back().is_host)
      machine_.instances[place->second].origin = Instance::Origin::kHost;
    machine_.mounts.push_back({.space = machine_.spaces.size() - 1,
                               .instance = place->second,
                               .mount = std::move(mount)});
  }

  // The mounts of each instance, first those that show all of it or more than others, of these the
  // machine's own.
  [[nodiscard]] std::vector<std::vector<const InstanceMount*>> ways_to_instances() const {
    std::vector<std::vector<const InstanceMount*>> ways(machine_.instances.size());
    for (const auto& mount : machine_.mounts) ways[mount.instance].push_back(&mount);
    for (auto& of_one : ways)
      std::ranges::stable_sort(of_one, {}, [&](const InstanceMount* mount) {
        return std::tuple(mount->mount.root != "/", mount->mount.root.size(),
                          !machine_.spaces[mount->space].is_host);
      });
    return ways;
  }

  void read_pins() {
    const auto ways = ways_to_instances();
    const bool by_path_fd = kernel::has_path_fd();
    kernel::run_each_in_child(
        ways.size(), [&](size_t i) { return look_through(ways[i], by_path_fd); },
        [&](size_t i, Result<std::string> bytes) {
          auto& instance = machine_.instances[i];
          if (!bytes) {
            if (bytes.error().errnum() == ETIME) keep_away_from(ways[i]);
            return instance.left_out.push_back("its pins: " + bytes.error().sentence());
          }
          auto walked = kernel::walked_pins_from(*bytes);
          for (auto& pin : walked.pins) machine_.pins.push_back({i, std::move(pin), {}});
          instance.left_out = std::move(walked.left_out);
          instance.hidden = std::move(walked.covered);
        },
        kTimeout);
  }

  [[nodiscard]] bool is_asked(const std::vector<const InstanceMount*>& ways) const {
    return !scope_.space || std::ranges::any_of(ways, [&](const InstanceMount* way) {
      return machine_.spaces[way->space].number == *scope_.space;
    });
  }

  // Whoever has a file system that never answers has one process of ours wait for it, not as many
  // as they can mount. The machine's own namespace is nobody's.
  void keep_away_from(const std::vector<const InstanceMount*>& ways) {
    for (const auto* way : ways)
      if (!machine_.spaces[way->space].is_host && silent_.insert(way->space).second) return;
  }

  // In the child: by the first way that leads to all of the instance, or by those to its parts.
  [[nodiscard]] Result<std::string> look_through(const std::vector<const InstanceMount*>& ways,
                                                 bool by_path_fd) const {
    std::optional<Error> why =
        Error(ErrorCode::kTargetInvalid, "go on")
            .reason("another file system of this mount namespace gave no answer");
    if (!is_asked(ways)) {
      kernel::WalkedPins none;
      none.covered.emplace_back("anything, because it was not asked for");
      return kernel::to_bytes(none);
    }
    // Mounts of different parts show different pins.
    std::optional<kernel::WalkedPins> all;
    std::vector<std::string> roots;
    for (const auto* way : ways) {
      const auto& root = way->mount.root;
      if (silent_.contains(way->space) || shows_no_more(roots, root)) continue;
      const auto lock = lock_for(*way);
      if (!lock) {
        why = lock.error();
        continue;
      }
      auto shown = kernel::open_bpffs(proc_.get(), *ways_[way->space], way->mount);
      if (!shown) {
        why = std::move(shown).error();
        continue;
      }
      auto found = pins_of(*shown, way->mount, by_path_fd);
      if (root == "/") return kernel::to_bytes(found);
      roots.push_back(root);
      if (!all) {
        all = std::move(found);
        continue;
      }
      std::ranges::move(found.pins, std::back_inserter(all->pins));
      std::ranges::move(found.left_out, std::back_inserter(all->left_out));
      std::ranges::move(found.covered, std::back_inserter(all->covered));
    }
    if (all) return kernel::to_bytes(*all);
    return std::unexpected(*std::move(why));
  }

  // The machine's own namespace is nobody's.
  [[nodiscard]] Result<Fd> lock_for(const InstanceMount& way) const {
    const auto& space = machine_.spaces[way.space];
    if (space.is_host || space.number == 0) return Fd();
    return locks_.lock(kernel::lasting_number(proc_.get(), *ways_[way.space]), for_others_);
  }

  // Whether what is at `root` is in one of the parts that were read.
  static bool shows_no_more(const std::vector<std::string>& read, const std::string& root) {
    return std::ranges::any_of(
        read, [&](const std::string& one) { return root == one || root.starts_with(one + "/"); });
  }

  static kernel::WalkedPins pins_of(const Fd& shown, const kernel::BpffsMount& mount,
                                    bool by_path_fd) {
    struct stat status {};
    const bool is_pin = ::fstat(shown.get(), &status) == 0 && S_ISREG(status.st_mode);
    // A view is never shown by its root: nothing else has to be asked for attributes.
    const kernel::WalkOptions options{by_path_fd, mount.root != "/"};
    kernel::WalkedPins found;
    if (is_pin)
      found.pins = {kernel::look_at_pin(shown, mount.mount_point, options)};
    else
      found = kernel::walk_pins(shown.get(), options);
    if (mount.root == "/") return found;
    // As if all had been seen: the mount shows this part of it.
    for (auto& pin : found.pins)
      pin.path = (is_pin ? mount.root : join(mount.root, pin.path)).substr(1);
    found.covered.push_back("what is not below " + quoted(mount.root));
    return found;
  }

  void read_objects(ObjectKind kind) {
    auto objects = kernel::list_objects(kind);
    if (!objects) return machine_.not_seen.push_back(objects.error().sentence());
    for (auto& object : *objects) take(std::move(object));
  }

  void take(kernel::KernelObject object) {
    machine_.objects.emplace_back().info = std::move(object.info);
    uses_.push_back(std::move(object.uses));
    if (!object.uses_more) return;
    const auto& info = machine_.objects.back().info;
    machine_.not_seen.push_back("what else " + std::string(model::name_of(info.kind)) + " " +
                                std::to_string(info.id) + " keeps alive: it holds too much");
  }

  // In the order of Machine::objects.
  void read_object(const model::ObjectIdentity& identity) {
    auto object = kernel::find_object(identity);
    if (!object) return;
    std::vector<kernel::KernelObject> programs;
    std::map<uint32_t, kernel::KernelObject> maps;  // those that hold it, by id
    std::vector<kernel::KernelObject> links;
    if (identity.kind == ObjectKind::kMap) find_users(identity, maps, programs, links);
    if (identity.kind == ObjectKind::kMap)
      maps.insert_or_assign(identity.id, *std::move(object));
    else
      programs.push_back(*std::move(object));
    for (auto& [id, map] : maps) take(std::move(map));
    for (auto& program : programs) take(std::move(program));
    for (auto& link : links) take(std::move(link));
  }

  // The maps that hold a map, the programs that use any of them, and the iterators over it or with
  // such a program: each is a way to the map for whoever may use it.
  void find_users(const model::ObjectIdentity& identity,
                  std::map<uint32_t, kernel::KernelObject>& maps,
                  std::vector<kernel::KernelObject>& programs,
                  std::vector<kernel::KernelObject>& links) {
    const auto uses = [](const kernel::KernelObject& object, const model::ObjectIdentity& other) {
      return std::ranges::find(object.uses, other) != object.uses.end();
    };
    for (auto& map : listed(ObjectKind::kMap))
      if (uses(map, identity)) maps.emplace(map.info.id, std::move(map));
    for (auto& program : listed(ObjectKind::kProgram))
      if (std::ranges::any_of(program.uses, [&](const model::ObjectIdentity& map) {
            return map == identity || maps.contains(map.id);
          }))
        programs.push_back(std::move(program));
    for (auto& link : listed(ObjectKind::kLink))
      if (link.info.type == model::kIteratorLink &&
          (uses(link, identity) || std::ranges::any_of(programs, [&](const auto& program) {
             return uses(link, {ObjectKind::kProgram, program.info.id});
           })))
        links.push_back(std::move(link));
  }

  std::vector<kernel::KernelObject> listed(ObjectKind kind) {
    auto all = kernel::list_objects(kind);
    if (all) return *std::move(all);
    machine_.not_seen.push_back(all.error().sentence());
    return {};
  }

  void add_pins() {
    for (size_t i = 0; i < machine_.pins.size(); ++i)
      if (const auto object = machine_.find(machine_.pins[i].pin.object))
        machine_.objects[*object].pins.push_back(i);
  }

  void add_holders() {
    for (const auto& held : processes_.held) {
      const auto object = machine_.find(held.object);
      if (!object) continue;
      auto& holders = machine_.objects[*object].holders;
      // Those of one process follow each other.
      if (holders.empty() || holders.back().pid != held.pid)
        holders.push_back({.pid = held.pid, .command = processes_.command_of(held.pid)});
      holders.back().for_writing = holders.back().for_writing || held.for_writing;
      ++holders.back().descriptors;
    }
  }

  void add_uses() {
    for (size_t i = 0; i < uses_.size(); ++i) {
      const auto& info = machine_.objects[i].info;
      for (const auto& used : uses_[i])
        if (const auto object = machine_.find(used))
          machine_.objects[*object].used_by.push_back({info.kind, info.id});
    }
  }

  Fd proc_;
  kernel::KeptNamespaces kept_;
  Root host_root_;
  kernel::Processes processes_;
  Scope scope_;
  record::LookLocks locks_;
  mutable std::chrono::milliseconds for_others_ = kForOthers;  // in each child
  std::unordered_set<size_t> silent_;  // spaces of which something gave no answer
  Machine machine_;
  std::vector<kernel::MountNamespace> open_ways_;
  std::vector<const kernel::MountNamespace*> ways_;            // to each of Machine::spaces
  std::map<std::pair<uint32_t, uint32_t>, size_t> instances_;  // by device
  std::vector<std::vector<model::ObjectIdentity>> uses_;       // of each of Machine::objects
};

}  // namespace

std::optional<size_t> Machine::find(const model::ObjectIdentity& identity) const {
  const auto key = [](const Object& object) { return std::pair(object.info.kind, object.info.id); };
  const auto found =
      std::ranges::lower_bound(objects, std::pair(identity.kind, identity.id), {}, key);
  if (found == objects.end() || key(*found) != std::pair(identity.kind, identity.id))
    return std::nullopt;
  return static_cast<size_t>(found - objects.begin());
}

uint64_t number_of_host() {
  const auto root = kernel::MachineRoot::find();
  struct stat status {};
  const std::string link = std::string(root ? root->proc() : "/proc/1") + "/ns/mnt";
  return ::stat(link.c_str(), &status) == 0 ? status.st_ino : 0;
}

Result<Machine> look_at_machine(const Scope& scope) {
  PINSCOPE_TRY(Fd proc, open_at(AT_FDCWD, "/proc", O_RDONLY | O_DIRECTORY));
  PINSCOPE_TRY(auto processes, kernel::look_at_processes(scope.space));
  return Look(std::move(proc), std::move(processes), scope).take();
}

}  // namespace pinscope::inventory
