// The container's root directory and the places below it. Whatever is below it is the image's and
// the workload's: every path is resolved by the kernel with the root as its bound, links included,
// and used as a descriptor from then on.
#pragma once

#include <cstddef>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "plugin/base/fd.h"
#include "plugin/base/path.h"
#include "plugin/base/result.h"
#include "plugin/kernel/mount/mounts.h"
#include "plugin/model/policy.h"

namespace pinscope::kernel {

// Remembers "/" as it was before the mount namespace was entered. This tells a namespace that still
// shows the host's tree (runc, crun: the hook runs before pivot_root) from one that has pivoted
// already.
class HostRoot {
 public:
  static Result<HostRoot> remember(const std::string& rootfs);

 private:
  friend class ContainerRoot;
  uint64_t device_ = 0;
  uint64_t inode_ = 0;
  uint64_t rootfs_device_ = 0;  // 0 where the rootfs is visible in the container's namespace only
  uint64_t rootfs_inode_ = 0;
};

class ContainerRoot {
 public:
  // To be called in the container's mount namespace. kRootfsAmbiguous if it cannot be told which
  // directory will be the container's root.
  static Result<ContainerRoot> find(const std::string& rootfs, const HostRoot& host);
  // The root of the mount namespace: that of a session, which is the host's root.
  static Result<ContainerRoot> of_namespace();
  // The same of a container that runs. Whoever may mount there chooses what it is.
  // kRootfsAmbiguous while its runtime has it show the host's tree still.
  static Result<ContainerRoot> of_running(const HostRoot& host);

  [[nodiscard]] int fd() const { return fd_.get(); }

  // Opens the directory that `at` names for the container; nothing is made.
  [[nodiscard]] Result<Fd> open_directory(const Components& at) const;
  // Like open_directory, whatever file system is there, which is not asked: it may be one of values
  // that nobody serves now, and never answer.
  [[nodiscard]] Result<Fd> open_unasked(const Components& at) const;
  // The mount that `at` leads to, as identify_mount() tells it. Asks the file system there nothing.
  [[nodiscard]] Result<uint64_t> mount_at(const Components& at, bool has_unique_ids) const;

  // Like open_directory, but makes what is missing (mode 0755, owned by `uid` and `gid` on the
  // host). What was made is appended to `made`, outermost first.
  struct MadeDirectory {
    Fd parent;
    std::string name;
  };
  [[nodiscard]] Result<Fd> make_directory(const Components& at, uint32_t uid, uint32_t gid,
                                          std::vector<MadeDirectory>& made) const;

  // Deals with every bpffs mounted below the root: takes each one away (mask), or is an error if
  // there is one (reject), or there are more than kMaxBpffs. The number of system calls grows with
  // the number of mounts and not with its square. `proc_self_fd`: see sys.h. `known`: the mounts
  // there, if the caller has just looked. Gives the places from which one was taken away.
  static constexpr size_t kMaxBpffs = 4096;
  [[nodiscard]] Result<std::vector<std::string>> hide_bpffs(
      model::HostBpffs how, const MountTable& mounts, int proc_self_fd,
      std::optional<std::vector<Mount>> known = std::nullopt) const;
  // Takes away those with these ids, of a container that runs, and none beside them: the others are
  // its view. What cannot be taken away keeps nothing else.
  struct View {
    std::set<uint64_t> mounts;
    // The kernel gives no descriptor of what is beneath another mount: a view that was put right on
    // one of those that may go is taken away first, to be made again.
    bool uncover = false;
  };
  struct Hidden {
    std::vector<std::string> places;  // from which one was taken away
    std::optional<Error> stays;       // why the first that is there still is
    bool is_beneath = false;          // one stays that could go without the view
    bool took_view = false;           // of which a part went with one, or in front of it
    [[gnu::cold]] void stay(Error error);
  };
  [[nodiscard]] Hidden hide_these(const std::set<uint64_t>& ids, const View& view,
                                  const MountTable& mounts, int proc_self_fd) const;

 private:
  ContainerRoot(Fd fd, bool shows_host) : fd_(std::move(fd)), shows_host_(shows_host) {}
  [[nodiscard]] Status check_root(const MountTable& mounts) const;
  // A part of the namespace outside the container's root, which pivot_root(2) leaves behind; not
  // valid where there is none.
  [[nodiscard]] Fd place_to_leave(const MountTable& mounts) const;
  // Detaches those of `found` that can be reached, and adds their places. Those that are covered by
  // something else are left for the next round, unless nothing could be done in this one: then, and
  // of what can never be detached, `hidden` says why it stays.
  static void hide_each(const std::vector<Mount>& found, const MountTable& mounts, int place,
                        int proc_self_fd, Hidden& hidden);
  // The work of hide_these(), again and again until nothing more goes.
  void hide_all(const std::set<uint64_t>& ids, const View& view, const MountTable& mounts,
                int proc_self_fd, Hidden& hidden) const;
  // Takes the view away, if it may be, where it lies right on one of `found`.
  static void uncover(const std::vector<Mount>& found, const View& view, const MountTable& mounts,
                      int proc_self_fd, Hidden& hidden);

  Fd fd_;
  bool shows_host_;  // the namespace still shows the host's tree around the container's root
};

}  // namespace pinscope::kernel
