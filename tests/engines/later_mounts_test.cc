// What the runtime mounts after its hooks: a view that is granted is not covered by it.
#include <filesystem>

#include "tests/support/container/view_test.h"

namespace pinscope::test {
namespace {

class Masked : public ViewTest {
 protected:
  void SetUp() override {
    ViewTest::SetUp();
    if (IsSkipped()) return;
    pins_.map("/sys/fs/bpf/flows");
    pins_.map("/sys/fs/bpf/counters");
    installation_.write_policy(
        policy_text("select: {}\ngrants:\n  - {pin: /sys/fs/bpf/flows}\n"
                    "  - {pin: /sys/fs/bpf/counters, access: read-write}\n"));
  }

  void expect_view() {
    const auto result = run({"get-ro /sys/fs/bpf/flows", "get-rw /sys/fs/bpf/counters"});
    EXPECT_EQ(result.status, 0) << result << installation_.last_audit().error;
    EXPECT_EQ(answer(result, "get-ro /sys/fs/bpf/flows"), "ok");
    EXPECT_EQ(answer(result, "get-rw /sys/fs/bpf/counters"), "ok");
  }

  // Each path alone, in a container of its own.
  void expect_each_refused(const std::vector<std::string>& paths) {
    for (const auto& path : paths) {
      SCOPED_TRACE(path);
      container_.spec.masked_paths = {"/proc/kcore", path};
      expect_refused("cannot show the view at \"/sys/fs/bpf\": the runtime masks \"" + path +
                         "\" after its hooks (leave it out of linux.maskedPaths, or choose another "
                         "view.at)",
                     "target-invalid");
    }
  }
};

TEST_P(Masked, PathsAtAndAboveTheViewAreRefused) {
  expect_each_refused({"/sys/fs/bpf", "/sys/fs", "/sys", "/"});
}

TEST_P(Masked, PathsOfPinsInTheViewAreRefused) {
  expect_each_refused({"/sys/fs/bpf/flows", "/sys/fs/bpf/counters", "/sys/fs/bpf/_rw"});
}

TEST_P(Masked, PathsAreReadAsTheKernelReadsThem) {
  expect_each_refused(
      {"/sys/fs/bpf/", "//sys//fs/./bpf", "/sys/kernel/../fs/bpf", "/../../sys/fs/bpf/flows"});
}

TEST_P(Masked, PathsThroughLinksOfTheImageAreRefused) {
  std::filesystem::create_symlink("/sys/fs", container_.image() + "/direct");
  std::filesystem::create_symlink("../../direct/bpf", container_.image() + "/relative");
  expect_each_refused({"/direct", "/direct/bpf", "/relative", "/relative/flows", "/direct/../fs"});
}

TEST_P(Masked, PathsThroughTheProcessItselfCannotBeTold) {
  std::filesystem::create_symlink("/proc/self/root/sys", container_.image() + "/around");
  for (const char* path : {"/proc/self/root/sys/fs/bpf", "/proc/1/root/sys", "/around/fs/bpf",
                           "/proc/thread-self/../../sys/fs"}) {
    SCOPED_TRACE(path);
    container_.spec.masked_paths = {path};
    expect_refused("cannot tell where the runtime mounts for \"" + std::string(path) +
                       "\": Too many levels of symbolic links (it goes through a link of /proc; "
                       "leave it out of the container's configuration)",
                   "target-invalid");
  }
}

TEST_P(Masked, PathsElsewhereDoNotMatter) {
  container_.spec.masked_paths = {"/proc/kcore",       "/proc/keys",        "/sys/firmware",
                                  "/sys/fs/bpfs",      "/sys/fs/cgroup",    "/nowhere/at/all",
                                  "/sys/fs/bpf/other", "/proc/self/nothing"};
  expect_view();
}

TEST_P(Masked, PathsDoNotMatterToWhomNothingIsGranted) {
  installation_.write_policy(policy_text("select: {}\n"));
  container_.spec.masked_paths = {"/sys/fs/bpf"};
  const auto result = run({"ls /sys/fs/bpf"});
  EXPECT_EQ(answer(result, "ls /sys/fs/bpf"), "ok") << result;
}

TEST_P(Masked, PathsOfAnotherPlaceDoNotMatter) {
  installation_.write_policy(
      policy_text("select: {}\nview: {at: /run/bpf}\ngrants:\n  - {pin: /sys/fs/bpf/flows}\n"));
  container_.spec.masked_paths = {"/sys/fs/bpf"};
  const auto result = run({"get-ro /run/bpf/flows"});
  EXPECT_EQ(answer(result, "get-ro /run/bpf/flows"), "ok") << result;
}

TEST_P(Masked, ReadOnlyPathsLeaveTheViewAsItIs) {
  for (const char* path : {"/sys", "/sys/fs/bpf", "/sys/fs/bpf/counters"}) {
    SCOPED_TRACE(path);
    container_.spec.readonly_paths = {path};
    expect_view();
  }
}

TEST_P(Masked, APlaceOnAReadOnlyTmpfsKeepsItsView) {
  container_.spec.mounts.push_back({"/sys/fs/bpf", "tmpfs", "tmpfs", {"ro", "tmpcopyup"}});
  expect_view();
}

PINSCOPE_EACH_RUNTIME_AND_THE_NEWEST(Masked);

}  // namespace
}  // namespace pinscope::test
