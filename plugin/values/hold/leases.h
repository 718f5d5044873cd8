// The leases that a holder has: a table that is bounded, and that knows when one has ended. Does
// nothing with the descriptors but ask the device whether its file system is still there.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "plugin/base/fd.h"
#include "plugin/values/hold/protocol.h"

namespace pinscope::hold {

struct Lease {
  std::string id;                // of the container, for people
  std::vector<Fd> descriptors;   // kDevice, kDescription, then maps and types
  std::string init;              // the FUSE INIT request; empty: it has not been taken yet
  bool is_from_service = false;  // the service that is there gave it: it is not sent to it
};

class Leases {
 public:
  // The first number is the time: no holder after this one gives a number that this one has given,
  // so that a lease keeps its number when it goes from one holder to the next.
  Leases();

  // 0, and in `number` that of the new lease, or the errno of a refusal: EINVAL if there are too
  // few descriptors or the first is no /dev/fuse, ENOTCONN if its file system is not there, ENOSPC
  // if there are too many leases or descriptors, after those that have ended are gone. `number` is
  // 0, or one that an earlier holder gave: EEXIST if it is not.
  int add(Lease lease, uint64_t& number);

  // Null: there is none of this number.
  Lease* find(uint64_t number);
  // The first with this number or a higher one; 0: there is none.
  [[nodiscard]] uint64_t next(uint64_t number) const;
  // Drops it if its file system has ended, whoever says so.
  void end(uint64_t number);
  void end_all();
  void forget_service();  // from here on nothing is from the service

  [[nodiscard]] size_t size() const { return leases_.size(); }
  [[nodiscard]] bool has_room_for(size_t descriptors) const;

 private:
  void drop(std::map<uint64_t, Lease>::iterator lease);

  std::map<uint64_t, Lease> leases_;
  uint64_t first_;  // that is given here
  uint64_t last_;
  size_t held_ = 0;  // descriptors
};

}  // namespace pinscope::hold
