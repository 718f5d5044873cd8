// Which commands of bpf(2) a grant needs.
#include "plugin/policy/decide/commands.h"

#include <gtest/gtest.h>

#include "plugin/model/bpf_names.h"

namespace pinscope::policy {
namespace {

using model::Access;
using model::ObjectKind;
using Numbers = std::vector<uint32_t>;

model::Decision granting(Access access, std::optional<ObjectKind> kind) {
  model::Decision decision;
  auto& grant = decision.grants.emplace_back();
  grant.access = access;
  grant.expect.kind = kind;
  return decision;
}

Numbers commands(Access access, std::optional<ObjectKind> kind) {
  return commands_for(granting(access, kind), {}).list();
}

TEST(Commands, LetAMapBeReadOrWritten) {
  EXPECT_EQ(commands(Access::kRead, ObjectKind::kMap), (Numbers{1, 4, 7, 15, 24}));
  EXPECT_EQ(commands(Access::kReadWrite, ObjectKind::kMap),
            (Numbers{1, 2, 3, 4, 7, 15, 21, 24, 25, 26, 27}));
}

TEST(Commands, LetAMapBeUsedAsItsTypeIs) {
  const auto of_type = [](Access access, const char* name) {
    auto decision = granting(access, ObjectKind::kMap);
    decision.grants[0].expect.map_type = model::kMapTypes.number_of(name);
    return commands_for(decision, {}).list();
  };
  EXPECT_EQ(of_type(Access::kRead, "hash"), (Numbers{1, 4, 7, 15, 24}));
  EXPECT_EQ(of_type(Access::kRead, "queue"), (Numbers{1, 7, 15}));
  EXPECT_EQ(of_type(Access::kReadWrite, "queue"), (Numbers{1, 2, 7, 15, 21}));
  EXPECT_EQ(of_type(Access::kReadWrite, "ringbuf"), (Numbers{7, 15}));
  EXPECT_EQ(of_type(Access::kReadWrite, "sockmap"), (Numbers{1, 2, 3, 4, 7, 15}));
}

TEST(Commands, GoByWhatAnObjectIsWhereItWasLookedAt) {
  const auto decision = granting(Access::kReadWrite, std::nullopt);
  const auto queue = model::ObjectType{ObjectKind::kMap, *model::kMapTypes.number_of("queue")};
  EXPECT_EQ(commands_for(decision, {queue}).list(), (Numbers{1, 2, 7, 15, 21}));
  EXPECT_EQ(commands_for(decision, {model::ObjectType{ObjectKind::kLink, 2}}).list(),
            (Numbers{7, 15, 29, 34}));
  EXPECT_EQ(commands_for(decision, {std::nullopt}), commands_for(decision, {}));
}

TEST(Commands, ServeAllGrantsAndTheDelegation) {
  auto decision = granting(Access::kRead, ObjectKind::kMap);
  decision.grants.push_back(granting(Access::kUse, ObjectKind::kProgram).grants[0]);
  EXPECT_EQ(commands_for(decision, {}).list(), (Numbers{1, 4, 7, 10, 15, 24, 28}));
  decision.delegation.emplace();
  EXPECT_EQ(commands_for(decision, {}).list(), (Numbers{1, 4, 7, 10, 15, 24, 28, 36}));
  EXPECT_TRUE(commands_for({}, {}).empty());
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
  model::Decision decision;
  auto& delegation = decision.delegation.emplace();
  delegation.rights.add(model::BpfCommand::kMapCreate);
  EXPECT_EQ(commands_for(decision, {}).list(),
            (Numbers{0, 1, 2, 3, 4, 15, 21, 22, 24, 25, 26, 27, 35, 36}));
  delegation.rights.add(model::BpfCommand::kProgLoad);
  delegation.pinning = true;
  EXPECT_EQ(commands_for(decision, {}).list(),
            (Numbers{0, 1, 2, 3, 4, 5, 6, 7, 10, 15, 21, 22, 24, 25, 26, 27, 28, 29, 34, 35, 36}));
}

TEST(Commands, TakeWhatIsNotThereYetForAMap) {
  EXPECT_EQ(commands(Access::kRead, std::nullopt), commands(Access::kRead, ObjectKind::kMap));
}

TEST(Commands, NeverMakePinFreezeOrReachOtherObjects) {
  using enum model::BpfCommand;
  for (const auto access : {Access::kRead, Access::kReadWrite, Access::kUse})
    for (const auto kind : {ObjectKind::kMap, ObjectKind::kProgram, ObjectKind::kLink}) {
      const auto granted = commands_for(granting(access, kind), {});
      for (const auto command :
           {kMapCreate, kProgLoad, kObjPin, kMapFreeze, kProgAttach, kProgDetach, kProgBindMap})
        EXPECT_FALSE(granted.contains(static_cast<uint32_t>(command)));
      for (const uint32_t by_id : {11U, 12U, 13U, 14U, 19U, 23U, 30U, 31U})
        EXPECT_FALSE(granted.contains(by_id));
    }
}

}  // namespace
}  // namespace pinscope::policy
