// Leases over which the worker (values_worker.h) ended: one that ended two workers is set aside by
// the next, so that what stands in one container's maps, or what it asks, holds up no other one.
#pragma once

#include <cstdint>
#include <map>
#include <string_view>
#include <vector>

namespace pinscope::daemon {

class SetAside {
 public:
  // A worker ended that had this memory for its requests (plugin/values/fuse/request_buffer.h); -1:
  // none. The lease that it was busy with; 0: with none. What the worker wrote there is believed:
  // it could end at any lease anyway.
  uint64_t note_end(int memory);
  // Whether the next worker is to set it aside.
  [[nodiscard]] bool contains(uint64_t lease) const;
  // Tells a worker all of them, before it is given any lease. One that does not read is not waited
  // for.
  void tell(int socket) const;

 private:
  std::map<uint64_t, int> ends_;  // by lease, of kMaxLeases at most
};

// What was told with one message. Nothing if it is not understood.
std::vector<uint64_t> leases_of(std::string_view text);

}  // namespace pinscope::daemon
