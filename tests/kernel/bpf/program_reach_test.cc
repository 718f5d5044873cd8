// How a kernel is known whose programs reach the whole machine.
#include "plugin/kernel/bpf/program_reach.h"

#include <gtest/gtest.h>

#include <fstream>

#include "tests/support/machine/temp_directory.h"

namespace pinscope::kernel {
namespace {

TEST(ProgramReach, IsThatOfTheMachineSinceLinux613) {
  for (const char* release :
       {"6.13.0", "6.13", "6.18.44-fc", "7.0.0-rc1", "10.1", "", "linux", "6"})
    EXPECT_TRUE(is_release_of_far_reach(release)) << release;
  for (const char* release : {"6.12.48+deb13-amd64", "6.1.0", "5.14.0-570.el9", "2.6.78"})
    EXPECT_FALSE(is_release_of_far_reach(release)) << release;
}

TEST(ProgramReach, IsSeenInTheTypesOfAnOlderKernelThatHasTheFunctions) {
  const test::TempDirectory directory;
  const std::string path = directory.path() + "/vmlinux";
  const auto far = [&](const std::string& text) {
    std::ofstream(path) << text;
    return names_far_reaching_function(path.c_str());
  };
  const std::string zero(1, '\0');
  const std::string name = zero + "bpf_send_signal_task" + zero;
  EXPECT_TRUE(far("x" + name));
  EXPECT_FALSE(far("x" + zero + "__bpf_send_signal_task" + zero + "bpf_send_signal_tasks" + zero));
  EXPECT_FALSE(far(""));
  // Wherever two reads meet.
  for (size_t before = (1U << 16U) - 30; before < (1U << 16U) + 2; ++before)
    EXPECT_TRUE(far(std::string(before, 'x') + name + std::string(100, 'y'))) << before;
}

TEST(ProgramReach, IsNoneWithoutTypesAndUnknownWhereTheyCannotBeRead) {
  EXPECT_FALSE(names_far_reaching_function("/nowhere/vmlinux"));
  EXPECT_TRUE(names_far_reaching_function("/sys/kernel"));  // EISDIR
}

}  // namespace
}  // namespace pinscope::kernel
