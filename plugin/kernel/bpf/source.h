// Sources: pins on the host that grants refer to. They are found in the machine's own mount
// namespace (machine.h), without following a symbolic link below their mount, so that a name
// somebody else may make cannot lead a grant elsewhere.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <unordered_map>
#include <utility>

#include "plugin/base/fd.h"
#include "plugin/base/result.h"
#include "plugin/kernel/bpf/bpf.h"
#include "plugin/kernel/mount/machine.h"
#include "plugin/model/decision.h"

namespace pinscope::kernel {

// Says whether an object may be what a grant gives; asked once for each source, in the order in
// which they are opened.
using AcceptObject =
    std::function<Status(const model::GrantedPin& grant, const model::ObjectInfo& info)>;

// For whoever looks at sources and gives them to nobody.
inline Status accept_unchecked(const model::GrantedPin& /*grant*/,
                               const model::ObjectInfo& /*info*/) {
  return {};
}

// Opens the sources of one container one after the other; keeps the directory of the last one,
// since grants mostly come from few directories.
class SourceOpener {
 public:
  // `proc_self_fd`: the descriptor directory of this process; must outlive the opener.
  // `by_path_fd`: the kernel has BPF_F_PATH_FD, which saves a system call for each source. Without
  // it, the working directory changes.
  SourceOpener(int proc_self_fd, AcceptObject accept, bool by_path_fd = false)
      : proc_self_fd_(proc_self_fd), accept_(std::move(accept)), by_path_fd_(by_path_fd) {}

  // The pin itself, unopened (O_PATH). kSourceMissing if there is none, kSourceMismatch if the name
  // is no pin.
  Result<Fd> find(const std::string& path);

  struct Source {
    Fd pin;  // as find() gives it: the very one that was opened
    Fd object;
    model::ObjectInfo info;
  };
  // Finds, opens with the grant's access, and has the object accepted.
  Result<Source> open(const model::GrantedPin& grant);

  // What is pinned there, whatever it is and whatever it opens for. kSourceMissing, or
  // kSourceMismatch if the pin itself is the reason that this cannot be told.
  Result<model::ObjectInfo> info(const std::string& path);

  // Does what open() does ahead of it, which then gives the very object that was looked at here:
  // names that others may change can lead elsewhere by then. Keeps a bounded number of them open.
  Status look(const model::GrantedPin& grant);

 private:
  Result<Source> open_now(const model::GrantedPin& grant);

  int proc_self_fd_;
  AcceptObject accept_;
  bool by_path_fd_;
  std::optional<MachineRoot> machine_;
  std::string directory_path_;
  Fd directory_;
  std::unordered_map<std::string, Source> kept_;  // by the name of the grant
};

}  // namespace pinscope::kernel
