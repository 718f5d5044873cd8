#include "plugin/inventory/access/ways.h"

#include <linux/capability.h>

#include <algorithm>
#include <utility>

#include "plugin/base/path.h"
#include "plugin/base/text.h"
#include "plugin/inventory/access/bypasses.h"
#include "plugin/inventory/machine/judge.h"
#include "plugin/model/shapes.h"

namespace pinscope::inventory {
namespace {

using kernel::Credentials;
using model::Bypass;
using model::ObjectKind;

const char* title_of(Instance::Origin origin) {
  switch (origin) {
    case Instance::Origin::kHost:
      return "the host's bpffs";
    case Instance::Origin::kView:
      return "a view's bpffs";
    case Instance::Origin::kStranger:
      return "a bpffs that no policy explains";
  }
  return "";
}

class Finder {
 public:
  Finder(const Asked& asked, const Surrounding& around, const Credentials& process,
         Accessor& accessor)
      : asked_(asked),
        around_(around),
        process_(process),
        accessor_(accessor),
        bpf_(process.has_seccomp_filter ? Answer::kMay : Answer::kYes) {}

  void find() {
    if (process_.has_seccomp_filter)
      doubt("its seccomp filter may refuse bpf(2): whether it does cannot be seen from outside");
    if ((process_.attainable & ~process_.permitted) != 0)
      doubt("a capability that it can get by executing a file counts only once it does so");
    const size_t before = accessor_.ways.size();
    by_id();
    by_pins();
    by_descriptors();
    by_a_new_pin();
    by_own_programs();
    by_users();
    by_bypasses();
    // Who it is, where a container has processes of several kinds.
    if (&process_ == &around_.party.processes.front()) return;
    for (size_t i = before; i < accessor_.ways.size(); ++i)
      if (accessor_.ways[i].pid == 0) accessor_.ways[i].pid = process_.pid;
  }

 private:
  void add(Way way) {
    opens_ = std::max(opens_, way.reads);
    add_way(accessor_, std::move(way));
  }
  // One that is told only if it gives more than those before.
  void add_if_more(Way way) {
    const bool more = way.reads > accessor_.reads || way.writes > accessor_.writes;
    if (more) add(std::move(way));
  }
  void close(std::string why) {
    if (std::ranges::find(accessor_.closed, why) == accessor_.closed.end())
      accessor_.closed.push_back(std::move(why));
  }

  void doubt(std::string why) {
    if (std::ranges::find(accessor_.doubts, why) == accessor_.doubts.end())
      accessor_.doubts.push_back(std::move(why));
  }
  // Of a path that is no grant, and of whom the directories above it may stop.
  void doubt_directories(const std::string& place) {
    doubt("whether the directories above " + quoted(place) + " let " + user() +
          " in was not looked at");
  }
  [[nodiscard]] std::string user() const {
    return std::to_string(process_.uid) + ":" + std::to_string(process_.gid);
  }

  // kernel/bpf/syscall.c: bpf_map_get_fd_by_id and its kin.
  void by_id() {
    const Answer can = std::min(has_capability(process_, CAP_SYS_ADMIN), bpf_);
    add({.kind = Way::Kind::kById,
         .reads = can,
         .writes = asked_.by_descriptor(can),
         .text = "CAP_SYS_ADMIN without a user namespace opens every object by its id",
         .rule = {},
         .bypass = Bypass::kCapSysAdmin});
  }

  void by_pins() {
    for (const size_t at : asked_.object.pins) {
      const auto& pin = asked_.machine.pins[at];
      for (const auto* mount : around_.mounts)
        if (mount->instance == pin.instance) by_pin(pin, *mount);
    }
  }

  // Whether the directories above let the process through is not known, but for those who need not
  // ask and for views, whose directories the hook makes.
  [[nodiscard]] Answer reach(bool is_grant) const {
    const bool passes = process_.hosts_user_namespace &&
                        (has_capability(process_, CAP_DAC_OVERRIDE) == Answer::kYes ||
                         has_capability(process_, CAP_DAC_READ_SEARCH) == Answer::kYes);
    return is_grant || passes ? Answer::kYes : Answer::kMay;
  }

  // By one between the mount and the place, or by a second one at the same point.
  [[nodiscard]] bool may_be_covered(const InstanceMount& mount, const std::string& place) const {
    const auto& point = mount.mount.mount_point;
    size_t at_point = 0;
    for (const auto& other : around_.party.mount_points) {
      if (other == point) ++at_point;
      if (other != point && is_at_or_below(place, other) && is_at_or_below(other, point))
        return true;
    }
    return at_point > 1;
  }

  void by_pin(const Pin& pin, const InstanceMount& mount) {
    const std::string place = place_of(mount.mount, pin.pin.path);
    if (place.empty()) return;
    accessor_.sees_pin = true;
    const auto& instance = asked_.machine.instances[pin.instance];
    const bool is_grant = pin.grant && pin.grant->container == around_.party.space.container;
    const bool is_read_only = instance.is_sealed || mount.mount.is_read_only;
    const Answer own = is_read_only ? Answer::kNo : owns(pin.pin, process_);
    const bool is_covered = !is_grant && may_be_covered(mount, place);
    if (is_covered) doubt("another mount may cover " + quoted(place));
    const Answer most = std::min({reach(is_grant), bpf_, is_covered ? Answer::kMay : Answer::kYes});
    const auto opens = [&](Right right) {
      return std::min(std::max(may_open(pin.pin, process_, right), own), most);
    };
    Way way{.kind = is_grant ? Way::Kind::kGrant : Way::Kind::kPin,
            .reads = opens(Right::kRead),
            .writes = instance.is_sealed ? Answer::kNo : opens(Right::kWrite),
            .text = text_of(pin, instance, place, is_grant),
            .rule = is_grant ? std::optional(pin.grant->rule) : std::nullopt,
            .bypass = {}};
    const bool is_open = way.reads != Answer::kNo || way.writes != Answer::kNo;
    if (!is_open)
      close(quoted(place) + " is " + owner_and_mode(pin.pin) + ", which does not let " + user() +
            " open it");
    if (is_open && reach(is_grant) == Answer::kMay) doubt_directories(place);
    if (instance.is_sealed && way.reads != Answer::kNo && asked_.is_map())
      close(quoted(place) + " is in a sealed bpffs: it does not open for writing");
    if (is_open && way.reads < Answer::kYes && needs_other_ids(pin.pin)) doubt(taken_ids(process_));
    as_kind(way, instance);
    // kernel/bpf/inode.c: who may write the directory removes the pin, which may end the link.
    // Directories are not looked at.
    if (asked_.object.info.kind == ObjectKind::kLink && !is_read_only) {
      way.writes = std::max(way.writes, Answer::kMay);
      if (asked_.object.info.type != model::kIteratorLink) way.reads = way.writes;
    }
    if (is_grant && asked_.is_map() && pin.grant->access == model::Access::kRead &&
        way.writes != Answer::kNo) {
      way.kind = Way::Kind::kBrokenSeal;
      way.text = "granted for reading, but the seal is broken: " + way.text;
    }
    add(std::move(way));
  }

  static std::string text_of(const Pin& pin, const Instance& instance, const std::string& place,
                             bool is_grant) {
    if (is_grant) return std::string(model::name_of(pin.grant->access)) + " at " + quoted(place);
    return quoted(place) + " of " + title_of(instance.origin) + ", " + owner_and_mode(pin.pin);
  }

  // What opening a pin gives of an object of this kind.
  void as_kind(Way& way, const Instance& instance) const {
    switch (asked_.object.info.kind) {
      case ObjectKind::kMap:
        way.writes = asked_.by_descriptor(way.writes);
        return;
      case ObjectKind::kProgram:  // opens for reading, and is used all the same
        way.reads = way.writes = std::max(way.reads, way.writes);
        return;
      case ObjectKind::kLink:  // opens for both alone; of an iterator, the file is read
        if (instance.is_sealed || way.reads < way.writes)
          way.writes = std::min(way.reads, way.writes);
        if (asked_.object.info.type != model::kIteratorLink) way.reads = way.writes;
        return;
    }
  }

  [[nodiscard]] bool needs_other_ids(const kernel::WalkedPin& pin) const {
    const auto kept = without_other_ids(process_);
    return may_open(pin, kept, Right::kRead) == Answer::kNo && owns(pin, kept) == Answer::kNo;
  }

  void by_descriptors() {
    const auto& members = around_.party.space.processes;
    for (const auto& holder : asked_.object.holders) {
      if (std::ranges::find(members, holder.pid) == members.end()) continue;
      accessor_.holds = true;
      const bool writes = holder.for_writing || !asked_.is_map();
      add({.kind = Way::Kind::kDescriptor,
           .reads = bpf_,
           .writes = asked_.by_descriptor(writes ? bpf_ : Answer::kNo),
           .text = process_text(holder.command, holder.pid) + " has it open for " +
                   (asked_.is_map() ? (writes ? "writing" : "reading") : "use"),
           .rule = {},
           .bypass = {}});
    }
  }

  // kernel/bpf/inode.c: a pin is made of any descriptor, and opens for what its mode says.
  void by_a_new_pin() {
    if (!asked_.is_map() || opens_ == Answer::kNo) return;
    for (const auto* mount : around_.mounts) {
      const auto& instance = asked_.machine.instances[mount->instance];
      if (instance.is_sealed || mount->mount.is_read_only || mount->is_grant) continue;
      const Answer pins = may_pin(instance, process_);
      if (pins != Answer::kNo && reach(false) == Answer::kMay)
        doubt_directories(mount->mount.mount_point);
      const Answer can = std::min({pins, opens_, reach(false), bpf_});
      add_if_more({.kind = Way::Kind::kPinsAgain,
                   .reads = can,
                   .writes = asked_.by_descriptor(can),
                   .text = "it can be pinned again in the bpffs at " +
                           quoted(mount->mount.mount_point) + ", and opened there for writing",
                   .rule = {},
                   .bypass = {}});
    }
  }

  // kMay: a bpffs that it sees delegates it to somebody, and no record says to whom.
  [[nodiscard]] Answer has_token_for_programs() const {
    if (around_.record != nullptr && around_.record->given.delegation &&
        around_.record->given.delegation->rights.has(model::BpfCommand::kProgLoad))
      return Answer::kYes;
    if (process_.hosts_user_namespace) return Answer::kNo;
    return std::ranges::any_of(around_.mounts,
                               [&](const InstanceMount* mount) {
                                 return asked_.machine.instances[mount->instance].options.find(
                                            "delegate_cmds=") != std::string::npos;
                               })
               ? Answer::kMay
               : Answer::kNo;
  }

  // Whether it gets at another object, one that has this one.
  [[nodiscard]] Answer opens(const model::ObjectIdentity& other) const {
    const auto place = asked_.machine.find(other);
    if (!place) return Answer::kMay;  // it was not looked at
    const Asked its(asked_.machine, asked_.machine.objects[*place], {});
    Accessor unused{.space = {}, .command = {}, .ways = {}, .closed = {}};
    Finder finder(its, around_, process_, unused);
    finder.by_id();
    finder.by_pins();
    finder.by_descriptors();
    return finder.opens_;
  }

  // What has it already, and can be made to do something with it.
  void by_users() {
    if (!asked_.is_map()) return;
    for (const auto& user : users_of(asked_)) by_user(user);
  }

  void by_user(const model::ObjectIdentity& user) {
    const std::string id = std::to_string(user.id);
    if (user.kind == ObjectKind::kProgram) {
      const Answer can = std::min(opens(user), Answer::kMay);
      add_if_more({.kind = Way::Kind::kProgram,
                   .reads = asked_.is_read_by_programs() ? can : Answer::kNo,
                   .writes = asked_.is_written_by_programs() ? can : Answer::kNo,
                   .text = "it can use program " + id + ", which has the map",
                   .rule = {},
                   .bypass = {}});
    }
    if (user.kind != ObjectKind::kLink) return;
    // kernel/bpf/map_iter.c: the program is given each element, to read and to change.
    const Answer can = std::min(opens(user), Answer::kMay);
    add_if_more({.kind = Way::Kind::kProgram,
                 .reads = can,
                 .writes = can,
                 .text = "it can read link " + id + ", an iterator that gets at the map",
                 .rule = {},
                 .bypass = {}});
  }

  void by_own_programs() {
    if (!asked_.is_map()) return;
    const Answer capable =
        std::max(has_capability(process_, kCapBpf), has_capability(process_, CAP_SYS_ADMIN));
    const Answer token = has_token_for_programs();
    const Answer loads = std::min(std::max(capable, token), bpf_);
    const Answer can = std::min(loads, opens_);
    const std::string with =
        capable != Answer::kNo ? "CAP_BPF or CAP_SYS_ADMIN" : "the BPF token that it is delegated";
    add_if_more({.kind = Way::Kind::kOwnPrograms,
                 .reads = asked_.read_by_program(can),
                 .writes = asked_.written_by_program(can),
                 .text = "with " + with + " it loads a program that writes what it can open",
                 .rule = {},
                 .bypass = Bypass::kCapBpf});
    by_outer_maps(loads, with);
    // What the programs of such a token may do is not known.
    if (token == Answer::kMay)
      add_if_more({.kind = Way::Kind::kBypass,
                   .reads = token,
                   .writes = token,
                   .text = "a bpffs that it sees delegates to it, and no record says what",
                   .rule = {},
                   .bypass = Bypass::kProgramsReach});
    const Answer certain = std::min(has_capability(process_, kCapPerfmon), loads);
    const Answer reads = std::max(certain, std::min(loads, Answer::kMay));
    if (capable == Answer::kNo) return;
    add_if_more({.kind = Way::Kind::kKernelMemory,
                 .reads = reads,
                 .writes = Answer::kNo,
                 .text = "a program that it loads reads the memory of the kernel, with CAP_PERFMON "
                         "or since Linux 6.16",
                 .rule = {},
                 .bypass = Bypass::kCapBpf});
  }

  // A program gets at a map in another one by the latter's descriptor alone.
  void by_outer_maps(Answer loads, const std::string& with) {
    if (loads == Answer::kNo) return;
    for (const auto& outer : asked_.object.used_by) {
      if (outer.kind != ObjectKind::kMap) continue;
      const Answer can = std::min(loads, opens(outer));
      add_if_more({.kind = Way::Kind::kOwnPrograms,
                   .reads = asked_.read_by_program(can),
                   .writes = asked_.written_by_program(can),
                   .text = "with " + with + " it loads a program that gets at it by map " +
                           std::to_string(outer.id) + ", which holds it",
                   .rule = {},
                   .bypass = Bypass::kCapBpf});
    }
  }

  // Those of the live process, and what the start found.
  [[nodiscard]] std::vector<Bypass> bypasses() const {
    auto kinds = bypasses_of(process_);
    if (around_.record != nullptr)
      for (const auto one : around_.record->given.bypasses)
        if (std::ranges::find(kinds, one) == kinds.end()) kinds.push_back(one);
    return kinds;
  }

  void by_bypasses() {
    for (const auto bypass : bypasses()) {
      // Those above.
      if (bypass == Bypass::kCapSysAdmin || bypass == Bypass::kCapBpf ||
          bypass == Bypass::kHostBpffs)
        continue;
      add_if_more({.kind = Way::Kind::kBypass,
                   .reads = Answer::kMay,
                   .writes = Answer::kMay,
                   .text = "a way past a view",
                   .rule = {},
                   .bypass = bypass});
    }
  }

  const Asked& asked_;
  const Surrounding& around_;
  const Credentials& process_;
  Accessor& accessor_;
  Answer bpf_;                  // whether bpf(2) is let through
  Answer opens_ = Answer::kNo;  // whether this process gets a descriptor at all
};

}  // namespace

void add_ways(const Asked& asked, const Surrounding& around, const Credentials& process,
              Accessor& accessor) {
  Finder(asked, around, process, accessor).find();
}

void add_way(Accessor& accessor, Way way) {
  if (way.reads == Answer::kNo && way.writes == Answer::kNo) return;
  accessor.reads = std::max(accessor.reads, way.reads);
  accessor.writes = std::max(accessor.writes, way.writes);
  // Whoever pins makes any number of ways; the rest of them are one.
  constexpr size_t kMaxWays = 64;
  if (accessor.ways.size() == kMaxWays - 1) {
    way.text = "more ways, which are not listed";
    way.rule.reset();
    return accessor.ways.push_back(std::move(way));
  }
  if (accessor.ways.size() == kMaxWays) {
    auto& last = accessor.ways.back();
    last.reads = std::max(last.reads, way.reads);
    last.writes = std::max(last.writes, way.writes);
    return;
  }
  const auto same = std::ranges::find_if(accessor.ways, [&](const Way& other) {
    return other.kind == way.kind && other.text == way.text && other.bypass == way.bypass;
  });
  if (same == accessor.ways.end()) return accessor.ways.push_back(std::move(way));
  same->reads = std::max(same->reads, way.reads);
  same->writes = std::max(same->writes, way.writes);
}

std::string owner_and_mode(const kernel::WalkedPin& pin) {
  return std::to_string(pin.uid) + ":" + std::to_string(pin.gid) + " " +
         model::mode_text(pin.mode & 07777U);
}

}  // namespace pinscope::inventory
