// Puts a view in the place of another one, in a container that runs, and the values that it is
// shown in the place of others. Its processes see the old view or the new one, whole, and never
// what is below: the new one is attached beneath the old one, which then goes. Kernels before 6.5
// attach it over the old one, which stays below.
//
// Who may mount in the container can have moved, covered or detached the old view, and may do so
// meanwhile. What is found is therefore used only if it is a mount that the container's record
// names; and each step acts on that very mount, by its descriptor, wherever it has gone.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "plugin/apply/apply.h"
#include "plugin/apply/replacement.h"
#include "plugin/base/result.h"
#include "plugin/kernel/mount/mounts.h"
#include "plugin/model/features.h"
#include "plugin/model/instance.h"

namespace pinscope::apply {

struct Places {
  Surroundings around;
  Place view;
  std::optional<Place> values;  // nothing: they stay as they are
};

class Swap {
 public:
  // Moves this process, which must have one thread, into the container's mount namespace for good,
  // and looks for the view and the values there. `places` must outlive it. Changes nothing but what
  // an unfinished swap has left. kTargetInvalid: one is covered by something that is not ours.
  static Result<Swap> enter(const Places& places, const model::Features& features);
  Swap(Swap&&) noexcept;
  Swap& operator=(Swap&&) noexcept;
  // Takes back what put() did, unless keep() was called.
  ~Swap();

  // Whether one of the known views is at its place.
  [[nodiscard]] bool has_old_view() const;
  // The container's root, and the table of its mounts.
  [[nodiscard]] int root() const;
  [[nodiscard]] kernel::MountTable table() const;
  // What is known of each place, with the ids of the mounts that show it again if the swap is taken
  // back. To be recorded before put().
  struct Spare {
    std::vector<model::ViewInstance> view;
    std::vector<model::ViewInstance> values;
  };
  [[nodiscard]] Spare with_spare() const;

  // `made`: the new view and the new values, each of which may be none. As a whole or not at all:
  // where an old one could not be taken from in front of the new one, it is the old one that is
  // seen. `made` must outlive this object, with which the swap is taken back.
  Status put(const Unattached& made);
  // Whether the old one is below the new one still.
  [[nodiscard]] bool left_view_beneath() const;
  [[nodiscard]] bool left_values_beneath() const;
  // Takes back what put() did, as the destructor does. False if something new is still there.
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
