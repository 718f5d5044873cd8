// What is done if we do not get to the end.
#include "plugin/base/undo.h"

#include <gtest/gtest.h>

#include <string>

namespace pinscope {
namespace {

TEST(UndoStack, RunsTheNewestActionFirst) {
  std::string order;
  {
    UndoStack undo;
    undo.push([&] { order += "a"; });
    undo.push([&] { order += "b"; });
    EXPECT_EQ(order, "");
  }
  EXPECT_EQ(order, "ba");
}

TEST(UndoStack, DoesNothingWhenAllWentWell) {
  std::string order;
  {
    UndoStack undo;
    undo.push([&] { order += "a"; });
    undo.keep();
    undo.push([&] { order += "b"; });
  }
  EXPECT_EQ(order, "b");
}

}  // namespace
}  // namespace pinscope
