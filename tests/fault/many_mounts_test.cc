// A container that brings very many mounts of bpffs along: the work grows with their number and not
// with its square, and there is a limit. Counted in system calls.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>

#include "plugin/kernel/mount/container_root.h"
#include "plugin/kernel/sys.h"
#include "tests/support/container/hooked_process.h"
#include "tests/support/machine/check.h"
#include "tests/support/programs/old_kernel.h"

namespace pinscope::test {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;

enum class Shape { kSideBySide, kOnTopOfEachOther, kInsideEachOther };

class ManyMounts : public testing::Test {
 protected:
  // In the container's mount namespace, below its root.
  void mount_bpffs(int count, Shape shape) {
    hooked_.renew();
    const Fd pidfd(check(static_cast<int>(::syscall(SYS_pidfd_open, hooked_.process().pid(), 0)),
                         "pidfd_open"));
    const std::string root = hooked_.installation().directory().path("bundle/rootfs");
    const pid_t child = check(::fork(), "fork");
    if (child == 0) {
      bool done = ::setns(pidfd.get(), CLONE_NEWNS) == 0;
      std::string at = root + "/many";
      ::mkdir(at.c_str(), 0755);
      done = done && ::mount("tmpfs", at.c_str(), "tmpfs", 0, "") == 0;
      for (int i = 0; i < count && done; ++i) {
        std::string place = at;
        if (shape != Shape::kOnTopOfEachOther) {
          place += "/" + std::to_string(i);
          done = ::mkdir(place.c_str(), 0755) == 0;
        }
        done = done && ::mount("bpf", place.c_str(), "bpf", 0, "") == 0;
        // Deep enough for any tree, and not too long for a path.
        if (shape == Shape::kInsideEachOther && i % 50 != 49) at = place;
        if (shape == Shape::kInsideEachOther && i % 50 == 49) at = root + "/many";
      }
      ::_exit(done ? 0 : 1);
    }
    int status = -1;
    check(::waitpid(child, &status, 0), "waitpid");
    ASSERT_EQ(status, 0);
  }
  size_t mounted_bpffs() {
    const std::string below = hooked_.installation().directory().path("bundle/rootfs/many");
    const auto mounts = hooked_.process().mounts();
    return static_cast<size_t>(std::ranges::count_if(mounts, [&](const std::string& line) {
      return line.find(" " + below) != std::string::npos &&
             line.find(" - bpf ") != std::string::npos;
    }));
  }
  // The hook's system calls.
  size_t calls(int count, Shape shape, bool old_kernel) {
    mount_bpffs(count, shape);
    EXPECT_EQ(mounted_bpffs(), static_cast<size_t>(count));
    size_t calls = 0;
    const auto result = hooked_.create([&](const SystemCall& call) {
      ++calls;
      return old_kernel ? refuse_what_is_new(call) : Verdict::run();
    });
    EXPECT_EQ(result.status, 0) << result;
    EXPECT_EQ(mounted_bpffs(), 0U);
    EXPECT_THAT(hooked_.poststop(), Succeeds());
    return calls;
  }

  HookedProcess hooked_{"shared"};
};

TEST_F(ManyMounts, TakeAWorkThatGrowsWithTheirNumber) {
  constexpr int kFew = 50;
  constexpr int kMany = 200;
  for (const bool old_kernel : {false, true}) {
    for (const Shape shape :
         {Shape::kSideBySide, Shape::kOnTopOfEachOther, Shape::kInsideEachOther}) {
      SCOPED_TRACE(static_cast<int>(shape) + (old_kernel ? 10 : 0));
      const size_t few = calls(kFew, shape, old_kernel);
      const size_t many = calls(kMany, shape, old_kernel);
      // Three questions at each of two looks, opened, asked, made private, moved, closed.
      EXPECT_LT(many, few + size_t{14} * (kMany - kFew));
    }
  }
}

TEST_F(ManyMounts, AreHiddenUpToTheLimit) {
  constexpr int kMany = 1200;
  mount_bpffs(kMany, Shape::kSideBySide);
  const auto result = hooked_.create();
  EXPECT_EQ(result.status, 0) << result;
  EXPECT_EQ(mounted_bpffs(), 0U);
}

TEST_F(ManyMounts, BeyondTheLimitAreRefused) {
  const int count = static_cast<int>(kernel::ContainerRoot::kMaxBpffs) + 1;
  mount_bpffs(count, Shape::kSideBySide);
  const auto result = hooked_.create();
  EXPECT_NE(result.status, 0);
  EXPECT_THAT(result.err, HasSubstr("of them (no more than 4096 can be hidden)"));
  EXPECT_EQ(mounted_bpffs(), static_cast<size_t>(count));
  EXPECT_EQ(hooked_.installation().last_audit().code, "host-bpffs");
  EXPECT_THAT(hooked_.installation().records(), IsEmpty());
}

}  // namespace
}  // namespace pinscope::test
