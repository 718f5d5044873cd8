#include "plugin/cli/term/terminal.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <stdlib.h>

#include "plugin/base/fd.h"

namespace pinscope::cli {
namespace {

// A terminal to ask about: the replica end of a new pseudo-terminal.
class Terminal : public testing::Test {
 protected:
  void SetUp() override {
    ::setenv("TERM", "xterm", 1);
    ::unsetenv("NO_COLOR");
    primary_ = Fd(::posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC));
    if (!primary_.valid() || ::grantpt(primary_.get()) != 0 || ::unlockpt(primary_.get()) != 0)
      GTEST_SKIP() << "no pseudo-terminal here";
    char name[64];
    if (::ptsname_r(primary_.get(), name, sizeof name) != 0) GTEST_SKIP() << "no name for it";
    replica_ = Fd(::open(name, O_RDWR | O_NOCTTY | O_CLOEXEC));
    if (!replica_.valid()) GTEST_SKIP() << "it does not open";
  }

  Fd primary_;
  Fd replica_;
};

TEST_F(Terminal, GetsColours) {
  EXPECT_TRUE(wants_colour("auto", replica_.get()));
  EXPECT_FALSE(wants_colour("never", replica_.get()));
}

TEST_F(Terminal, GetsNoneWithNoColor) {
  ::setenv("NO_COLOR", "1", 1);
  EXPECT_FALSE(wants_colour("auto", replica_.get()));
  EXPECT_TRUE(wants_colour("always", replica_.get())) << "an explicit wish counts more";
  ::setenv("NO_COLOR", "", 1);
  EXPECT_TRUE(wants_colour("auto", replica_.get())) << "empty is as good as unset";
}

TEST_F(Terminal, GetsNoneIfItIsDumb) {
  ::setenv("TERM", "dumb", 1);
  EXPECT_FALSE(wants_colour("auto", replica_.get()));
}

TEST(File, GetsColoursOnlyIfTheyAreAskedFor) {
  const Fd file(::open("/dev/null", O_WRONLY | O_CLOEXEC));
  EXPECT_FALSE(wants_colour("auto", file.get()));
  EXPECT_TRUE(wants_colour("always", file.get()));
}

TEST(Palette, PaintsNothingWhereColoursAreOff) {
  EXPECT_EQ(Palette(false).paint(Colour::kRed, "x"), "x");
  EXPECT_EQ(Palette(true).paint(Colour::kRed, "x"), "\x1b[31mx\x1b[0m");
  EXPECT_EQ(Palette(true).paint(Colour::kPlain, "x"), "x");
  EXPECT_EQ(Palette(true).paint(Colour::kRed, ""), "");
}

}  // namespace
}  // namespace pinscope::cli
