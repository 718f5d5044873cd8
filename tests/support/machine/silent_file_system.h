// A file system of FUSE that answers until it is told not to: what a volume is whose server has
// stopped, hangs, or is somebody hostile. It has the directories "x" and, in each directory, "x".
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <string>

#include "plugin/base/fd.h"

namespace pinscope::test {

class SilentFileSystem {
 public:
  // Whether this kernel has FUSE, with its device here.
  static bool possible();
  // Mounted on this directory, for everybody.
  explicit SilentFileSystem(std::string directory);
  // Ends the server, and thereby every wait for it.
  ~SilentFileSystem();
  SilentFileSystem(const SilentFileSystem&) = delete;
  SilentFileSystem& operator=(const SilentFileSystem&) = delete;

  // kStopped: nobody takes a request, so SIGKILL still ends who waits. kTaking: the server takes
  // each request and answers none, and nothing ends who waits.
  enum class Silence { kStopped, kTaking };
  void fall_silent(Silence how);
  [[nodiscard]] const std::string& path() const { return directory_; }
  // How many requests it got since then that somebody waits for; of kTaking only.
  [[nodiscard]] uint64_t unanswered() const;

 private:
  struct Shared;
  [[noreturn]] static void serve(int device, Shared& shared);

  std::string directory_;
  Shared* shared_ = nullptr;
  pid_t server_ = -1;
};

}  // namespace pinscope::test
