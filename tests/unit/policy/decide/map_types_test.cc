// The table of map types: that each row says what it has to.
#include "plugin/policy/decide/map_types.h"

#include <gtest/gtest.h>

namespace pinscope::policy {
namespace {

TEST(MapTypes, SayOfEachWhatReadGivesOrWhyItIsRefused) {
  for (const auto& type : map_types()) {
    SCOPED_TRACE(type.name);
    EXPECT_NE(type.read == nullptr, type.read_refused == nullptr);
    EXPECT_NE(type.read_write, nullptr);
  }
}

TEST(MapTypes, AskForCommandsThatNeitherMakePinNorFreezeNorAttach) {
  using enum model::BpfCommand;
  for (const auto& type : map_types()) {
    const auto commands = type.read_commands | type.write_commands;
    for (const auto command : {kMapCreate, kProgLoad, kObjPin, kMapFreeze, kProgAttach, kProgDetach,
                               kLinkCreate, kProgBindMap})
      EXPECT_FALSE(commands.contains(static_cast<uint32_t>(command))) << type.name;
    EXPECT_FALSE(type.read_commands.contains(static_cast<uint32_t>(kMapUpdateElem))) << type.name;
  }
}

TEST(MapTypes, HaveAnArticle) {
  EXPECT_EQ(with_article(*map_type(33)), "an arena");
  EXPECT_EQ(with_article(*map_type(31)), "a user_ringbuf");
  EXPECT_EQ(with_article(*map_type(15)), "a sockmap");
}

TEST(MapTypes, EndWithTheOnesThatAreKnown) {
  EXPECT_EQ(map_type(0), nullptr);
  EXPECT_EQ(map_type(36), nullptr);
  EXPECT_EQ(map_types().size(), 35U);
}

}  // namespace
}  // namespace pinscope::policy
