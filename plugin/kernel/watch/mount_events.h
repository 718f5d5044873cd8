// fanotify(7) of mount namespaces (Linux 6.15): tells the ids of mounts that are attached and
// detached there. A namespace is not kept by being watched, and tells its own end by detaching all.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>

#include "plugin/base/fd.h"
#include "plugin/base/result.h"

namespace pinscope::kernel {

class MountEvents {
 public:
  struct Event {
    uint64_t mount = 0;        // its unique id; of any of the namespaces
    bool is_attached = false;  // both: it was moved
    bool is_detached = false;
    bool were_lost = false;  // events, of any of them
  };

  // EINVAL before Linux 6.15; EMFILE if this user has too many.
  static Result<MountEvents> open();

  [[nodiscard]] int fd() const { return fd_.get(); }
  // `space`: an open mount namespace, which may be closed afterwards. ENOSPC: the user's limit.
  [[nodiscard]] Status watch(int space) const;
  void unwatch(int space) const;
  void unwatch_all() const;
  // Gives the events of one read. False if there was nothing to be read.
  [[nodiscard]] bool read(const std::function<void(const Event&)>& use) const;

 private:
  explicit MountEvents(Fd fd) : fd_(std::move(fd)) {}
  Fd fd_;
};

}  // namespace pinscope::kernel
