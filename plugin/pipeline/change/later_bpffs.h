// What is mounted in a container that runs, beside what its record says: a bpffs that came after
// its start, by the host, by a privileged helper or by the container itself, one that its policies
// let it keep, and a view that is not there any more.
#pragma once

#include <cstdint>
#include <limits>
#include <string>
#include <vector>

#include "plugin/base/result.h"
#include "plugin/kernel/mount/mountinfo.h"
#include "plugin/model/record.h"

namespace pinscope {

// Tells the mounts of a container's view from others. Pure. The record must outlive it. `mounts`:
// all of the container, by which it is known whether what gives it tokens is there still: once that
// is gone, the number of its superblock is soon another one's.
class ViewMounts {
 public:
  ViewMounts(const model::Record& record, const std::vector<kernel::BpffsMount>& mounts);

  enum class Part {
    kView,     // of its view, or of one that was or is about to be in the place of it; or a copy
    kLeft,     // there when it was started, and the policies let the container keep it
    kBeside,   // there when its view was made, and nobody let it keep that
    kLater,    // mounted after its view
    kUnknown,  // the record does not say: an earlier version wrote it, or no policy selects it
  };
  [[nodiscard]] Part part(const kernel::BpffsMount& mount) const;

 private:
  [[nodiscard]] bool is_grant(const kernel::BpffsMount& mount) const;

  const model::Record& record_;
  std::vector<model::ViewInstance> instances_;
  uint64_t first_ = std::numeric_limits<uint64_t>::max();  // of the mounts of its view
};

// Whether the container's runtime has changed to its root: until then its namespace shows what is
// mounted on the host. Of one that has ended it cannot be told: true.
bool is_set_up(int proc, const model::Record& record);

// The bpffs mounts in the namespace of the record's process, found by a descriptor of /proc. It is
// not entered, and no file system is asked. kProcessGone.
Result<std::vector<kernel::BpffsMount>> bpffs_of(int proc, const model::Record& record);

// Of these mounts those that `view.hostBpffs`, unless it is allow, keeps from a container that
// runs: `left` as well: those that it was allowed to keep, and is not any more.
std::vector<kernel::BpffsMount> bpffs_to_mask(const model::Record& record,
                                              const std::vector<kernel::BpffsMount>& mounts,
                                              bool left);

// Whether a part of its view is not mounted anywhere in it. False if the record does not say what
// its view is.
bool lacks_view(const model::Record& record, const std::vector<kernel::BpffsMount>& bpffs);
// Whether what gives it tokens is not there any more.
bool lacks_tokens(const model::ViewInstance& instance,
                  const std::vector<kernel::BpffsMount>& bpffs);
// The same of the values that it is shown. Asks as bpffs_of() does.
bool lacks_values(int proc, const model::Record& record);

// Takes away what bpffs_to_mask() names, in a child process that enters the container's mount
// namespace, and gives their places in it. This process must have one thread. What is out of reach,
// or cannot be taken away, keeps nothing else.
struct Masked {
  std::vector<std::string> places;  // from which one was taken away
  std::string stays;                // why one is there still, a sentence; empty: none is
  bool is_beneath = false;          // its view lies right on one, which stays for that
  bool took_view = false;           // or, with `uncover`, went first, and has to be made again
};
Result<Masked> mask_bpffs(const model::Record& record, bool left, bool uncover);

}  // namespace pinscope
