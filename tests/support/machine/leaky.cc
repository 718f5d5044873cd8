// Tests that leave something behind, each a thing that the listener of the root suites has to find.
// CMake runs them one by one and expects each to fail with the text that names it.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/mount.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>

#include "tests/support/bpf/bpf_objects.h"

namespace pinscope::test {
namespace {

TEST(Leaks, Mount) {
  ASSERT_EQ(mount("none", "/mnt", "tmpfs", 0, nullptr), 0);
}

TEST(Leaks, Descriptor) {
  ASSERT_GE(open("/dev/null", O_RDONLY | O_CLOEXEC), 0);
}

TEST(Leaks, Process) {
  if (fork() == 0) {
    pause();
    _exit(0);
  }
}

TEST(Leaks, OrphanedProcess) {
  if (fork() == 0) {
    if (fork() == 0) pause();
    _exit(0);
  }
}

TEST(Leaks, Pin) {
  static auto* const pins = new HostPins;
  pins->map("/sys/fs/bpf/left");
}

#ifdef __SANITIZE_ADDRESS__
TEST(Leaks, Memory) {
  int* volatile memory = new int(1);
  memory = nullptr;
  ASSERT_EQ(memory, nullptr);
}
#endif

// Not a leak: an abort has to end the test process, although its namespace's first process would
// survive the signal.
TEST(Leaks, Abort) {
  abort();
}

}  // namespace
}  // namespace pinscope::test
