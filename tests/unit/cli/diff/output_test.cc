// What `pinscope diff` prints of names that somebody else chose.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "plugin/cli/diff/output.h"
#include "plugin/json/json.h"

namespace pinscope::cli {
namespace {

using testing::HasSubstr;
using testing::Not;

// Ends the line, clears the screen, looks like the summary, is not UTF-8, changes the direction.
const std::string kHostile =
    "web\n\x1b[2Jno difference for 1 container\xff\u202e<b>\r\x9b"
    "1m";

Comparison of_hostile_names() {
  Comparison comparison;
  comparison.old_policies = comparison.new_policies = kHostile;
  Difference& one = comparison.all.emplace_back();
  one.title = one.id = one.name = kHostile;
  model::GrantedPin grant;
  grant.source = grant.name = grant.rule.policy = grant.rule.place.file = kHostile;
  auto renamed = grant;
  renamed.name += "2";
  one.grants = {{policy::GrantChange::kWidened, grant, renamed},
                {policy::GrantChange::kGained, std::nullopt, grant}};
  one.view = {{"selected by", kHostile, kHostile + "2"}, {"view.at", kHostile, "none"}};
  one.undecided = {kHostile};
  one.after = {Error(ErrorCode::kHostBpffs, kHostile).reason(kHostile)};
  Difference& other = comparison.all.emplace_back();
  other.title = kHostile;
  other.unreadable = Error(ErrorCode::kUsage, kHostile);
  comparison.notes = {kHostile};
  comparison.not_seen = {Error(ErrorCode::kUsage, kHostile)};
  return comparison;
}

TEST(DiffOutput, KeepsHostileNamesToTheirPlaces) {
  const std::string text = to_text(of_hostile_names(), Palette(false));
  for (const char* bad : {"\x1b", "\r", "\xff", "\u202e", "\x9b"})
    EXPECT_THAT(text, Not(HasSubstr(bad))) << text;
  EXPECT_THAT(text, Not(HasSubstr("\nno difference"))) << text;
  EXPECT_THAT(text, testing::EndsWith("\n1 of 1 container would change, 1 with more access, 1 "
                                      "would not start, 1 could not be read\n"));
}

TEST(DiffOutput, IsJsonWhateverThingsAreCalled) {
  const auto json = JsonDocument::parse(to_json(of_hostile_names()), "diff", ErrorCode::kInternal);
  ASSERT_TRUE(json.has_value());
  EXPECT_EQ(json->root().unsigned_or("widen", 0).value(), 1U);
}

TEST(DiffOutput, HoldsALongListOfLongNames) {
  Comparison comparison = of_hostile_names();
  comparison.all.resize(1);
  comparison.all.front().title = std::string(100'000, 'x');
  for (size_t i = 0; i < 100; ++i) comparison.all.push_back(comparison.all.front());
  EXPECT_THAT(to_text(comparison, Palette(false)), HasSubstr(" and 93 more\n"));
}

// Tests of policies have subjects, which are no containers.
TEST(DiffOutput, CallsSubjectsSo) {
  Comparison comparison;
  comparison.all.resize(2);
  comparison.of_subjects = true;
  EXPECT_EQ(to_text(comparison, Palette(false)), "no difference for 2 subjects\n");
}

TEST(DiffOutput, SaysWhatIsNotMoreBecauseItWasThere) {
  Comparison comparison;
  Difference& one = comparison.all.emplace_back();
  one.title = "web";
  model::GrantedPin grant;
  grant.source = "/sys/fs/bpf/flows";
  grant.rule = {"p", {"p.yaml", 8, 7}};
  grant.mode = 0440;
  one.grants = {{policy::GrantChange::kNarrowed, std::nullopt, grant, true, false}};
  one.view = {{"view.hostBpffs", "allow", "mask", false, true}};
  one.everything = {model::Bypass::kCapSysAdmin};
  EXPECT_EQ(to_text(comparison, Palette(false)),
            "web\n"
            "CHANGE    WHAT               BEFORE             AFTER          RULE\n"
            "narrowed  /sys/fs/bpf/flows  all past the view  read 0:0 0440  policy \"p\" at "
            "p.yaml:8:7\n"
            "narrowed  view.hostBpffs     allow              mask           -\n"
            "its view is void before and after, by cap-sys-admin: it has every object, and nothing "
            "is more than that\n"
            "\n"
            "1 of 1 container would change\n");
}

}  // namespace
}  // namespace pinscope::cli
