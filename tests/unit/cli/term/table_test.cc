#include "plugin/cli/term/table.h"

#include <gtest/gtest.h>

namespace pinscope::cli {
namespace {

const Palette kPlain(false);

TEST(Table, AlignsColumnsAndLeavesNoBlanksAtTheEnd) {
  Table table({"ID", "STATE"});
  table.add({"web-1", "running"});
  table.add({"a", "gone"});
  EXPECT_EQ(table.text(kPlain),
            "ID     STATE\n"
            "web-1  running\n"
            "a      gone\n");
}

TEST(Table, CountsColumnsInCharactersNotInBytes) {
  Table table({"ID", "STATE"});
  table.add({"zoë", "x"});
  table.add({"zoe", "x"});
  EXPECT_EQ(table.text(kPlain),
            "ID   STATE\n"
            "zoë  x\n"
            "zoe  x\n");
}

TEST(Table, EscapesWhatCouldMoveTheCursor) {
  Table table({"ID", "STATE"});
  table.add({"a\x1b[2J\nb", "x"});
  EXPECT_EQ(table.text(kPlain),
            "ID           STATE\n"
            "a\\x1b[2J\\nb  x\n");
}

TEST(Table, ShowsAnEmptyCellAsADash) {
  Table table({"ID", "ENGINE", "AT"});
  table.add({"a", "", "b"});
  EXPECT_EQ(table.text(kPlain), "ID  ENGINE  AT\na   -       b\n");
}

TEST(Table, PaintsTextAndNotThePaddingBehindIt) {
  Table table({"A", "B"});
  table.add({Cell("x", Colour::kRed), "y"});
  EXPECT_EQ(table.text(Palette(true)),
            "\x1b[1mA\x1b[0m  \x1b[1mB\x1b[0m\n"
            "\x1b[31mx\x1b[0m  y\n");
}

TEST(Table, PutsANoteBelowItsRow) {
  Table table({"A", "B"});
  table.add({"first", "1"});
  table.add_note(
      "an error that says in one sentence what was tried, and on what, and why it failed");
  table.add({"second", "2"});
  EXPECT_EQ(table.width(), 9U);
  EXPECT_EQ(table.text(kPlain),
            "A       B\n"
            "first   1\n"
            "    an error that says in one sentence what was tried, and on what, and why it\n"
            "    failed\n"
            "second  2\n");
}

TEST(Table, KeepsWidthsForRowsThatComeLater) {
  Table table({"A", "B"});
  table.keep_widths({4});
  table.add({"x", "y"});
  EXPECT_EQ(table.rows(kPlain), "x     y\n");
}

TEST(Age, TellsTheLargestUnitThatFits) {
  constexpr uint64_t kSecond = 1'000'000'000;
  EXPECT_EQ(age(59 * kSecond, 0), "59s");
  EXPECT_EQ(age(60 * kSecond, 0), "1m");
  EXPECT_EQ(age(3599 * kSecond, 0), "59m");
  EXPECT_EQ(age(3600 * kSecond, 0), "1h");
  EXPECT_EQ(age(86399 * kSecond, 0), "23h");
  EXPECT_EQ(age(172800 * kSecond, 0), "2d");
  EXPECT_EQ(age(0, kSecond), "0s") << "a clock that was set back";
}

TEST(ShortId, ShortensOnlyWhatEnginesMake) {
  EXPECT_EQ(short_id(std::string(64, 'a')), "aaaaaaaaaaaa");
  EXPECT_EQ(short_id(std::string(63, 'a')), std::string(63, 'a'));
  EXPECT_EQ(short_id(std::string(64, 'g')), std::string(64, 'g'));
  EXPECT_EQ(with_short_ids("container " + std::string(64, 'a') + "  and"),
            "container aaaaaaaaaaaa  and");
}

}  // namespace
}  // namespace pinscope::cli
