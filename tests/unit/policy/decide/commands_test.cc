// Which commands of bpf(2) a grant needs.
#include "plugin/policy/decide/commands.h"

#include <gtest/gtest.h>

#include "plugin/model/bpf_names.h"

namespace pinscope::policy {
namespace {

using model::Access;
using model::ObjectKind;
using Numbers = std::vector<uint32_t>;

Numbers commands(Access access, std::optional<ObjectKind> kind) {
  return commands_for(access, kind).list();
}

TEST(Commands, LetAMapBeReadOrWritten) {
  EXPECT_EQ(commands(Access::kRead, ObjectKind::kMap), (Numbers{1, 4, 7, 15, 24}));
  EXPECT_EQ(commands(Access::kReadWrite, ObjectKind::kMap),
            (Numbers{1, 2, 3, 4, 7, 15, 21, 24, 25, 26, 27}));
}

TEST(Commands, LetAMapBeUsedAsItsTypeIs) {
  const auto of_type = [](Access access, const char* name) {
    return commands_for(access, ObjectKind::kMap, model::kMapTypes.number_of(name)).list();
  };
  EXPECT_EQ(of_type(Access::kRead, "hash"), (Numbers{1, 4, 7, 15, 24}));
  EXPECT_EQ(of_type(Access::kRead, "queue"), (Numbers{1, 7, 15}));
  EXPECT_EQ(of_type(Access::kReadWrite, "queue"), (Numbers{1, 2, 7, 15, 21}));
  EXPECT_EQ(of_type(Access::kReadWrite, "ringbuf"), (Numbers{7, 15}));
  EXPECT_EQ(of_type(Access::kReadWrite, "sockmap"), (Numbers{1, 2, 3, 4, 7, 15}));
}

TEST(Commands, LetAProgramBeUsed) {
  EXPECT_EQ(commands(Access::kUse, ObjectKind::kProgram), (Numbers{7, 10, 15, 28}));
  EXPECT_EQ(commands(Access::kUse, std::nullopt), commands(Access::kUse, ObjectKind::kProgram));
  EXPECT_EQ(commands(Access::kReadWrite, ObjectKind::kProgram), (Numbers{7, 15}))
      << "no program is granted so";
}

TEST(Commands, LetALinkBeReplacedAndDetached) {
  EXPECT_EQ(commands(Access::kReadWrite, ObjectKind::kLink), (Numbers{7, 15, 29, 34}));
}

TEST(Commands, LetATokenBeMadeAndUsed) {
  model::Delegation delegation;
  delegation.rights.add(model::BpfCommand::kMapCreate);
  EXPECT_EQ(commands_for(delegation).list(),
            (Numbers{0, 1, 2, 3, 4, 15, 21, 22, 24, 25, 26, 27, 35, 36}));
  delegation.rights.add(model::BpfCommand::kProgLoad);
  delegation.pinning = true;
  EXPECT_EQ(commands_for(delegation).list(),
            (Numbers{0, 1, 2, 3, 4, 5, 6, 7, 10, 15, 21, 22, 24, 25, 26, 27, 28, 29, 34, 35, 36}));
}

TEST(Commands, TakeWhatIsNotThereYetForAMap) {
  EXPECT_EQ(commands(Access::kRead, std::nullopt), commands(Access::kRead, ObjectKind::kMap));
}

TEST(Commands, NeverMakePinFreezeOrReachOtherObjects) {
  using enum model::BpfCommand;
  for (const auto access : {Access::kRead, Access::kReadWrite, Access::kUse})
    for (const auto kind : {ObjectKind::kMap, ObjectKind::kProgram, ObjectKind::kLink}) {
      const auto granted = commands_for(access, kind);
      for (const auto command :
           {kMapCreate, kProgLoad, kObjPin, kMapFreeze, kProgAttach, kProgDetach, kProgBindMap})
        EXPECT_FALSE(granted.contains(static_cast<uint32_t>(command)));
      for (const uint32_t by_id : {11U, 12U, 13U, 14U, 19U, 23U, 30U, 31U})
        EXPECT_FALSE(granted.contains(by_id));
    }
}

}  // namespace
}  // namespace pinscope::policy
