// Puts a view in the place of another one, in a container that runs. Its processes see the old view
// or the new one, whole, and never what is below: the new one is attached beneath the old one,
// which then goes. Kernels before 6.5 attach it over the old one, which stays below.
//
// Who may mount in the container can have moved, covered or detached the old view, and may do so
// meanwhile. What is found is therefore used only if it is a mount that the container's record
// names; and each step acts on that very mount, by its descriptor, wherever it has gone.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "plugin/apply/apply.h"
#include "plugin/base/result.h"
#include "plugin/kernel/mount/mounts.h"
#include "plugin/kernel/process/process.h"
#include "plugin/model/features.h"
#include "plugin/model/instance.h"

namespace pinscope::apply {

// Where the view is to be.
struct Place {
  const kernel::ContainerProcess* process = nullptr;
  std::string at;  // in the container
  // Of all views that may be there: one of them is replaced.
  std::vector<model::ViewInstance> known;
  // Those among them of a view that an earlier swap was putting there when it was killed.
  std::vector<model::ViewInstance> unfinished;
  // Where mounts below the old view are, relative to it.
  std::vector<std::string> below;
  // Host ids of the container's root, who owns directories that are made on the way.
  uint32_t uid = 0;
  uint32_t gid = 0;
  int proc = -1;          // /proc, and
  int proc_self_fd = -1;  // /proc/self/fd, of this process, opened while paths were the host's
};

class Swap {
 public:
  // Moves this process, which must have one thread, into the container's mount namespace for good,
  // and looks for the view there. `place` must outlive it. Changes nothing but what an unfinished
  // swap has left. kTargetInvalid: the view is covered by something that is not ours.
  static Result<Swap> enter(const Place& place, const model::Features& features);
  Swap(Swap&&) noexcept;
  Swap& operator=(Swap&&) noexcept;
  // Takes back what put() did, unless keep() was called.
  ~Swap();

  // Whether one of the known views is at the place.
  [[nodiscard]] bool has_old() const;
  // The container's root, and the table of its mounts.
  [[nodiscard]] int root() const;
  [[nodiscard]] kernel::MountTable table() const;
  // The old view's instances, with the ids of the mounts that show it again if the swap is taken
  // back. To be recorded before put().
  [[nodiscard]] std::vector<model::ViewInstance> with_spare() const;

  // `made`: the new view, or none if its tree is not valid. As a whole or not at all: where the old
  // view could not be taken from in front of the new one, it is the old one that is seen. `made`
  // must outlive this object, with which the swap is taken back.
  Status put(const Unattached& made);
  // Whether the old view is below the new one still.
  [[nodiscard]] bool left_old_beneath() const;
  // Takes back what put() did, as the destructor does. False if the new view is still there.
  bool take_back(const Unattached& made);

  // The swap stays. Other mounts of the old view in the container's namespace are replaced as well,
  // and those of a part of it are detached. Gives a clause for each that is out of reach.
  std::vector<std::string> keep(const Unattached& made);

 private:
  class Work;
  explicit Swap(std::unique_ptr<Work> work);
  std::unique_ptr<Work> work_;
};

}  // namespace pinscope::apply
