// A plan: the decision as an ordered list of steps, before anything is done. Each step is exactly
// one kind; whoever walks a plan has to handle them all. Printable (plan/print.h), comparable, made
// without privilege. apply/ is the only one who carries it out.
#pragma once

#include <cstdint>
#include <string>
#include <variant>
#include <vector>

#include "plugin/model/decision.h"
#include "plugin/model/instance.h"
#include "plugin/model/policy.h"

namespace pinscope::model {

// Index into the instances and mounts that earlier steps of the same plan made.
using InstanceId = uint32_t;
using MountId = uint32_t;

// Makes a new file system, attached nowhere: a bpffs, or the small tmpfs that holds the mount
// points of the layouts that mount each pin on its own.
struct MakeInstance {
  InstanceType type = InstanceType::kBpf;
  InstanceId instance = 0;
  friend bool operator==(const MakeInstance&, const MakeInstance&) = default;
};

// Makes a bpffs that delegates: its superblock belongs to the container's user namespace, and who
// has CAP_BPF there gets a token for `rights` from its root. `pinning`: the root's owner is an
// id of the namespace; otherwise one that it does not map, so that nobody in it may change
// anything. What is made in it belongs to `maker_uid` and `maker_gid`, because the file system
// holds ids of its namespace only. Host ids all of them.
struct MakeDelegatedInstance {
  InstanceId instance = 0;
  TokenRights rights;
  bool pinning = false;
  uint32_t root_uid = 0;
  uint32_t root_gid = 0;
  uint32_t maker_uid = 0;
  uint32_t maker_gid = 0;
  friend bool operator==(const MakeDelegatedInstance&, const MakeDelegatedInstance&) = default;
};

// Makes a directory in an instance, mode 0755, owned by the host's root.
struct MakeDirectory {
  InstanceId instance = 0;
  std::string path;
  friend bool operator==(const MakeDirectory&, const MakeDirectory&) = default;
};

// Opens the grant's source pin, checks that it is what the policy expects, and pins the object
// again in the instance. `uid` and `gid` are host ids.
struct PinObject {
  InstanceId instance = 0;
  std::string path;    // in the instance
  uint32_t grant = 0;  // index into Plan::grants
  uint32_t uid = 0;
  uint32_t gid = 0;
  bool with_attributes = false;  // that say whose it is: kernel/bpf/pin_attributes.h
  friend bool operator==(const PinObject&, const PinObject&) = default;
};

struct MakeSymlink {
  InstanceId instance = 0;
  std::string path;
  std::string target;
  friend bool operator==(const MakeSymlink&, const MakeSymlink&) = default;
};

// Makes the superblock read-only: from here on nothing in the instance changes and no object in it
// opens for writing, whoever asks.
struct SealInstance {
  InstanceId instance = 0;
  friend bool operator==(const SealInstance&, const SealInstance&) = default;
};

// A mount of a path inside an instance: the part of it that the container will see. `read_only` is
// the mount's flag: it stops changes of the pins, not of the objects behind them. `through_target`:
// the kernel clones attached trees only, so the instance is attached at the target for a moment.
struct CloneMount {
  MountId mount = 0;
  InstanceId instance = 0;
  std::string path;
  bool read_only = false;
  bool through_target = false;
  friend bool operator==(const CloneMount&, const CloneMount&) = default;
};

// The mount of an instance's root: of a bpffs that delegates, because only the root gives tokens,
// and of values.
struct ShowRoot {
  MountId mount = 0;
  InstanceId instance = 0;
  friend bool operator==(const ShowRoot&, const ShowRoot&) = default;
};

// A mount of the host's own pin (layout bind), opened and checked like any source.
struct CloneSource {
  MountId mount = 0;
  uint32_t grant = 0;
  friend bool operator==(const CloneSource&, const CloneSource&) = default;
};

// Makes the file system of values, read-only and attached nowhere, and reaches the holder, who will
// keep what serves it.
struct MakeValues {
  InstanceId instance = 0;
  friend bool operator==(const MakeValues&, const MakeValues&) = default;
};

// Adds the grant's map to what the values show: the object that the step before this one has
// opened, or else its source is opened and checked here. `uid` and `gid` are host ids. Of another
// object than a map, which is a pin as well, nothing is shown.
struct ShowValues {
  uint32_t grant = 0;
  uint32_t uid = 0;
  uint32_t gid = 0;
  friend bool operator==(const ShowValues&, const ShowValues&) = default;
};

// Has the holder keep the values: without it the container does not start.
struct HandOverValues {
  friend bool operator==(const HandOverValues&, const HandOverValues&) = default;
};

// Enters a mount namespace that nobody else is in, whose root is the target from here on: where a
// kernel that joins attached mounts only puts a view together that is for another place.
struct EnterWorkshop {
  friend bool operator==(const EnterWorkshop&, const EnterWorkshop&) = default;
};

// From here on paths are the container's.
struct EnterContainer {
  friend bool operator==(const EnterContainer&, const EnterContainer&) = default;
};

// Deals with every bpffs that is already mounted below the container's root: reject, or mask.
struct HideBpffs {
  HostBpffs how = HostBpffs::kMask;
  friend bool operator==(const HideBpffs&, const HideBpffs&) = default;
};

// Looks for what is mounted in the container that leads out of it, and asks again whether it may
// have its programs, now that the objects are open.
struct CheckReach {
  friend bool operator==(const CheckReach&, const CheckReach&) = default;
};

// Finds the target directory below the container's root, and makes what is missing of it. `uid` and
// `gid` are the host's ids of the container's root, who will own what is made.
struct ResolveTarget {
  std::string at;
  uint32_t uid = 0;
  uint32_t gid = 0;
  friend bool operator==(const ResolveTarget&, const ResolveTarget&) = default;
};

// Attaches a mount below another one of this plan.
struct AttachBelow {
  MountId mount = 0;
  MountId parent = 0;
  std::string path;
  friend bool operator==(const AttachBelow&, const AttachBelow&) = default;
};

// Attaches the view at the target.
struct AttachView {
  MountId mount = 0;
  friend bool operator==(const AttachView&, const AttachView&) = default;
};

// Looks again from the container's root: what is at the target must be the view.
struct VerifyView {
  MountId mount = 0;
  std::string at;
  friend bool operator==(const VerifyView&, const VerifyView&) = default;
};

// Looks again from the container's root: what is at the target must be the values. Asks nothing
// that has to be answered by whoever serves them: perhaps nobody does yet.
struct VerifyValues {
  MountId mount = 0;
  std::string at;
  friend bool operator==(const VerifyValues&, const VerifyValues&) = default;
};

// Refuses what the runtime will do to the view after its hooks: a path of `masked` that is the
// view, above it or in it, and one of `read_only` that is it or above it. As the container's root
// will resolve them. Of values, asked before they are there: a path that leads into them is refused
// for either reason, because the runtime would wait there for an answer.
struct CheckLaterMounts {
  std::string at;
  std::vector<std::string> masked;
  std::vector<std::string> read_only;  // only where it matters: what may be pinned in, and values
  bool values = false;
  friend bool operator==(const CheckLaterMounts&, const CheckLaterMounts&) = default;
};

// Reads back what the kernel has kept of the options, which it takes silently: it must be `rights`.
struct VerifyDelegation {
  MountId mount = 0;
  TokenRights rights;
  friend bool operator==(const VerifyDelegation&, const VerifyDelegation&) = default;
};

using Step = std::variant<MakeInstance, MakeDelegatedInstance, MakeDirectory, PinObject,
                          MakeSymlink, SealInstance, CloneMount, ShowRoot, CloneSource, MakeValues,
                          ShowValues, HandOverValues, EnterWorkshop, EnterContainer, HideBpffs,
                          CheckReach, ResolveTarget, AttachBelow, AttachView, VerifyView,
                          VerifyValues, CheckLaterMounts, VerifyDelegation>;

struct Plan {
  std::vector<GrantedPin> grants;
  std::vector<Step> steps;
  friend bool operator==(const Plan&, const Plan&) = default;
};

}  // namespace pinscope::model
