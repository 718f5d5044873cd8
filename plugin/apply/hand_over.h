// The values of one container, on their way to the holder: their file system, which nobody serves
// yet, and the maps that it will show. Internal to apply/.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "plugin/base/fd.h"
#include "plugin/base/result.h"
#include "plugin/kernel/bpf/source.h"
#include "plugin/kernel/mount/fuse.h"
#include "plugin/model/decision.h"
#include "plugin/model/values_lease.h"
#include "plugin/values/hold/client.h"

namespace pinscope::apply {

// To be begun and finished while paths are the host's. What was not finished is kept by nobody.
class HandOver {
 public:
  // Makes the file system and reaches the holder. kHolder, kKernelUnsupported.
  static Result<HandOver> begin(const std::string& state_directory, const std::string& container);

  // The context and the mount of the file system; once.
  [[nodiscard]] std::pair<Fd, Fd> take_mount() {
    return {std::move(fuse_.context), std::move(fuse_.mount)};
  }

  // Adds the map that was opened, for reading only whatever it was opened for. Its descriptors are
  // sent a few at a time and closed here. Host ids.
  Status add(const model::GrantedPin& grant, const kernel::SourceOpener::Source& source,
             uint32_t uid, uint32_t gid, bool by_path_fd, int proc_self_fd);

  // Describes what was added, and has it kept.
  Status finish();

 private:
  HandOver(kernel::UnservedFuse fuse, Fd description, hold::Put put)
      : fuse_(std::move(fuse)), description_(std::move(description)), put_(std::move(put)) {}

  Result<uint32_t> take(Fd descriptor);
  Result<std::optional<uint32_t>> types_of(int map);
  Status send();

  kernel::UnservedFuse fuse_;
  Fd description_;  // a memfd, written last
  hold::Put put_;
  model::ValuesLease lease_;
  std::vector<std::pair<uint32_t, uint32_t>> types_;  // the id of a BTF, and its position
  std::vector<Fd> waiting_;                           // to be sent
  uint32_t taken_ = 0;                                // descriptors, the first two not counted
};

}  // namespace pinscope::apply
