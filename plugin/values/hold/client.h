// The hook's way to the holder: it hands over the descriptors of a container's values before the
// container runs. Small, because the static hook links it.
//
//   PINSCOPE_TRY(auto put, hold::Put::begin(hold::socket_path(state_directory), id));
//   PINSCOPE_CHECK(put.add(descriptors));   // [0]: /dev/fuse of a superblock, [1]: the description
//   PINSCOPE_CHECK(put.finish());           // from here on the holder keeps them
//
// Nothing is kept of a put that is not finished, however it ends.
#pragma once

#include <chrono>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "plugin/base/fd.h"
#include "plugin/base/result.h"
#include "plugin/values/hold/message.h"

namespace pinscope::hold {

// From the first call to the last: a holder that hangs holds up no start for longer.
inline constexpr std::chrono::milliseconds kTimeToPut{4000};

class Put {
 public:
  // Connects, to be called while the host's mounts are in sight. `id` is for people: the
  // container's. kHolder: there is no holder, it is not root's, or it does not answer.
  static Result<Put> begin(const std::string& socket_path, std::string_view id,
                           std::chrono::milliseconds timeout = kTimeToPut);

  // Any number of descriptors, which stay the caller's and may be closed when this returns; at most
  // kMaxDescriptors in all. The first two of all are the device and the description. kHolder.
  Status add(std::span<const int> descriptors);

  // Waits for the holder's word that it keeps them. kHolder: it does not, with its reason. The
  // superblock of the device must exist by now: a device without one counts as ended.
  Status finish();

 private:
  Put(Fd socket, Deadline deadline) : socket_(std::move(socket)), deadline_(deadline) {}

  Fd socket_;
  Deadline deadline_;
  uint32_t count_ = 0;
};

}  // namespace pinscope::hold
