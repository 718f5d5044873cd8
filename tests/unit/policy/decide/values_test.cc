// What decide() makes of view.values and of what grants say of theirs: which are pinned, which are
// shown as files, where, and what is refused.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "plugin/model/bpf_names.h"
#include "plugin/policy/decide/commands.h"
#include "plugin/policy/decide/compare.h"
#include "plugin/policy/decide/grantable.h"
#include "tests/unit/policy/decide/deciding.h"

namespace pinscope::policy {
namespace {

using model::Access;
using model::Grant;
using model::GrantedPin;
using model::Policy;
using model::ValueForm;
using model::Values;
using model::ValuesMode;
using model::ViewValues;
using testing::HasSubstr;

Policy showing(Policy made, ViewValues values = {}) {
  made.view.values = std::move(values);
  return made;
}

Grant shown(Grant made, ValuesMode mode) {
  made.values = mode;
  return made;
}

// "pin", "values", both with a plus, for each grant by its name.
std::string what(const model::Decision& decision) {
  std::string text;
  for (const auto& pin : decision.grants)
    text += (text.empty() ? "" : " ") + pin.name + ":" + (pin.pin ? "pin" : "") +
            (pin.values ? "+values" : "");
  return text;
}

TEST(Values, AreShownOfEveryMapWhereTheViewSaysSo) {
  const auto decision =
      decided({showing(policy("a", {grant("/sys/fs/bpf/x"), grant("/sys/fs/bpf/y")}))});
  EXPECT_EQ(what(decision), "x:pin+values y:pin+values");
  EXPECT_EQ(decision.grants[0].values, Values());
  EXPECT_EQ(decision.values_at, "/run/bpf");
}

TEST(Values, AreNotShownWithoutTheKey) {
  const auto decision = decided({policy("a", {grant("/sys/fs/bpf/x")})});
  EXPECT_EQ(what(decision), "x:pin");
  EXPECT_FALSE(decision.shows_values());
}

TEST(Values, OnlyIsNoPin) {
  const auto decision = decided({showing(
      policy("a", {grant("/sys/fs/bpf/x"), shown(grant("/sys/fs/bpf/y"), ValuesMode::kNone)}),
      {.mode = ValuesMode::kOnly})});
  EXPECT_EQ(what(decision), "x:+values y:pin");
}

TEST(Values, AGrantSaysItForItself) {
  const auto decision = decided({showing(
      policy("a", {shown(grant("/sys/fs/bpf/x"), ValuesMode::kOnly),
                   shown(grant("/sys/fs/bpf/y"), ValuesMode::kNone), grant("/sys/fs/bpf/z")}))});
  EXPECT_EQ(what(decision), "x:+values y:pin z:pin+values");
}

TEST(Values, GrantsOfTheViewAreThoseThatItNames) {
  const auto decision =
      decided({showing(policy("a", {grant("/sys/fs/bpf/x", "net/x"),
                                    grant("/sys/fs/bpf/y", "net/y"), grant("/sys/fs/bpf/z", "z")}),
                       {.mode = ValuesMode::kOnly, .grants = {"net/x", "z*"}})});
  EXPECT_EQ(what(decision), "net/x:+values net/y:pin z:+values");
}

TEST(Values, GrantsOfTheViewNameWhatAGlobMatched) {
  FakeHost host{.pins = {"/sys/fs/bpf/app/a", "/sys/fs/bpf/app/b"}};
  const auto decision = decided({showing(policy("a", {grant("/sys/fs/bpf/app/*", "app")}),
                                         {.mode = ValuesMode::kOnly, .grants = {"app/b"}})},
                                host);
  EXPECT_EQ(what(decision), "app/a:pin app/b:+values");
}

TEST(Values, OfWhatIsNoMapThereAreNone) {
  auto link = grant("/sys/fs/bpf/l", "l", Access::kReadWrite);
  link.expect.kind = model::ObjectKind::kLink;
  const auto decision =
      decided({showing(policy("a", {link, grant("/sys/fs/bpf/p", "p", Access::kUse)}))});
  EXPECT_EQ(what(decision), "l:pin p:pin");
}

TEST(Values, FormListAndAgeAreThoseOfTheGrantsOwnPolicy) {
  const auto decision =
      decided({showing(policy("a", {grant("/sys/fs/bpf/x")}),
                       {.form = ValueForm::kText, .list = 7, .max_age_ms = 1500}),
               showing(policy("b", {grant("/sys/fs/bpf/y")}), {.form = ValueForm::kRaw})});
  EXPECT_EQ(decision.grants[0].values, (Values{ValueForm::kText, 7, 1500}));
  EXPECT_EQ(decision.grants[1].values, (Values{ValueForm::kRaw, 10000, 0}));
}

// Several policies grant one name.

TEST(Values, APinOfOnePolicyAndTheValuesOfAnotherAreBoth) {
  const auto decision = decided({policy("a", {grant("/sys/fs/bpf/x", "x", Access::kReadWrite)}),
                                 showing(policy("b", {grant("/sys/fs/bpf/x")}),
                                         {.mode = ValuesMode::kOnly, .form = ValueForm::kText})});
  EXPECT_EQ(what(decision), "x:pin+values");
  EXPECT_EQ(decision.grants[0].access, Access::kReadWrite);
  EXPECT_EQ(decision.grants[0].values->form, ValueForm::kText);
}

TEST(Values, WhatOnePolicyLeavesUnsetAnotherMaySay) {
  const auto decision = decided(
      {showing(policy("a", {grant("/sys/fs/bpf/x")})),
       showing(policy("b", {grant("/sys/fs/bpf/x")}), {.form = ValueForm::kRaw, .list = 3})});
  EXPECT_EQ(decision.grants[0].values, (Values{ValueForm::kRaw, 3, 0}));
}

TEST(Values, AnotherFormForOneNameIsAConflict) {
  const Error error =
      refused({showing(policy("a", {grant("/sys/fs/bpf/x")}), {.form = ValueForm::kJson}),
               showing(policy("b", {grant("/sys/fs/bpf/x")}), {.form = ValueForm::kText})});
  EXPECT_EQ(error.code(), ErrorCode::kPolicyConflict);
  EXPECT_THAT(error.sentence(),
              HasSubstr("view.values.form is json for one policy and text for another"));
}

TEST(Values, APolicyThatShowsNoneSaysNothingOfTheForm) {
  const auto decision =
      decided({showing(policy("a", {shown(grant("/sys/fs/bpf/x"), ValuesMode::kNone)}),
                       {.form = ValueForm::kJson}),
               showing(policy("b", {grant("/sys/fs/bpf/x")}), {.form = ValueForm::kText})});
  EXPECT_EQ(decision.grants[0].values->form, ValueForm::kText);
}

// Where they are.

TEST(Values, PoliciesHaveToAgreeOnThePlace) {
  const Error error = refused({showing(policy("a", {grant("/sys/fs/bpf/x")}), {.at = "/run/a"}),
                               showing(policy("b", {grant("/sys/fs/bpf/y")}), {.at = "/run/b"})});
  EXPECT_EQ(error.code(), ErrorCode::kPolicyConflict);
  EXPECT_THAT(error.sentence(), HasSubstr("view.values.at is \"/run/a\" for one policy and "
                                          "\"/run/b\" for another; policy \"a\" at a.yaml:1:1 and "
                                          "policy \"b\" at b.yaml:1:1"));
}

TEST(Values, APolicyThatSaysNoPlaceAgreesWithAny) {
  const auto decision = decided({showing(policy("a", {grant("/sys/fs/bpf/x")})),
                                 showing(policy("b", {grant("/sys/fs/bpf/y")}), {.at = "/run/b"})});
  EXPECT_EQ(decision.values_at, "/run/b");
}

TEST(Values, AreNeitherInTheViewNorAboveIt) {
  for (const char* at : {"/sys/fs/bpf", "/sys/fs/bpf/values", "/sys/fs"}) {
    const Error error = refused({showing(policy("a", {grant("/sys/fs/bpf/x")}), {.at = at})});
    EXPECT_EQ(error.code(), ErrorCode::kPolicyConflict) << at;
    EXPECT_THAT(error.sentence(), HasSubstr("view.at is \"/sys/fs/bpf\", which is in its way"));
  }
}

TEST(Values, WithoutAViewTheyMayTakeItsPlace) {
  const auto decision = decided({showing(policy("a", {grant("/sys/fs/bpf/x")}),
                                         {.mode = ValuesMode::kOnly, .at = "/sys/fs/bpf"})});
  EXPECT_FALSE(decision.has_pins());
  EXPECT_EQ(decision.values_at, "/sys/fs/bpf");
}

TEST(Values, ReadOnlyBindMountsAreNoObjectionToThem) {
  auto made = showing(policy("a", {grant("/sys/fs/bpf/x")}), {.mode = ValuesMode::kOnly});
  made.view.layout = model::Layout::kBind;
  EXPECT_EQ(what(decided({made})), "x:+values");
}

// bpf(2) and the objects.

TEST(Values, NeedNoCommandOfBpf) {
  const auto only =
      decided({showing(policy("a", {grant("/sys/fs/bpf/x")}), {.mode = ValuesMode::kOnly})});
  EXPECT_TRUE(commands_for(only, {}).empty());
  const auto also = decided({showing(policy("a", {grant("/sys/fs/bpf/x")}))});
  EXPECT_EQ(commands_for(also, {}),
            commands_for(decided({policy("a", {grant("/sys/fs/bpf/x")})}), {}));
}

TEST(Values, AProgramHasNone) {
  GrantedPin pin;
  pin.source = "/sys/fs/bpf/p";
  pin.pin = false;
  pin.values = Values();
  model::ObjectInfo program;
  program.kind = model::ObjectKind::kProgram;
  const auto judged = check_grantable(pin, program);
  ASSERT_FALSE(judged);
  EXPECT_EQ(judged.error().code(), ErrorCode::kAccessUnsupported);
  EXPECT_THAT(judged.error().sentence(), HasSubstr("it is a program, which has no values"));
}

TEST(Values, AreShownOfMapsThatNobodyMayOpenForReading) {
  model::ObjectInfo ring;
  ring.type = *model::kMapTypes.number_of("ringbuf");
  GrantedPin pin;
  pin.source = "/sys/fs/bpf/r";
  EXPECT_FALSE(check_grantable(pin, ring));
  pin.pin = false;
  EXPECT_TRUE(check_grantable(pin, ring));
}

TEST(Values, AreStillComparedWithWhatIsExpected) {
  model::ObjectInfo map;
  map.type = 1;
  map.key_size = 4;
  GrantedPin pin;
  pin.pin = false;
  pin.expect.key_size = 8;
  EXPECT_FALSE(check_grantable(pin, map));
}

// Changes.

TEST(Values, ThatAreShownNowAreMore) {
  GrantedPin pinned;
  pinned.mode = 0440;
  GrantedPin both = pinned;
  both.values = Values();
  GrantedPin only = both;
  only.pin = false;
  EXPECT_TRUE(widens(pinned, both));
  EXPECT_FALSE(widens(both, pinned));
  EXPECT_TRUE(widens(only, both));
  EXPECT_FALSE(widens(both, only));
  EXPECT_TRUE(widens(pinned, only));
  EXPECT_TRUE(widens(only, pinned));
}

TEST(Values, InAnotherFormAreAChange) {
  GrantedPin text;
  text.values = Values();
  GrantedPin json = text;
  text.values->form = ValueForm::kText;
  const auto compared = compare_grants({text}, {json});
  ASSERT_EQ(compared.size(), 1U);
  EXPECT_EQ(compared[0].change, GrantChange::kChanged);
}

}  // namespace
}  // namespace pinscope::policy
