// Carries out a plan: the only stage that changes the machine. Everything is built detached and
// moved in last; whatever was attached, unmounted or made inside the container before a failure is
// undone, the rest vanishes with its descriptors.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "plugin/base/fd.h"
#include "plugin/base/result.h"
#include "plugin/kernel/bpf/source.h"
#include "plugin/kernel/process/process.h"
#include "plugin/model/features.h"
#include "plugin/model/given.h"
#include "plugin/model/instance.h"
#include "plugin/model/plan.h"
#include "plugin/model/reach.h"

namespace pinscope::apply {

struct Target {
  const kernel::ContainerProcess* process = nullptr;
  std::string container;        // its id
  std::string state_directory;  // with the socket of the holder of values
  std::string rootfs;           // absolute, as the container's mount namespace shows it
  bool is_session = false;  // of the host: its root is the host's own, in a namespace of its own
  int proc_self_fd = -1;    // /proc/self/fd, opened before the mount namespace was changed
  kernel::SourceOpener* sources = nullptr;  // which may have looked at some of them
  // Decides whether the grants' objects and the mounts that lead out of the container may go
  // together.
  std::function<Status(const std::vector<model::PinnedObject>&, std::vector<model::WayOut>)>
      check_reach;
};

// Which mounts of a plan that attaches nothing are the view, if it makes one, and its values.
struct Parts {
  model::MountId view = 0;
  std::optional<model::MountId> values = {};
};

// A view that is in place and not yet kept: destroying it takes the view away again.
class Applied {
 public:
  Applied(Applied&&) noexcept;
  Applied& operator=(Applied&&) noexcept;
  ~Applied();

  // For each grant of the plan, in its order, what its source turned out to be. Given away: empty
  // afterwards.
  [[nodiscard]] std::vector<model::PinnedObject> take_pins();
  // Where in the container a bpffs was mounted that was taken away.
  [[nodiscard]] const std::vector<std::string>& hidden() const;
  // The instances of which mounts were attached in the container.
  [[nodiscard]] std::vector<model::ViewInstance> instances() const;
  // Whether the container has a bpffs beside the view, which the policies allow.
  [[nodiscard]] bool left_bpffs() const;
  // Keeps the view: the destructor does not take it away any more.
  void keep();

 private:
  friend Result<Applied> apply(model::Plan plan, const Target& target,
                               const model::Features& features);
  friend Result<struct Unattached> make_unattached(model::Plan plan, const Parts& parts,
                                                   const Target& target,
                                                   const model::Features& features);
  class Walker;
  explicit Applied(std::unique_ptr<Walker> walker);
  std::unique_ptr<Walker> walker_;
};

// `target` must outlive the result. On success this process is in the container's mount
// namespace if the plan enters it. An error with code kKernelUnsupported comes before anything was
// changed and means that `features.detached_trees` does not hold: build the plan again without it.
Result<Applied> apply(model::Plan plan, const Target& target, const model::Features& features);

// A view that is whole, sealed, and attached nowhere: it goes with its descriptor.
struct Unattached {
  Fd tree;    // its mount, with those below it; not valid if the plan makes none
  Fd values;  // the mount of its values, which the holder has already; not valid if there are none
  std::vector<model::ViewInstance> instances;  // with the ids that their mounts have and will keep
  std::vector<model::PinnedObject> pins;       // for each grant of the plan
};
// Of plan::build_unattached(). This process, which must have one thread, is in a mount namespace of
// its own afterwards if the plan enters one.
Result<Unattached> make_unattached(model::Plan plan, const Parts& parts, const Target& target,
                                   const model::Features& features);

}  // namespace pinscope::apply
