// The file systems and mounts of a view, made and filled where nobody sees them: the steps of a
// plan that do not ask where the view is to be. What is made goes with its descriptors. Internal to
// the room.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "plugin/apply/apply.h"
#include "plugin/apply/hand_over.h"
#include "plugin/base/fd.h"
#include "plugin/base/result.h"
#include "plugin/kernel/bpf/source.h"
#include "plugin/model/features.h"
#include "plugin/model/given.h"
#include "plugin/model/instance.h"
#include "plugin/model/plan.h"

namespace pinscope::apply {

class Workshop {
 public:
  // `target` and `features` must outlive it.
  Workshop(std::vector<model::GrantedPin> grants, const Target& target,
           const model::Features& features);

  Status run(const model::MakeInstance& step);
  Status run(const model::MakeDelegatedInstance& step);
  Status run(const model::MakeDirectory& step);
  Status run(const model::PinObject& step);
  Status run(const model::MakeValues& step);
  Status run(const model::ShowValues& step);
  Status run(const model::HandOverValues& step);
  Status run(const model::MakeSymlink& step);
  Status run(const model::SealInstance& step);
  Status run(const model::ShowRoot& step);
  Status run(const model::CloneSource& step);

  // A mount of an instance, which was cloned.
  void add(model::MountId mount, model::InstanceId instance, Fd fd);
  [[nodiscard]] bool has(model::MountId mount) const { return mount < mounts_.size(); }
  // Both are the workshop's.
  [[nodiscard]] int mount_of(model::MountId mount) const { return mounts_[mount].fd.get(); }
  [[nodiscard]] int root_of(model::InstanceId instance) const {
    return instances_[instance].mount.get();
  }

  // An instance is known by the mounts that show it: its own root is attached nowhere. `fd`: of
  // this mount, or of one that was made of it.
  Status note_shown(model::MountId mount, int fd);
  void forget_shown();
  // Those that mounts show.
  [[nodiscard]] std::vector<model::ViewInstance> shown() const;
  // For each grant, in its order, what its source turned out to be.
  [[nodiscard]] const std::vector<model::PinnedObject>& pins() const { return pins_; }
  [[nodiscard]] std::vector<model::PinnedObject> take_pins() { return std::move(pins_); }

 private:
  struct Owner {  // host ids
    uint32_t uid = 0;
    uint32_t gid = 0;
  };
  struct Instance {
    Fd context;
    Fd mount;  // of the instance's root, attached nowhere
    // Whose files it may hold, if it belongs to a user namespace.
    std::optional<Owner> maker = {};
    model::ViewInstance shown = {};  // what is told of it
  };
  // A mount that will be part of the view.
  struct ViewMount {
    Fd fd;
    std::optional<model::InstanceId> instance = {};  // that it shows; none: the host's own
  };

  Status pin(const model::PinObject& step, const model::GrantedPin& grant);
  Status show(const model::ShowValues& step, model::GrantedPin& grant);
  Status clone_source(const model::CloneSource& step, const model::GrantedPin& grant);
  Status make_symlink(const model::MakeSymlink& step);
  void note_opened(uint32_t grant, kernel::SourceOpener::Source source);

  const Target& target_;
  const model::Features& features_;
  kernel::SourceOpener& sources_;
  std::vector<model::PinnedObject> pins_;
  std::vector<Instance> instances_;
  std::vector<ViewMount> mounts_;
  std::optional<HandOver> hand_over_;                                        // if there are values
  std::optional<std::pair<uint32_t, kernel::SourceOpener::Source>> opened_;  // of a grant with some
  bool has_attributes_ = true;  // until the kernel says that it has none
};

Result<Fd> duplicate(int fd);

}  // namespace pinscope::apply
