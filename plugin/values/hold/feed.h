// Gives the service that is there all leases, one after the other, as fast as it takes them and no
// faster: what it has not taken waits in the table, not in a queue.
#pragma once

#include <cstddef>
#include <cstdint>

#include "plugin/values/hold/leases.h"
#include "plugin/values/hold/message.h"

namespace pinscope::hold {

class Feed {
 public:
  // Whether there is something that the service was not given.
  [[nodiscard]] bool has_more(const Leases& leases);
  // Sends until the socket takes no more, or all is sent. 0, EAGAIN for later, or another errno.
  int send(int socket, Leases& leases);

 private:
  int send_step(int socket, const Lease& lease);
  [[nodiscard]] size_t steps(const Lease& lease) const;

  uint64_t at_ = 1;  // the lease that is sent, or the least that could be next
  size_t step_ = 0;  // of its messages
};

}  // namespace pinscope::hold
