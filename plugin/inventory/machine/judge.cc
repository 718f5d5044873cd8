#include "plugin/inventory/machine/judge.h"

#include <algorithm>
#include <cctype>
#include <map>
#include <set>
#include <string_view>
#include <unordered_map>

#include "plugin/base/path.h"
#include "plugin/base/text.h"
#include "plugin/model/view_names.h"

namespace pinscope::inventory {
namespace {

using Containers = std::vector<KnownContainer>;

bool is_of(const model::ViewInstance& view, const Instance& instance) {
  return view.device_major == instance.device_major && view.device_minor == instance.device_minor;
}

// The pins of the machine's own namespace by their paths, as policies write them.
class HostPins {
 public:
  explicit HostPins(const Machine& machine) : machine_(machine) {
    std::multimap<size_t, const InstanceMount*> mounts;
    for (const auto& mount : machine.mounts)
      if (machine.spaces[mount.space].is_host) mounts.emplace(mount.instance, &mount);
    for (const auto& [instance, mount] : mounts) mounts_.push_back(mount);
    for (const auto& pin : machine.pins) {
      const auto [first, last] = mounts.equal_range(pin.instance);
      for (auto at = first; at != last; ++at)
        objects_.emplace(place_of(at->second->mount, pin.pin.path), pin.pin.object);
    }
  }

  // Whether the source certainly names another object than this one, or none.
  [[nodiscard]] bool has_left(const std::string& source, const model::ObjectInfo& object) const {
    const auto found = objects_.find(source);
    if (found != objects_.end()) return found->second.id != 0 && found->second != object.identity();
    return std::ranges::any_of(mounts_, [&](const InstanceMount* mount) {
      return is_at_or_below(source, mount->mount.mount_point) &&
             machine_.instances[mount->instance].is_whole();
    });
  }

 private:
  const Machine& machine_;
  std::vector<const InstanceMount*> mounts_;
  std::unordered_map<std::string, model::ObjectIdentity> objects_;
};

// One container's part of the machine.
class Claim {
 public:
  Claim(Machine& machine, const model::Record& record, const HostPins& host)
      : machine_(machine), record_(record), host_(host) {
    const std::string at = record.given.delegation ? record.given.delegation->grants_at : record.at;
    for (const auto& pin : record.given.pins) {
      if (pin.skipped) continue;
      if (!pin.grant.pin) continue;
      grants_.emplace(join(at, pin.grant.name), &pin);
      grants_.emplace(join(join(at, model::kReadWriteDirectory), pin.grant.name), &pin);
    }
  }

  // `mounts`: those of the container's namespace.
  void make(const std::vector<InstanceMount*>& mounts,
            const std::vector<std::pair<size_t, size_t>>& pins_of) {
    for (auto* mount : mounts) {
      auto& instance = machine_.instances[mount->instance];
      const bool is_own = claim(instance);
      mount->is_grant = record_.layout == model::Layout::kBind && mount->mount.root != "/" &&
                        grants_.contains(mount->mount.mount_point);
      mount->is_later =
          !record_.instances.empty() && !mount->is_grant && !was_made(mount->mount.id);
      if (!is_own) continue;
      const auto [first, last] = pins_of[mount->instance];
      for (size_t i = first; i < last; ++i) explain(machine_.pins[i], mount->mount);
    }
  }

 private:
  bool claim(Instance& instance) const {
    const bool is_own = std::ranges::any_of(
        record_.instances, [&](const auto& view) { return is_of(view, instance); });
    if (is_own && instance.origin == Instance::Origin::kStranger)
      instance.origin = Instance::Origin::kView;
    return is_own;
  }

  [[nodiscard]] bool was_made(uint64_t mount) const {
    return std::ranges::any_of(record_.instances, [&](const auto& view) {
      return std::ranges::find(view.mounts, mount) != view.mounts.end();
    });
  }

  void explain(Pin& pin, const kernel::BpffsMount& mount) const {
    const auto found = grants_.find(place_of(mount, pin.pin.path));
    if (found == grants_.end()) return;
    const auto& [grant, object, skipped] = *found->second;
    pin.grant = Pin::Grant{.container = record_.given.id,
                           .access = grant.access,
                           .source = grant.source,
                           .rule = grant.rule,
                           .is_stale = host_.has_left(grant.source, object)};
  }

  Machine& machine_;
  const model::Record& record_;
  const HostPins& host_;
  std::unordered_map<std::string, const model::PinnedObject*> grants_;  // by place
};

// The first pin of each instance and the one behind its last.
std::vector<std::pair<size_t, size_t>> pins_of_instances(const Machine& machine) {
  std::vector<std::pair<size_t, size_t>> ranges(machine.instances.size());
  for (size_t i = 0; i < machine.pins.size(); ++i) {
    auto& range = ranges[machine.pins[i].instance];
    if (range.second == 0) range.first = i;
    range.second = i + 1;
  }
  return ranges;
}

void claim_all(Machine& machine, const Containers& containers) {
  std::unordered_map<uint64_t, size_t> spaces;
  for (size_t i = 0; i < machine.spaces.size(); ++i)
    if (!machine.spaces[i].is_detached) spaces[machine.spaces[i].number] = i;
  std::unordered_map<uint64_t, Space*> others;
  for (auto& space : machine.others) others[space.number] = &space;
  std::vector<std::vector<InstanceMount*>> mounts(machine.spaces.size());
  for (auto& mount : machine.mounts) mounts[mount.space].push_back(&mount);
  const auto pins_of = pins_of_instances(machine);
  const HostPins host(machine);
  for (const auto& [record, is_running] : containers) {
    const auto found = spaces.find(record.mount_namespace);
    // The number of a namespace that is gone may be another's by now.
    if (!is_running) continue;
    if (const auto other = others.find(record.mount_namespace); other != others.end())
      other->second->container = record.given.id;
    if (found == spaces.end()) continue;
    machine.spaces[found->second].container = record.given.id;
    Claim(machine, record, host).make(mounts[found->second], pins_of);
  }
}

// What pins say of themselves where no record does. Only root of the machine could have written it.
void claim_by_attributes(Machine& machine) {
  for (const auto& pin : machine.pins) {
    const auto& container = pin.pin.attributes.container;
    auto& instance = machine.instances[pin.instance];
    if (pin.grant || container.empty() || instance.origin == Instance::Origin::kHost) continue;
    instance.origin = Instance::Origin::kView;
    instance.container = container;
  }
}

// Whatever a pin or a process leads to, and what that keeps alive.
void find_orphans(Machine& machine) {
  std::vector<std::vector<size_t>> uses(machine.objects.size());
  std::vector<size_t> reached;
  for (size_t i = 0; i < machine.objects.size(); ++i) {
    auto& object = machine.objects[i];
    for (const auto& user : object.used_by)
      if (const auto at = machine.find(user)) uses[*at].push_back(i);
    object.is_orphan = object.pins.empty() && object.holders.empty();
    if (!object.is_orphan) reached.push_back(i);
  }
  while (!reached.empty()) {
    const size_t at = reached.back();
    reached.pop_back();
    for (const size_t used : uses[at]) {
      if (!machine.objects[used].is_orphan) continue;
      machine.objects[used].is_orphan = false;
      reached.push_back(used);
    }
  }
}

// The host's own pins, and those that were granted, by a record or their own attributes.
bool is_explained(const Machine& machine, const Pin& pin) {
  return pin.grant || !pin.pin.attributes.container.empty() ||
         machine.instances[pin.instance].origin == Instance::Origin::kHost;
}

void find_duplicates(Machine& machine) {
  for (auto& object : machine.objects) {
    const auto is_elsewhere = [&](size_t pin) {
      return machine.pins[pin].instance != machine.pins[object.pins.front()].instance;
    };
    object.is_duplicate = std::ranges::any_of(object.pins, is_elsewhere) &&
                          !std::ranges::all_of(object.pins, [&](size_t pin) {
                            return is_explained(machine, machine.pins[pin]);
                          });
  }
}

class Notices {
 public:
  Notices(const Machine& machine, const Containers& containers)
      : machine_(machine), containers_(containers) {}

  std::vector<Notice> take() {
    mounts();
    stale();
    objects();
    for (const auto& [record, is_running] : containers_)
      if (!is_running)
        add(Notice::Kind::kLeftover, "record of container " + record.given.id,
            "its process has ended; pinscope gc removes it");
    unrecorded();
    std::ranges::stable_sort(notices_, {}, &Notice::kind);
    return std::move(notices_);
  }

 private:
  void add(Notice::Kind kind, std::string subject, std::string text) {
    notices_.push_back({kind, std::move(subject), std::move(text)});
  }

  void mounts() {
    for (const auto& mount : machine_.mounts) {
      const auto& space = machine_.spaces[mount.space];
      const auto origin = machine_.instances[mount.instance].origin;
      const std::string at =
          space.is_detached ? "that is attached nowhere" : "at " + quoted(mount.mount.mount_point);
      if (mount.is_grant) continue;
      if (origin == Instance::Origin::kHost && is_container(space))
        add(Notice::Kind::kExposed, text_of(space), "sees a bpffs of the host " + at);
      else if (mount.is_later)
        add(Notice::Kind::kLater, text_of(space), "a bpffs " + at + " came after its view");
      else if (origin == Instance::Origin::kStranger)
        add(Notice::Kind::kStranger, text_of(space), "has a bpffs of its own " + at);
    }
  }

  void unrecorded() {
    std::set<std::string_view> known;
    for (const auto& [record, is_running] : containers_) known.insert(record.given.id);
    for (const auto& mount : machine_.mounts) {
      const auto& container = machine_.instances[mount.instance].container;
      if (!container.empty() && known.insert(container).second)
        add(Notice::Kind::kUnrecorded, "container " + container,
            (machine_.spaces[mount.space].is_detached
                 ? "its view is open somewhere"
                 : "its view is mounted at " + quoted(mount.mount.mount_point)) +
                " and its record is gone");
    }
  }

  static bool is_container(const Space& space) {
    return !space.has_hosts_root || !space.id().empty();
  }

  void stale() {
    for (const auto& pin : machine_.pins)
      if (pin.grant && pin.grant->is_stale)
        add(Notice::Kind::kStale, "container " + pin.grant->container,
            quoted(pin.pin.path) + " is no more what its source " + quoted(pin.grant->source) +
                " names");
  }

  void objects() {
    for (const auto& object : machine_.objects) {
      if (object.is_orphan)
        add(Notice::Kind::kOrphan, text_of(object.info),
            "no pin and no process leads to it; something in the kernel keeps it");
      if (object.is_duplicate)
        add(Notice::Kind::kDuplicate, text_of(object.info),
            "pinned in several bpffs, one of which no policy explains");
    }
  }

  const Machine& machine_;
  const Containers& containers_;
  std::vector<Notice> notices_;
};

}  // namespace

std::string place_of(const kernel::BpffsMount& mount, const std::string& pin) {
  const std::string whole = "/" + pin;
  if (mount.root == "/") return join(mount.mount_point, pin);
  if (whole == mount.root) return mount.mount_point;
  if (!whole.starts_with(mount.root + "/")) return {};
  return join(mount.mount_point, whole.substr(mount.root.size() + 1));
}

std::string text_of(const model::ObjectInfo& info) {
  std::string text = std::string(model::name_of(info.kind)) + " " + std::to_string(info.id);
  if (!info.name.empty()) text += " (" + one_line(info.name) + ")";
  return text;
}

std::string process_text(const std::string& command, pid_t pid) {
  const bool is_plain = !command.empty() && std::ranges::all_of(command, [](char byte) {
    return std::isalnum(static_cast<unsigned char>(byte)) != 0 ||
           std::string_view("-_.:/@+[]").contains(byte);
  });
  return (is_plain ? command : quoted(command)) + " (pid " + std::to_string(pid) + ")";
}

std::string text_of(const Space& space) {
  if (!space.id().empty()) return "container " + one_line(space.id());
  if (space.pid == 0) return "mount namespace " + std::to_string(space.number);
  return process_text(space.command, space.pid);
}

std::string device_text(const Instance& instance) {
  return std::to_string(instance.device_major) + ":" + std::to_string(instance.device_minor);
}

const char* name_of(Instance::Origin origin) {
  switch (origin) {
    case Instance::Origin::kHost:
      return "host";
    case Instance::Origin::kView:
      return "view";
    case Instance::Origin::kStranger:
      return "stranger";
  }
  return "";
}

void name_containers(Machine& machine, const RuntimeStates& runtimes) {
  std::unordered_map<pid_t, const std::string*> ids;
  for (const auto& state : runtimes.states)
    if (state.pid != 0) ids.emplace(state.pid, &state.id);
  for (auto* spaces : {&machine.spaces, &machine.others})
    for (auto& space : *spaces)
      for (const pid_t pid : space.processes)
        if (const auto found = ids.find(pid); found != ids.end() && !space.is_host)
          space.runtime_id = *found->second;
}

void judge(Machine& machine, const std::vector<KnownContainer>& containers) {
  claim_all(machine, containers);
  claim_by_attributes(machine);
  find_orphans(machine);
  find_duplicates(machine);
}

const char* name_of(Notice::Kind kind) {
  switch (kind) {
    case Notice::Kind::kExposed:
      return "exposed";
    case Notice::Kind::kLater:
      return "later";
    case Notice::Kind::kStranger:
      return "stranger";
    case Notice::Kind::kStale:
      return "stale";
    case Notice::Kind::kOrphan:
      return "orphan";
    case Notice::Kind::kDuplicate:
      return "duplicate";
    case Notice::Kind::kLeftover:
      return "leftover";
    case Notice::Kind::kUnrecorded:
      return "unrecorded";
  }
  return "";
}

std::vector<Notice> notices_of(const Machine& machine,
                               const std::vector<KnownContainer>& containers) {
  return Notices(machine, containers).take();
}

}  // namespace pinscope::inventory
