// One descriptor, closed once.
#include "plugin/base/fd.h"

#include <fcntl.h>
#include <gtest/gtest.h>

#include <cerrno>
#include <type_traits>

namespace pinscope {
namespace {

bool is_open(int fd) {
  return ::fcntl(fd, F_GETFD) >= 0;
}
Fd a_descriptor() {
  return Fd(::open("/dev/null", O_RDONLY | O_CLOEXEC));
}

TEST(Fd, ClosesAtTheEndOfItsScope) {
  int number = -1;
  {
    const Fd fd = a_descriptor();
    number = fd.get();
    ASSERT_TRUE(is_open(number));
  }
  EXPECT_FALSE(is_open(number));
}

TEST(Fd, ClosesWhatItHeldWhenAnotherIsMovedIn) {
  Fd first = a_descriptor();
  const int old = first.get();
  Fd second = a_descriptor();
  const int kept = second.get();
  first = std::move(second);
  EXPECT_FALSE(is_open(old));
  EXPECT_EQ(first.get(), kept);
  EXPECT_FALSE(second.valid());  // NOLINT(bugprone-use-after-move): that is what is tested
  EXPECT_TRUE(is_open(kept));
}

TEST(Fd, SurvivesBeingMovedToItself) {
  Fd fd = a_descriptor();
  Fd& same = fd;
  fd = std::move(same);
  EXPECT_TRUE(is_open(fd.get()));
}

TEST(Fd, GivesItsNumberAwayOnRelease) {
  Fd fd = a_descriptor();
  const Fd other(fd.release());
  EXPECT_FALSE(fd.valid());
  fd.reset();
  EXPECT_TRUE(is_open(other.get()));
}

TEST(Fd, PreservesErrnoWhenItCloses) {
  Fd fd(1 << 20);  // not open: close fails with EBADF
  errno = ENOTDIR;
  fd.reset();
  EXPECT_EQ(errno, ENOTDIR);
}

TEST(Fd, DoesNotConvertToATruthValueByAccident) {
  EXPECT_FALSE((std::is_constructible_v<bool, const Fd&>));
  EXPECT_FALSE((std::is_convertible_v<int, Fd>));
}

}  // namespace
}  // namespace pinscope
