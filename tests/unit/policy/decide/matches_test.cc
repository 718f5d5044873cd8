// What globs match beside other grants: it stops no start, and changes nothing of what they give.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/policy/decide/deciding.h"

namespace pinscope::policy {
namespace {

using model::Access;
using model::ObjectInfo;
using model::ObjectKind;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

model::Grant of_kind(model::Grant made, ObjectKind kind) {
  made.expect.kind = kind;
  return made;
}

constexpr uint32_t kHash = 1;
constexpr uint32_t kXdp = 6;

const ObjectInfo kMap = {.kind = ObjectKind::kMap, .type = kHash, .id = 1, .name = "flows"};
const ObjectInfo kProgram = {.kind = ObjectKind::kProgram, .type = kXdp, .id = 2};

const model::Grant kMapsToRead = of_kind(grant("/sys/fs/bpf/app/*"), ObjectKind::kMap);
const model::Grant kProgramsToUse =
    of_kind(grant("/sys/fs/bpf/app/*", "", Access::kUse, 11), ObjectKind::kProgram);

std::vector<std::string> given(const model::Decision& decision) {
  std::vector<std::string> all;
  for (const auto& pin : decision.grants) all.push_back(pin.name + " " + name_of(pin.access));
  return all;
}

TEST(Matches, AreChosenByWhatTheirGrantExpects) {
  const FakeHost host = {
      .pins = {"/sys/fs/bpf/app/flows", "/sys/fs/bpf/app/xdp"},
      .objects = {{"/sys/fs/bpf/app/flows", kMap}, {"/sys/fs/bpf/app/xdp", kProgram}}};
  const auto decision = decided({policy("a", {kMapsToRead, kProgramsToUse})}, host);
  EXPECT_THAT(given(decision), ElementsAre("flows read", "xdp use"));
  EXPECT_THAT(decision.notes,
              ElementsAre("left out \"/sys/fs/bpf/app/flows\": cannot grant "
                          "\"/sys/fs/bpf/app/flows\": the object is not what the policy expects: "
                          "kind \"map\", expected \"program\"; policy \"a\" at a.yaml:11:7",
                          HasSubstr("kind \"program\", expected \"map\"")));
}

TEST(Matches, AreChosenByTheAccessWhereNothingIsExpected) {
  const FakeHost host = {.pins = {"/sys/fs/bpf/app/xdp"},
                         .objects = {{"/sys/fs/bpf/app/xdp", kProgram}}};
  const auto decision = decided({policy("a", {grant("/sys/fs/bpf/app/*")}),
                                 policy("b", {grant("/sys/fs/bpf/app/*", "", Access::kUse)})},
                                host);
  EXPECT_THAT(given(decision), ElementsAre("xdp use"));
}

// The pin is there under another type than the wider grant is for.
TEST(Matches, GiveNoAccessOfAGrantThatTheyDoNotFit) {
  auto scratch = grant("/sys/fs/bpf/app/*", "", Access::kReadWrite);
  scratch.expect.object_name = "scratch";
  const FakeHost host = {.pins = {"/sys/fs/bpf/app/flows"},
                         .objects = {{"/sys/fs/bpf/app/flows", kMap}}};
  const auto policies = {policy("a", {kMapsToRead}), policy("b", {scratch})};
  EXPECT_THAT(given(decided(policies, host)), ElementsAre("flows read"));
  FakeHost fits = host;
  fits.objects["/sys/fs/bpf/app/flows"].name = "scratch";
  const auto decision = decided(policies, fits);
  EXPECT_THAT(given(decision), ElementsAre("flows read-write"));
  EXPECT_EQ(decision.grants[0].expect.object_name, "scratch") << "it is checked when it is opened";
}

// What a glob expects is no condition of the grant that names the pin.
TEST(Matches, AddNoConditionToWhatIsGrantedByItsPath) {
  auto glob = kMapsToRead;
  glob.expect.object_name = "other";
  const FakeHost host = {.pins = {"/sys/fs/bpf/app/flows"},
                         .objects = {{"/sys/fs/bpf/app/flows", kMap}}};
  const auto decision =
      decided({policy("a", {glob}), policy("b", {grant("/sys/fs/bpf/app/flows")})}, host);
  ASSERT_THAT(given(decision), ElementsAre("flows read"));
  EXPECT_EQ(decision.grants[0].expect, model::Expect());
  EXPECT_FALSE(decision.grants[0].is_match);
  EXPECT_EQ(decision.grants[0].missing, model::Missing::kFail);
}

TEST(Matches, AreLeftOutIfTheyAreGoneWhenTheyAreLookedAt) {
  const FakeHost host = {.pins = {"/sys/fs/bpf/app/xdp"}};
  const auto decision = decided({policy("a", {kMapsToRead, kProgramsToUse})}, host);
  EXPECT_THAT(decision.grants, IsEmpty());
  EXPECT_THAT(decision.notes, testing::Each(HasSubstr("it is gone, or cannot be opened")));
}

TEST(Matches, AreNotLookedAtIfTheyAloneHaveTheName) {
  FakeHost host = {.pins = {"/sys/fs/bpf/app/flows"}};
  auto view = host.view();
  view.objects_at =
      [](const std::vector<std::string>&) -> Result<std::vector<std::optional<ObjectInfo>>> {
    ADD_FAILURE() << "it costs each start";
    return std::unexpected(Error(ErrorCode::kInternal, "look"));
  };
  const auto decision = decide({policy("a", {kMapsToRead})}, container(), view);
  ASSERT_TRUE(decision);
  EXPECT_THAT(given(*decision), ElementsAre("flows read"));
}

TEST(Matches, NeverTakeTheNameOfWhatIsGrantedByItsPath) {
  const FakeHost host = {.pins = {"/sys/fs/bpf/app/flows", "/sys/fs/bpf/app/net",
                                  "/sys/fs/bpf/app/keys/a", "/sys/fs/bpf/app/free"}};
  const auto decision =
      decided({policy("a", {grant("/sys/fs/bpf/app/**")}),
               policy("b", {grant("/sys/fs/bpf/flows"), grant("/sys/fs/bpf/x", "net/x"),
                            grant("/sys/fs/bpf/keys")})},
              host);
  EXPECT_THAT(names(decision),
              ElementsAre("flows <- /sys/fs/bpf/flows", "free <- /sys/fs/bpf/app/free",
                          "keys <- /sys/fs/bpf/keys", "net/x <- /sys/fs/bpf/x"));
  EXPECT_THAT(decision.notes,
              ElementsAre(HasSubstr("left out \"/sys/fs/bpf/app/flows\": its name is that of "
                                    "\"/sys/fs/bpf/flows\", above it or below it, which is granted "
                                    "by its path; policy \"a\" at a.yaml:10:7"),
                          HasSubstr("left out \"/sys/fs/bpf/app/keys/a\""),
                          HasSubstr("left out \"/sys/fs/bpf/app/net\"")));
}

TEST(Matches, OfTwoGlobsUnderOneNameAreAConflictIfBothFit) {
  const FakeHost host = {
      .pins = {"/sys/fs/bpf/app/flows", "/sys/fs/bpf/web/flows"},
      .objects = {{"/sys/fs/bpf/app/flows", kMap}, {"/sys/fs/bpf/web/flows", kMap}}};
  const auto policies = {policy("a", {kMapsToRead}), policy("b", {grant("/sys/fs/bpf/web/*")})};
  EXPECT_EQ(refused(policies, host).code(), ErrorCode::kPolicyConflict);
  FakeHost other = host;
  other.objects["/sys/fs/bpf/app/flows"] = kProgram;
  EXPECT_THAT(names(decided(policies, other)), ElementsAre("flows <- /sys/fs/bpf/web/flows"));
}

TEST(Matches, ThatAreLeftOutAreSaidUpToANumber) {
  FakeHost host;
  for (int i = 0; i < 20; ++i) host.pins.push_back("/sys/fs/bpf/app/v" + std::to_string(i) + ".1");
  const auto decision = decided({policy("a", {grant("/sys/fs/bpf/app/*")})}, host);
  ASSERT_EQ(decision.notes.size(), 9U);
  EXPECT_THAT(decision.notes[0], HasSubstr("a name in a bpffs cannot have a dot"));
  EXPECT_EQ(decision.notes[8], "and left out 12 more of what globs match");
}

}  // namespace
}  // namespace pinscope::policy
