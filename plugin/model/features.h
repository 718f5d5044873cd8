// What the running kernel can do, as far as a plan depends on it. Filled by probes in kernel/, a
// plain value everywhere else: tests make the kernel they want.
#pragma once

#include <string>

namespace pinscope::model {

// A probe has three answers.
enum class Probe { kNo, kYes, kUnknown };

struct Features {
  // BPF_OBJ_PIN and BPF_OBJ_GET relative to a directory descriptor (BPF_F_PATH_FD, Linux 6.5).
  bool pin_by_fd = true;
  // open_tree(OPEN_TREE_CLONE) of, and move_mount onto, a mount that is not attached anywhere
  // (Linux 6.15): the whole view is then built before it is moved in.
  bool detached_trees = true;
  // listmount(2) and statmount(2) (Linux 6.8): otherwise /proc/PID/mountinfo is read.
  bool list_mounts = true;
  // A mount can be attached beneath another one (MOVE_MOUNT_BENEATH, Linux 6.5): a view that is
  // replaced is taken away, and does not stay below the new one.
  bool attach_beneath = true;
  // A bpffs keeps extended attributes (Linux 7.2): each pin of a view says whose it is.
  bool pin_attributes = false;
  friend bool operator==(const Features&, const Features&) = default;
};

}  // namespace pinscope::model
