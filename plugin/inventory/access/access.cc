#include "plugin/inventory/access/access.h"

#include <linux/capability.h>

#include <algorithm>
#include <set>
#include <string_view>
#include <tuple>
#include <utility>

#include "plugin/base/text.h"
#include "plugin/inventory/access/ways.h"

namespace pinscope::inventory {
namespace {

// Whether some way of it leads to every object, so that no pin and no descriptor need be there.
bool reaches_everything(const Party& party, const model::Record* record) {
  if (party.not_seen > 0 || !party.doubts.empty() ||
      (record != nullptr && !record->given.bypasses.empty()))
    return true;
  return std::ranges::any_of(party.processes, [](const kernel::Credentials& one) {
    if (!one.hosts_user_namespace) return false;
    constexpr unsigned kCapabilities[] = {CAP_SYS_ADMIN, CAP_SYS_MODULE, CAP_DAC_READ_SEARCH,
                                          kCapBpf};
    return one.hosts_pid_namespace || std::ranges::any_of(kCapabilities, [&](unsigned capability) {
             return has_capability(one, capability) != Answer::kNo;
           });
  });
}

bool may_use_bpf(const kernel::Credentials& process) {
  return has_capability(process, CAP_SYS_ADMIN) != Answer::kNo ||
         has_capability(process, kCapBpf) != Answer::kNo;
}

const model::Record* record_of(const std::vector<KnownContainer>& containers, const Space& space) {
  if (space.container.empty()) return nullptr;
  const auto found = std::ranges::find_if(containers, [&](const KnownContainer& one) {
    return one.is_running && one.record.mount_namespace == space.number;
  });
  return found == containers.end() ? nullptr : &found->record;
}

// How its record says that the values of this object are shown to it; null: they are not.
const model::PinnedObject* shown_values(const model::Record* record, const Object& object) {
  if (record == nullptr || !record->given.values_at) return nullptr;
  const auto found = std::ranges::find_if(record->given.pins, [&](const auto& pin) {
    return pin.grant.values && !pin.skipped && pin.object.kind == model::ObjectKind::kMap &&
           object.info.kind == pin.object.kind && pin.object.id == object.info.id;
  });
  return found == record->given.pins.end() ? nullptr : &*found;
}

// Files, so that no bpf(2) and no flag of the map stands against it. Their owner is an id of the
// container's, which only the host's are known for.
void add_values(const model::Record& record, const model::PinnedObject& shown,
                const std::vector<kernel::Credentials>& processes, Accessor& accessor) {
  kernel::WalkedPin file;
  file.uid = shown.grant.uid;
  file.gid = shown.grant.gid;
  file.mode = shown.grant.mode;
  Answer reads = Answer::kNo;
  for (const auto& process : processes) {
    const bool is_for_all = (file.mode & 4U) != 0;
    const Answer opens = process.hosts_user_namespace ? may_open(file, process, Right::kRead)
                         : is_for_all                 ? Answer::kYes
                                                      : Answer::kMay;
    reads = std::max(reads, opens);
  }
  add_way(accessor,
          {.kind = Way::Kind::kValues,
           .reads = reads,
           .writes = Answer::kNo,
           .text = "its values at " + quoted(*record.given.values_at + "/" + shown.grant.name),
           .rule = shown.grant.rule,
           .bypass = {}});
}

void add_exceptions(const model::Record& record, Accessor& accessor) {
  for (auto& way : accessor.ways) {
    const auto* behind = way.rule ? model::exception_behind(*way.rule, record.exceptions) : nullptr;
    if (behind != nullptr) way.exception = *behind;
  }
}

// A way that may be there, to everything.
void add_doubt(Accessor& accessor, std::string text, std::optional<model::Bypass> bypass = {}) {
  add_way(accessor, {.kind = Way::Kind::kBypass,
                     .reads = Answer::kMay,
                     .writes = Answer::kMay,
                     .text = std::move(text),
                     .rule = {},
                     .bypass = bypass});
}

// Users of the host without root whom the mode of a pin lets in: once for all of them, because the
// directories above, and who is in which group, is the host's affair.
void add_users_of_host(const Asked& asked, const std::vector<const InstanceMount*>& mounts,
                       Accessor& host) {
  for (const size_t at : asked.object.pins) {
    const auto& pin = asked.machine.pins[at];
    const auto& instance = asked.machine.instances[pin.instance];
    for (const auto* mount : mounts) {
      const std::string place =
          mount->instance == pin.instance ? place_of(mount->mount, pin.pin.path) : "";
      if (place.empty()) continue;
      const uint32_t mode = pin.pin.mode | (pin.pin.uid != 0 ? pin.pin.mode >> 6 : 0) |
                            (pin.pin.gid != 0 ? pin.pin.mode >> 3 : 0);
      const auto allows = [&](uint32_t bit) {
        return (mode & bit) != 0 ? Answer::kMay : Answer::kNo;
      };
      add_way(host, {.kind = Way::Kind::kPin,
                     .reads = allows(4),
                     .writes = instance.is_sealed ? Answer::kNo : asked.by_descriptor(allows(2)),
                     .text = "users whom the mode of " + quoted(place) + " lets in, " +
                             owner_and_mode(pin.pin),
                     .rule = {},
                     .bypass = {}});
    }
  }
}

// Processes of the host that have it open, of which a rootless one tells more than its user's
// rights.
void add_holders(const Asked& asked, const std::vector<pid_t>& members,
                 std::vector<Accessor>& holders) {
  for (const auto& holder : asked.object.holders) {
    if (std::ranges::find(members, holder.pid) == members.end()) continue;
    const bool writes = holder.for_writing || !asked.is_map();
    Accessor accessor{.kind = Accessor::Kind::kProcess,
                      .space = {},
                      .pid = holder.pid,
                      .command = holder.command,
                      .ways = {},
                      .closed = {}};
    add_way(accessor, {.kind = Way::Kind::kDescriptor,
                       .reads = Answer::kYes,
                       .writes = asked.by_descriptor(writes ? Answer::kYes : Answer::kNo),
                       .text = std::string("it has it open for ") +
                               (asked.is_map() ? (writes ? "writing" : "reading") : "use"),
                       .rule = {},
                       .bypass = {}});
    holders.push_back(std::move(accessor));
  }
}

void add_program(const Asked& asked, uint32_t id, const std::string& text,
                 std::vector<Accessor>& who) {
  const auto place = asked.machine.find({model::ObjectKind::kProgram, id});
  Accessor accessor{.kind = Accessor::Kind::kProgram,
                    .space = {},
                    .command = place ? asked.machine.objects[*place].info.name : "",
                    .program = id,
                    .ways = {},
                    .closed = {}};
  // What it does with the map is not looked for in its instructions.
  add_way(accessor, {.kind = Way::Kind::kProgram,
                     .reads = asked.is_read_by_programs() ? Answer::kMay : Answer::kNo,
                     .writes = asked.is_written_by_programs() ? Answer::kMay : Answer::kNo,
                     .text = text,
                     .rule = {},
                     .bypass = {}});
  if (!accessor.ways.empty()) who.push_back(std::move(accessor));
}

// Programs that have the map, by themselves or in a map that they have.
void add_programs(const Asked& asked, std::vector<Accessor>& who) {
  if (!asked.is_map()) return;
  for (const auto& user : asked.object.used_by) {
    if (user.kind == model::ObjectKind::kProgram)
      add_program(asked, user.id, "it was loaded with the map, and does with it what it does", who);
    const auto outer =
        user.kind == model::ObjectKind::kMap ? asked.machine.find(user) : std::nullopt;
    if (!outer) continue;
    for (const auto& one : asked.machine.objects[*outer].used_by)
      if (one.kind == model::ObjectKind::kProgram)
        add_program(asked, one.id,
                    "it has map " + std::to_string(user.id) + ", which holds this one", who);
  }
}

}  // namespace

const char* name_of(Way::Kind kind) {
  switch (kind) {
    case Way::Kind::kGrant:
      return "grant";
    case Way::Kind::kBrokenSeal:
      return "broken-seal";
    case Way::Kind::kValues:
      return "values";
    case Way::Kind::kPin:
      return "pin";
    case Way::Kind::kDescriptor:
      return "descriptor";
    case Way::Kind::kById:
      return "by-id";
    case Way::Kind::kPinsAgain:
      return "pins-again";
    case Way::Kind::kOwnPrograms:
      return "own-programs";
    case Way::Kind::kKernelMemory:
      return "kernel-memory";
    case Way::Kind::kBypass:
      return "bypass";
    case Way::Kind::kProgram:
      return "program";
    case Way::Kind::kHostRoot:
      return "host-root";
  }
  return "";
}

std::vector<std::string> Accessor::lacks(bool to_read) const {
  std::vector<std::string> texts;
  if (!sees_pin) texts.emplace_back("it sees no pin of it");
  if (!holds)
    texts.emplace_back("none of its processes has it open");
  else if (!to_read)
    texts.emplace_back("no descriptor that it has open is for writing");
  if (!is_capable)
    texts.emplace_back("it has no capability that reaches it by its id or by a program of its own");
  return texts;
}

AccessJudge::AccessJudge(const Machine& machine, const std::vector<KnownContainer>& containers,
                         std::vector<Party> parties)
    : machine_(machine), containers_(containers), parties_(std::move(parties)) {
  mounts_.resize(machine.instances.size());
  mounts_of_parties_.resize(parties_.size());
  parties_of_spaces_.resize(machine.spaces.size());
  records_.reserve(parties_.size());
  for (size_t i = 0; i < parties_.size(); ++i) {
    const auto& party = parties_[i];
    if (party.place) parties_of_spaces_[*party.place] = i;
    for (const pid_t pid : party.space.processes) parties_of_processes_.emplace(pid, i);
    records_.push_back(record_of(containers_, party.space));
    if (!party.is_of_host() && reaches_everything(party, records_.back()))
      reach_everything_.push_back(i);
  }
  // A mount in no namespace is there for the process that has it open.
  for (size_t i = 0; i < machine.spaces.size(); ++i)
    if (machine.spaces[i].is_detached)
      if (const auto owner = parties_of_processes_.find(machine.spaces[i].pid);
          owner != parties_of_processes_.end())
        parties_of_spaces_[i] = owner->second;
  // A container mounts the same thing in as many places as it likes.
  std::set<std::tuple<size_t, size_t, std::string_view, bool>> known;
  for (const auto& mount : machine.mounts) {
    mounts_[mount.instance].push_back(&mount);
    const auto party = parties_of_spaces_[mount.space];
    if (!party) continue;
    const bool is_host = parties_[*party].is_of_host();
    if (known.emplace(*party, mount.instance, mount.mount.root, mount.mount.is_read_only).second)
      mounts_of_parties_[*party].push_back(&mount);
    if (!is_host && !machine.instances[mount.instance].left_out.empty())
      reach_everything_.push_back(*party);
  }
}

// What was not seen of what somebody sees may be anything.
void AccessJudge::add_what_was_not_seen(size_t party, Accessor& accessor) const {
  for (const auto* mount : mounts_of_parties_[party])
    if (!machine_.instances[mount->instance].left_out.empty())
      add_doubt(accessor,
                "not all of the bpffs at " + quoted(mount->mount.mount_point) + " could be seen");
}

// Those who may have a way to it: who sees a pin, holds it, or reaches everything.
std::vector<size_t> AccessJudge::candidates(const Object& object) const {
  std::vector<size_t> found = reach_everything_;
  add_candidates(object, found);
  add_readers_of_values(object, found);
  if (object.info.kind == model::ObjectKind::kMap) {
    // What has it may be a way to it.
    auto users = users_of(Asked(machine_, object, {}));
    users.insert(users.end(), object.used_by.begin(), object.used_by.end());
    for (const auto& user : users)
      if (const auto place = machine_.find(user)) add_candidates(machine_.objects[*place], found);
  }
  std::ranges::sort(found);
  const auto same = std::ranges::unique(found);
  found.erase(same.begin(), same.end());
  return found;
}

void AccessJudge::add_readers_of_values(const Object& object, std::vector<size_t>& found) const {
  for (size_t i = 0; i < parties_.size(); ++i)
    if (shown_values(records_[i], object) != nullptr) found.push_back(i);
}

void AccessJudge::add_candidates(const Object& object, std::vector<size_t>& found) const {
  for (const size_t pin : object.pins)
    for (const auto* mount : mounts_[machine_.pins[pin].instance])
      if (const auto party = parties_of_spaces_[mount->space]) found.push_back(*party);
  for (const auto& holder : object.holders) {
    const auto [first, last] = parties_of_processes_.equal_range(holder.pid);
    for (auto at = first; at != last; ++at) found.push_back(at->second);
  }
}

Accessor AccessJudge::of(size_t object, size_t party, const kernel::MapLimits& limits) const {
  const Asked asked(machine_, machine_.objects[object], limits);
  const auto& whom = parties_[party];
  Accessor accessor{.space = whom.space, .command = {}, .ways = {}, .closed = asked.sentences()};
  const Surrounding around{whom, records_[party], mounts_of_parties_[party]};
  for (const auto& process : whom.processes) add_ways(asked, around, process, accessor);
  if (const auto* shown = shown_values(records_[party], machine_.objects[object]))
    add_values(*records_[party], *shown, whom.processes, accessor);
  if (records_[party] != nullptr) add_exceptions(*records_[party], accessor);
  add_what_was_not_seen(party, accessor);
  accessor.is_capable = std::ranges::any_of(whom.processes, may_use_bpf);
  for (const auto& doubt : whom.doubts) {
    accessor.doubts.push_back(doubt.text);
    add_doubt(accessor, doubt.text, doubt.bypass);
  }
  if (whom.not_seen > 0)
    add_doubt(accessor,
              count_of(whom.not_seen, "process", "processes") + " of it cannot be looked at");
  return accessor;
}

ObjectAccess AccessJudge::of(size_t place, const kernel::MapLimits& limits) const {
  const auto& object = machine_.objects[place];
  const Asked asked(machine_, object, limits);
  ObjectAccess access{.who = {}, .limits = asked.sentences()};
  Accessor host{
      .kind = Accessor::Kind::kHost, .space = {}, .command = {}, .ways = {}, .closed = {}};
  add_way(host, {.kind = Way::Kind::kHostRoot,
                 .reads = Answer::kYes,
                 // A kernel module writes what bpf(2) and programs do not.
                 .writes = std::max({asked.by_descriptor(Answer::kYes),
                                     asked.written_by_program(Answer::kYes), Answer::kMay}),
                 .text = "root of the host opens every object by its id",
                 .rule = {},
                 .bypass = {}});
  access.who.push_back(std::move(host));
  std::vector<Accessor> holders;
  for (const size_t party : candidates(object)) {
    if (!parties_[party].is_of_host()) {
      auto accessor = of(place, party, limits);
      if (!accessor.ways.empty()) access.who.push_back(std::move(accessor));
      continue;
    }
    add_users_of_host(asked, mounts_of_parties_[party], access.who.front());
    add_holders(asked, parties_[party].space.processes, holders);
  }
  std::ranges::move(holders, std::back_inserter(access.who));
  add_programs(asked, access.who);
  return access;
}

}  // namespace pinscope::inventory
