// File systems of values with the server that answers them in a process of its own, which tests may
// kill: then this process does what the holder does, and the next server goes on.
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "plugin/base/fd.h"
#include "plugin/values/fuse/server.h"

namespace pinscope::test {

struct ValuesOfMap {
  std::string name;
  int map = -1;  // not owned
  uid_t uid = 0;
  gid_t gid = 0;
  mode_t mode = 0444;
  model::Values values = {};
};

class ServedValues {
 public:
  // Why there can be none here; empty if there can.
  static std::string why_not();

  ServedValues();
  ~ServedValues();  // NOLINT(bugprone-exception-escape): a test that cannot clean up ends
  ServedValues(const ServedValues&) = delete;
  ServedValues& operator=(const ServedValues&) = delete;

  // Mounts on this directory, before a server is started. Its tag is the number of its mount,
  // from 1.
  void mount(const std::string& directory, std::vector<ValuesOfMap> maps, bool read_only = true);
  // Starts the server, which goes on with what earlier ones have begun.
  void start();
  // Ends it with SIGKILL, and lets go who waited for an answer of it.
  void kill();
  // As the holder does it on a kernel before Linux 6.9: who waited gets an error.
  void refuse_instead_of_resending() { refuses_ = true; }
  // Each request gets one step, and the next one in another turn.
  void end_turns_at_once() { limits_.turn_ns = 0; }
  // For who kills it in another way: the second half of kill().
  void release();
  [[nodiscard]] pid_t server() const { return server_; }
  // Requests that this server and earlier ones served for a mount, of no more than eight.
  [[nodiscard]] uint64_t served(uint64_t tag) const;
  // Resident bytes of the server that are its own.
  [[nodiscard]] size_t memory() const;

 private:
  struct Shared;
  struct Mount {
    std::string directory;
    Fd device;
    std::vector<ValuesOfMap> maps;
  };
  [[noreturn]] void serve();
  values::Lease lease_of(size_t index) const;

  std::vector<Mount> mounts_;
  Shared* shared_ = nullptr;
  pid_t server_ = -1;
  bool refuses_ = false;
  values::ServerLimits limits_;
};

}  // namespace pinscope::test
