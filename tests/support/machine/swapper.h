// Somebody who changes the image while the program under test works on it.
#pragma once

#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <cstdint>
#include <cstdio>
#include <functional>
#include <string>

#include "tests/support/machine/check.h"

namespace pinscope::test {

// A process that does the same thing to the image over and over for as long as this lives; what it
// does says whether it succeeded.
class Swapper {
 public:
  explicit Swapper(const std::function<bool()>& swap)
      : swaps_(static_cast<std::atomic<uint64_t>*>(::mmap(nullptr, sizeof(std::atomic<uint64_t>),
                                                          PROT_READ | PROT_WRITE,
                                                          MAP_SHARED | MAP_ANONYMOUS, -1, 0))) {
    pid_ = check(fork(), "fork");
    if (pid_ != 0) return;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    for (;;)
      if (swap()) swaps_->fetch_add(1, std::memory_order_relaxed);
  }
  ~Swapper() {
    kill(pid_, SIGKILL);
    waitpid(pid_, nullptr, 0);
    ::munmap(swaps_, sizeof(*swaps_));
  }
  Swapper(const Swapper&) = delete;
  Swapper& operator=(const Swapper&) = delete;

  [[nodiscard]] uint64_t swaps() const { return swaps_->load(); }

 private:
  std::atomic<uint64_t>* swaps_;
  pid_t pid_ = -1;
};

inline bool swap_names(const std::string& left, const std::string& right) {
  return renameat2(AT_FDCWD, left.c_str(), AT_FDCWD, right.c_str(), RENAME_EXCHANGE) == 0;
}

}  // namespace pinscope::test
