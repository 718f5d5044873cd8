// A superblock of FUSE as the hook makes one for values: mounted nowhere, its device in our hands,
// and nobody answers unless the test does.
#pragma once

#include <linux/fuse.h>

#include <cstdint>
#include <string>

#include "plugin/base/fd.h"

namespace pinscope::test {

class FuseSuperblock {
 public:
  FuseSuperblock();

  [[nodiscard]] int device() const { return device_.get(); }  // does not block
  [[nodiscard]] int mount() const { return mount_.get(); }
  // The last mount goes, and with it the file system.
  void end() { mount_.reset(); }
  // Our descriptor of the device goes; that of a holder may stay.
  void let_go() { device_.reset(); }

 private:
  Fd device_;
  Fd mount_;
};

// The next request, waited for; its header and what follows. Throws after some seconds.
std::string read_request(int device);
fuse_in_header header_of(const std::string& request);
// The usual answer to INIT.
void answer_init(int device, const std::string& request);
void answer_error(int device, const std::string& request, int errnum);

// A process that asks for this file in the mount, and ends with the errno it was told.
pid_t start_reader(const FuseSuperblock& file_system, const char* name = "x");
// Its errno; waits for its end.
int end_of_reader(pid_t reader);

}  // namespace pinscope::test
