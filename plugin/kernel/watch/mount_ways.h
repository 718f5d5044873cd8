// Over which mounts of the machine's namespace the way to a directory leads, as its mount table
// says it, so that nothing has to be opened to learn that a file system lies on it that may never
// answer.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "plugin/base/fd.h"
#include "plugin/base/path.h"
#include "plugin/base/result.h"
#include "plugin/kernel/mount/machine.h"
#include "plugin/kernel/mount/mountinfo.h"

namespace pinscope::kernel {

// The mounts that a path goes over, from that of "/" on.
struct MountWay {
  std::vector<std::pair<uint64_t, size_t>> mounts;  // id, and how many names lead to it
  bool ends_on_bpffs = false;
  bool may_wait = false;  // one of them may; the way is not known beyond it
  friend bool operator==(const MountWay&, const MountWay&) = default;
};

class MountWays {
 public:
  // kHostNamespace as in machine.h; kSystem if there is no mount table.
  static Result<MountWays> open();

  // POLLPRI, once, when the table has changed. Polling it tells nobody else: has_changed() asks for
  // itself.
  [[nodiscard]] int fd() const { return to_wake_.get(); }
  // Whether it has changed since this was asked for the last time.
  [[nodiscard]] bool has_changed() const;
  // Reads it again.
  Status read();

  [[nodiscard]] MountWay way_to(const std::string& path) const;
  // Opens (O_PATH) the directory that a way leads to, which ends on a bpffs. No file system is
  // asked but local ones that were on the way. ESTALE if another mount is there by now; ENOENT,
  // ENOTDIR or ELOOP if there is no such directory.
  [[nodiscard]] Result<Fd> open_directory(const MountWay& way, const std::string& path);
  // What open_directory() keeps open for the next one is closed.
  void close() { last_ = {}; }
  // What is mounted on this name, to which `way` leads but for the name itself; 0: nothing.
  [[nodiscard]] uint64_t mounted_on(const MountWay& way, const std::string& path) const;
  // The names of the directory under which a bpffs is mounted, at once or deeper.
  [[nodiscard]] std::vector<std::string> names_towards_bpffs(const std::string& directory) const;

 private:
  MountWays(MachineRoot machine, Fd to_wake, Fd to_ask)
      : machine_(std::move(machine)), to_wake_(std::move(to_wake)), to_ask_(std::move(to_ask)) {}
  [[nodiscard]] const Mount* on(uint64_t parent, const std::string& path) const;
  [[nodiscard]] Result<Fd> open_last_mount(const MountWay& way, const Components& names) const;

  MachineRoot machine_;
  // Two, because whoever polls the file of the program's loop takes the answer away.
  Fd to_wake_;
  Fd to_ask_;
  std::vector<Mount> mounts_;
  size_t root_ = 0;  // in mounts_; behind its end if it is not known
  std::unordered_map<std::string, size_t> by_place_;  // the parent's id and the path
  std::vector<std::string> bpffs_;                    // mount points, sorted
  std::pair<MountWay, Fd> last_;
};

}  // namespace pinscope::kernel
