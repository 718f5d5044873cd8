// One mount that is put in the place of another one, in the mount namespace of a container that
// runs: its view, or its values. See swap.h. Internal to apply/.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "plugin/base/fd.h"
#include "plugin/base/path.h"
#include "plugin/base/result.h"
#include "plugin/base/undo.h"
#include "plugin/kernel/mount/container_root.h"
#include "plugin/kernel/mount/mounts.h"
#include "plugin/kernel/mount/namespaces.h"
#include "plugin/kernel/process/process.h"
#include "plugin/model/features.h"
#include "plugin/model/instance.h"

namespace pinscope::apply {

// The container, and what is needed of the host once paths are the container's.
struct Surroundings {
  const kernel::ContainerProcess* process = nullptr;
  // Host ids of the container's root, who owns directories that are made on the way.
  uint32_t uid = 0;
  uint32_t gid = 0;
  int proc = -1;            // /proc, and
  int proc_self_fd = -1;    // /proc/self/fd, of this process, opened while paths were the host's
  bool is_session = false;  // of the host: its root is the host's own
};

// Where one mount is to be.
struct Place {
  std::string at;  // in the container
  // Of all that may be there and are ours: one of them is replaced.
  std::vector<model::ViewInstance> known;
  // Those among them that an earlier swap was putting there when it was killed.
  std::vector<model::ViewInstance> unfinished;
  // Where mounts below the old one are, relative to it.
  std::vector<std::string> below;
  // It is a file system of values: whoever serves it is asked nothing, because perhaps nobody does.
  bool is_of_values = false;
};

class Replacement {
 public:
  // Both must outlive it.
  Replacement(const Place& place, const Surroundings& around, const model::Features& features)
      : place_(place), around_(around), features_(features) {}
  Replacement(const Replacement&) = delete;
  Replacement& operator=(const Replacement&) = delete;

  // Opens what is needed of the host, before the namespace is entered; then looks for the old mount
  // in it. Changes nothing but what an unfinished swap has left. kTargetInvalid: it is covered by
  // something that is not ours.
  Status prepare();
  Status look_around();

  [[nodiscard]] bool has_old() const { return top_.valid(); }
  [[nodiscard]] int root() const { return root_->fd(); }
  [[nodiscard]] kernel::MountTable table() const {
    return {features_.list_mounts, mountinfo_.get()};
  }
  // The known instances, with the ids of the mounts that show the old one again.
  [[nodiscard]] std::vector<model::ViewInstance> with_spare() const;

  // Puts `tree` there, or nothing if it is not valid; `tree` must outlive this object.
  Status put(const Fd& tree);
  [[nodiscard]] bool left_old_beneath() const { return left_beneath_; }
  // False if a mount of `made` is still there.
  bool take_back(const std::vector<model::ViewInstance>& made);
  // Other mounts of the old one are replaced as well; a clause for each that is out of reach.
  std::vector<std::string> keep(const Fd& tree, const std::vector<model::ViewInstance>& made);

 private:
  Status find();
  Result<std::optional<kernel::Mount>> look();
  void note_shown();
  Status take_elsewhere();
  [[nodiscard]] bool is_gone(uint64_t id) const;
  [[nodiscard]] bool is_mounted(const model::ViewInstance& instance, uint64_t id) const;
  [[nodiscard]] Status check_parent(int fd) const;
  Status put_first(int tree);
  Status put_over(int tree);
  Status put_beneath(int tree);
  [[nodiscard]] Status check_beneath(int tree) const;
  [[nodiscard]] Error covered() const;
  [[nodiscard]] Status detach(int fd) const;
  Status take_away();
  [[nodiscard]] Result<std::vector<kernel::BpffsMount>> all_mounts() const;
  [[nodiscard]] Result<std::vector<kernel::BpffsMount>> list() const;
  [[nodiscard]] bool is_listed(uint64_t id) const;
  [[nodiscard]] Result<Fd> open_copy(const kernel::BpffsMount& mount) const;
  Status replace_copy(const kernel::BpffsMount& mount, const Fd& tree) const;
  [[nodiscard]] bool is_shared(int mount) const;

  const Place& place_;
  const Surroundings& around_;
  const model::Features features_;
  kernel::MountNamespace space_;
  Components at_;
  kernel::HostRoot host_root_;
  Fd host_mounts_;
  Fd mountinfo_;
  std::unique_ptr<kernel::ContainerRoot> root_;
  Fd top_;                        // the old mount
  uint64_t parent_ = 0;           // the mount that it is on
  kernel::MountAndDevice shown_;  // the old mount, and
  std::string shown_root_;        // which part of its file system it shows
  Fd spare_;                      // it again, attached nowhere
  std::vector<kernel::ContainerRoot::MadeDirectory> made_;
  bool left_beneath_ = false;
  std::unique_ptr<UndoStack> undo_ = std::make_unique<UndoStack>();  // last: it uses the others
};

}  // namespace pinscope::apply
