// The machine as it is at one moment: its mount namespaces, the bpffs instances that are mounted in
// them, the pins in those, and the BPF objects behind them. What was found only; what it means, and
// whose it is, is added by judge.h.
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "plugin/base/result.h"
#include "plugin/kernel/bpf/pin_walk.h"
#include "plugin/kernel/mount/mountinfo.h"
#include "plugin/model/decision.h"
#include "plugin/model/object.h"

namespace pinscope::inventory {

// A mount namespace, or mounts that are attached nowhere.
struct Space {
  uint64_t number = 0;                // the inode behind /proc/PID/ns/mnt
  bool is_detached = false;           // no namespace: the process has such a mount open
  bool is_host = false;               // the machine's own, that of process 1
  pid_t pid = 0;                      // one process in it; 0: none, somebody has it open only
  std::string command;                // of that process, which the process chooses
  std::vector<pid_t> processes = {};  // those in it
  bool has_hosts_root = false;        // "/" is the machine's own: a service, not a container
  std::string container;  // the id of the container that it belongs to, by its record; may be empty
  std::string runtime_id = {};  // likewise, by what a runtime keeps of its containers

  // The one, or else the other; empty if neither says that it is a container.
  [[nodiscard]] const std::string& id() const { return container.empty() ? runtime_id : container; }
};

// One bpffs instance, which is a superblock of the kernel.
struct Instance {
  uint32_t device_major = 0;
  uint32_t device_minor = 0;
  bool is_sealed = false;
  std::string options;  // of the superblock, as the kernel writes them
  enum class Origin {
    kHost,      // it is mounted in the machine's own namespace
    kView,      // a record of Pinscope names it, or the attributes of its pins do
    kStranger,  // neither
  } origin = Origin::kStranger;
  // Whose view it is by the attributes of its pins; empty: a record says it, or nothing does.
  std::string container = {};
  std::vector<std::string> left_out;  // of its pins, and why
  // What no mount shows: in a view nothing, in another instance perhaps more pins.
  std::vector<std::string> hidden;

  [[nodiscard]] bool is_whole() const { return left_out.empty() && hidden.empty(); }
};

struct InstanceMount {
  size_t space = 0;     // in Machine::spaces
  size_t instance = 0;  // in Machine::instances
  kernel::BpffsMount mount;
  // Of a container with a record: it was made after the view.
  bool is_later = false;
  // It is a grant itself: layout `bind` shows a pin of the host in its own place.
  bool is_grant = false;
};

struct Pin {
  size_t instance = 0;
  kernel::WalkedPin pin;
  // Of a view: what was granted under this name.
  struct Grant {
    std::string container;
    model::Access access = model::Access::kRead;
    std::string source;
    model::Rule rule;
    bool is_stale = false;  // the source names another object by now, or is gone
  };
  std::optional<Grant> grant;
};

struct Holder {
  pid_t pid = 0;
  std::string command;
  bool for_writing = false;
  size_t descriptors = 0;
};

struct Object {
  model::ObjectInfo info;
  std::vector<size_t> pins;                    // in Machine::pins
  std::vector<Holder> holders;                 // by pid
  std::vector<model::ObjectIdentity> used_by;  // objects that keep it alive
  bool is_orphan = false;     // no pin and no process leads to it, by way of other objects, too
  bool is_duplicate = false;  // its pins are in several instances, one of which nothing explains
};

struct Machine {
  std::vector<Space> spaces;  // those that have a bpffs
  std::vector<Space> others;  // the rest: a process needs no bpffs to have an object
  std::vector<Instance> instances;
  std::vector<InstanceMount> mounts;
  std::vector<Pin> pins;              // by instance
  std::vector<Object> objects;        // maps, programs, links, each by id
  std::vector<std::string> not_seen;  // what could not be looked at, and why

  // The object's place in `objects`; nothing if there is none, as for id 0.
  [[nodiscard]] std::optional<size_t> find(const model::ObjectIdentity& identity) const;
};

// What of the machine is looked at: everything, unless a member says less.
struct Scope {
  // One mount namespace: its mounts with their pins, the processes in it and what they hold. The
  // mounts of the machine's own are there, too, without their pins, to tell which bpffs are its.
  std::optional<uint64_t> space = std::nullopt;
  // One object; of a map also what leads to it: maps that hold it, programs, iterators.
  std::optional<model::ObjectIdentity> object = std::nullopt;
  // Where the lock of whoever looks into a container is, see record/change_lock.h; empty: none is
  // taken, for a look that nobody makes over and over.
  std::string state_directory = {};
};

// The number of the machine's own mount namespace; 0 if that is hidden.
uint64_t number_of_host();

// Reads it. What cannot be read is told in `not_seen` and `left_out`; errors are of /proc itself.
// Starts a process that looks into other namespaces: a container can lead it to a file system that
// never answers, and is given up after a while. This process must have one thread.
Result<Machine> look_at_machine(const Scope& scope = {});

}  // namespace pinscope::inventory
