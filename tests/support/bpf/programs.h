// Programs of chosen types for tests of what can be done with one, and a cgroup to attach them to.
#pragma once

#include <cstdint>
#include <string>

#include "plugin/base/fd.h"
#include "tests/support/machine/mounts.h"
#include "tests/support/machine/temp_directory.h"

namespace pinscope::test {

// One that returns 1. The attach type is 0 for most. Throws when the kernel refuses.
Fd make_program_of_type(uint32_t type, uint32_t attach = 0);
// A socket filter that writes 99 at key 1 of the map behind this pin.
Fd make_writer(const std::string& map_pin);

// A link that is an iterator over all maps of the machine: who reads its pin sees "map " for each,
// and once more at the end.
Fd make_iterator();
// Why there can be none on this machine; null if there can.
const char* no_iterators();

// The cgroups of the whole machine (version 2), mounted for this test, and an empty one in them
// that is nobody's.
class Cgroups {
 public:
  Cgroups();
  ~Cgroups();
  Cgroups(const Cgroups&) = delete;
  Cgroups& operator=(const Cgroups&) = delete;

  [[nodiscard]] const std::string& path() const { return mounted_.path(); }
  [[nodiscard]] const std::string& name() const { return name_; }  // of the empty one
  [[nodiscard]] std::string empty() const { return mounted_.path(name_); }

 private:
  TempDirectory directory_;
  Mounted mounted_;
  std::string name_;
};

// Of a cgroup_sock program at attach type 2 (BPF_CGROUP_INET_SOCK_CREATE), to the empty cgroup.
Fd make_cgroup_link(const Cgroups& cgroups);

}  // namespace pinscope::test
