// `pinscope inventory` on what nothing in /proc leads to. The kernel lists it to processes of the
// initial PID namespace only, so this program stays there and has but a mount namespace of its own,
// which takes everything with it.
#include <sys/ioctl.h>
#include <sys/stat.h>

#include <cerrno>
#include <cstdio>
#include <exception>
#include <filesystem>

#include "plugin/kernel/mount/open_mounts.h"
#include "plugin/kernel/uapi.h"
#include "tests/engines/whole_machine.h"
#include "tests/support/machine/private_machine.h"
#include "tests/support/machine/temp_directory.h"

namespace pinscope::test {
namespace {

using testing::AllOf;
using testing::Contains;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

namespace uapi = kernel::uapi;

std::string why_no_list() {
  const Fd own(open("/proc/self/ns/mnt", O_RDONLY | O_CLOEXEC));
  uapi::MntNsInfo info{sizeof info, 0, 0};
  const Fd next(ioctl(own.get(), uapi::kNsMntGetPrev, &info));
  if (next.valid() || errno == ENOENT) return "";
  return errno == ENOTTY ? "this kernel has no list of its mount namespaces (Linux 6.12 has)"
                         : "the kernel shows its mount namespaces to nobody here";
}

class InventoryOfKept : public testing::Test {
 protected:
  void SetUp() override { std::filesystem::create_directories(installation_.state_directory()); }

  TempDirectory directory_;
  Installation installation_;
};

TEST_F(InventoryOfKept, FindsANamespaceThatNothingButAMountKeeps) {
  if (const auto reason = why_no_list(); !reason.empty()) GTEST_SKIP() << reason;
  const std::string at = directory_.make_directory("b");
  const std::string place = directory_.write("namespace", "");
  Neighbour neighbour([&] { mount_bpffs(at); });
  const std::string link = "/proc/" + std::to_string(neighbour.pid()) + "/ns/mnt";
  check(mount(link.c_str(), place.c_str(), nullptr, MS_BIND, nullptr), "keep a mount namespace");
  neighbour.end();
  const auto is_told = Contains(AllOf(StartsWith("stranger: mount namespace "), HasSubstr(at)));
  EXPECT_THAT(Taken(installation_).notices(), is_told);
  check(umount2(place.c_str(), MNT_DETACH), "let go of a mount namespace");
  EXPECT_THAT(Taken(installation_).notices(), Not(is_told));
}

// After `umount -l`.
TEST_F(InventoryOfKept, FindsABpffsThatOnlyADescriptorLeadsTo) {
  if (!kernel::tells_mounts_by_descriptor())
    GTEST_SKIP() << "this kernel tells of no mount by a descriptor (Linux 7.0 does)";
  const std::string at = directory_.make_directory("b");
  Neighbour neighbour([&] {
    mount_bpffs(at);
    check(mkdir((at + "/inner").c_str(), 0755), "mkdir");
    check(open((at + "/inner").c_str(), O_RDONLY | O_DIRECTORY), "open a bpffs");
    check(umount2(at.c_str(), MNT_DETACH), "detach a bpffs");
  });
  const std::string told =
      "stranger: " + neighbour.command() + ": has a bpffs of its own that is attached nowhere";
  const Taken taken(installation_);
  EXPECT_THAT(taken.notices(), Contains(told));
  EXPECT_THAT(taken.not_seen(), Not(Contains(HasSubstr("its pins"))));
  const auto mounts = take_inventory(installation_, {"mounts"});
  EXPECT_THAT(mounts.out, testing::ContainsRegex("stranger .*attached nowhere"));
  neighbour.end();
  EXPECT_THAT(Taken(installation_).notices(), Not(Contains(told)));
}

}  // namespace
}  // namespace pinscope::test

namespace {

// A mount namespace can only be kept in one with a lower number (fs/namespace.c, mnt_ns_loop), and
// the numbers go up on each processor by itself.
void stay_on_one_processor() {
  cpu_set_t all;
  CPU_ZERO(&all);
  pinscope::test::check(sched_getaffinity(0, sizeof all, &all), "sched_getaffinity");
  size_t first = 0;
  while (!CPU_ISSET(first, &all)) ++first;
  cpu_set_t one;
  CPU_ZERO(&one);
  CPU_SET(first, &one);
  pinscope::test::check(sched_setaffinity(0, sizeof one, &one), "sched_setaffinity");
}

}  // namespace

int main(int argc, char** argv) try {
  testing::InitGoogleMock(&argc, argv);
  if (testing::GTEST_FLAG(list_tests)) return RUN_ALL_TESTS();
  if (const std::string reason = pinscope::test::why_not_root(); !reason.empty()) {
    std::printf("kept_namespaces_test.cc:1: Skipped\n%s\n\n[  SKIPPED ] everything\n",
                reason.c_str());
    return 0;
  }
  stay_on_one_processor();
  pinscope::test::check(unshare(CLONE_NEWNS), "unshare");
  pinscope::test::check(mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr), "make private");
  return RUN_ALL_TESTS();
} catch (const std::exception& error) {
  std::fprintf(stderr, "cannot begin: %s\n", error.what());
  return 125;
}
