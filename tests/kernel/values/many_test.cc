// More containers than libfuse makes sessions for: one server serves them all, and the next one,
// too.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <string>
#include <vector>

#include "tests/kernel/values/values_test.h"
#include "tests/support/machine/check.h"

namespace pinscope::test {
namespace {

// PTHREAD_KEYS_MAX is 1,024.
constexpr size_t kContainers = 1500;
// For each: its device twice, and its map, and as many that the server has from this process.
constexpr rlim_t kDescriptors = 4 * kContainers + 256;

class ManyValues : public ValuesTest {
 protected:
  void SetUp() override {
    ValuesTest::SetUp();
    if (IsSkipped()) return;
    check(::getrlimit(RLIMIT_NOFILE, &before_), "getrlimit");
    const rlimit wanted{kDescriptors, std::max(kDescriptors, before_.rlim_max)};
    check(::setrlimit(RLIMIT_NOFILE, &wanted), "setrlimit");
    many_ = directory_.make_directory("many");
    check(::mount("none", many_.c_str(), "tmpfs", 0, nullptr), "mount");
  }
  // What is below goes with it: that is much faster than one by one.
  void TearDown() override {
    if (!many_.empty()) ::umount2(many_.c_str(), MNT_DETACH);
    if (before_.rlim_max != 0) ::setrlimit(RLIMIT_NOFILE, &before_);
  }

  std::string many_;
  rlimit before_{};
};

std::string content_of(const std::string& file) {
  const Fd open_file(open(file.c_str(), O_RDONLY | O_CLOEXEC));
  char text[256];
  const ssize_t size = open_file.valid() ? read(open_file.get(), text, sizeof text) : -1;
  return size < 0 ? std::string("error ") + strerror(errno)
                  : std::string(text, static_cast<size_t>(size));
}

TEST_F(ManyValues, AreServedByOneServerAndByTheNext) {
  set(array_, 1, 7);
  std::vector<std::string> mounts;
  for (size_t i = 0; i < kContainers; ++i) {
    mounts.push_back(many_ + "/" + std::to_string(i));
    check(::mkdir(mounts.back().c_str(), 0755), "mkdir");
    served_.mount(mounts.back(), {{.name = "map" + std::to_string(i % 2), .map = array_.get()}});
  }
  for (int server = 0; server < 2; ++server) {
    served_.start();
    for (size_t i = 0; i < kContainers; ++i) {
      const std::string mine = "/map" + std::to_string(i % 2);
      const std::string others = "/map" + std::to_string(1 - i % 2);
      ASSERT_EQ(content_of(mounts[i] + mine + "/keys/1"), value_line(7)) << i;
      ASSERT_NE(access((mounts[i] + others).c_str(), F_OK), 0) << i;
    }
    served_.kill();
  }
}

}  // namespace
}  // namespace pinscope::test
