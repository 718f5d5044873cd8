// `pinscoped --follow` beside a test: started, killed and started again, and what it takes of the
// machine meanwhile.
#pragma once

#include <sys/types.h>

#include <csignal>
#include <cstddef>
#include <string>
#include <thread>
#include <vector>

#include "tests/support/programs/command.h"
#include "tests/support/programs/installation.h"

namespace pinscope::test {

// The command line of a program with the directories of an installation.
std::vector<std::string> with_directories(const Installation& installation, const char* program,
                                          std::vector<std::string> words);

// `pinscoped --follow`, which may be killed and started again.
class FollowingService {
 public:
  explicit FollowingService(const Installation& installation) : installation_(installation) {}
  ~FollowingService() {
    if (thread_.joinable()) (void)end(SIGKILL);
  }
  FollowingService(const FollowingService&) = delete;
  FollowingService& operator=(const FollowingService&) = delete;

  void start();
  CommandResult end(int signal);
  // What it says at its status socket; empty: nobody answers.
  [[nodiscard]] std::string status() const;
  // What its descriptors are of, sorted; without the queues of fanotify, which it keeps for the
  // namespaces to come, 64 at most.
  [[nodiscard]] std::vector<std::string> descriptors() const;
  [[nodiscard]] size_t queues() const;
  // What only it has in memory, in bytes (/proc/PID/smaps_rollup, Private_Clean and Private_Dirty).
  [[nodiscard]] size_t private_memory() const;

 private:
  [[nodiscard]] std::vector<std::string> all_descriptors() const;

  const Installation& installation_;
  std::thread thread_;
  pid_t pid_ = -1;
  CommandResult result_;
};

}  // namespace pinscope::test
