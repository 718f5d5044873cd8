// Exceptions beside policies: what is planned, what comes of it, and when it ends. Nothing of the
// machine is asked.
#include "plugin/pipeline/change/exceptions.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "plugin/pipeline/change/expire.h"
#include "plugin/pipeline/change/plan_exceptions.h"
#include "plugin/policy/decide/decide.h"
#include "tests/unit/policy/decide/deciding.h"

namespace pinscope {
namespace {

using model::Access;
using model::Exception;
using model::ExceptionChange;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::SizeIs;

constexpr uint64_t kSecond = 1'000'000'000;
constexpr uint64_t kNow = 1'795'984'195 * kSecond;
constexpr uint64_t kMinute = 60 * kSecond;

Exception revocation(const std::string& pin, uint64_t until_ns = 0) {
  Exception made;
  made.pin = pin;
  made.made_ns = kNow;
  made.until_ns = until_ns;
  made.reason = "because";
  return made;
}

Exception timed(const std::string& name, Access access = Access::kRead,
                uint64_t until_ns = kNow + 10 * kMinute) {
  Exception made = revocation("/sys/fs/bpf/" + name, until_ns);
  made.kind = Exception::Kind::kGrant;
  made.name = name;
  made.access = access;
  return made;
}

class Exceptions : public testing::Test {
 protected:
  Exceptions() {
    policies_ = {policy::policy(
        "web", {policy::grant("/sys/fs/bpf/flows"), policy::grant("/sys/fs/bpf/counters")})};
    host_.maps = {{"/sys/fs/bpf/flows", 7},
                  {"/sys/fs/bpf/counters", 8},
                  {"/sys/fs/bpf/other", 9},
                  {"/sys/fs/bpf/flows2", 7}};
    for (const auto& [name, id] : {std::pair{"flows", 7U}, std::pair{"counters", 8U}}) {
      auto& pin = record_.given.pins.emplace_back();
      pin.grant.name = name;
      pin.grant.source = std::string("/sys/fs/bpf/") + name;
      pin.object.id = id;
    }
  }

  PlannedExceptions planned(const ExceptionOrder& order, uint64_t now = kNow) {
    auto made = plan_exceptions(record_, order, now);
    EXPECT_TRUE(made) << made.error().sentence();
    return made ? *made : PlannedExceptions();
  }
  std::string error_of(const ExceptionOrder& order, uint64_t now = kNow) {
    auto made = plan_exceptions(record_, order, now);
    return made ? "no error" : made.error().sentence();
  }
  // The decision with these in force, and the objects behind it.
  Restart decided(const std::vector<Exception>& exceptions) {
    Restart restart;
    auto decision = policy::decide(with_exceptions(policies_, exceptions), {}, host_.view());
    EXPECT_TRUE(decision) << decision.error().sentence();
    if (!decision) return restart;
    restart.decision = *decision;
    for (const auto& grant : decision->grants) {
      const auto map = host_.maps.find(grant.source);
      restart.left_out.push_back(map == host_.maps.end() ? LeftOut::kMissing : LeftOut::kNot);
      restart.objects.emplace_back();
      if (map != host_.maps.end()) restart.objects.back() = model::ObjectInfo{.id = map->second};
    }
    take_objects_away(restart, exceptions);
    return restart;
  }
  static std::vector<std::string> names(const Restart& restart) {
    std::vector<std::string> names;
    for (const auto& grant : restart.decision->grants)
      names.push_back(grant.name + " " + name_of(grant.access));
    return names;
  }
  // What is left of the order, or why not.
  std::string effect_of(ExceptionOrder order) {
    auto plan = planned(order);
    const auto effect = check_effect(plan, order, record_, decided(plan.all));
    return effect ? std::to_string(plan.changes.size()) + " changes" : effect.error().sentence();
  }

  std::vector<model::Policy> policies_;
  policy::FakeHost host_;
  model::Record record_;
};

TEST_F(Exceptions, TakeAwayByPathGlobAndObject) {
  EXPECT_THAT(names(decided({})), ElementsAre("counters read", "flows read"));
  EXPECT_THAT(names(decided({revocation("/sys/fs/bpf/flows")})), ElementsAre("counters read"));
  EXPECT_THAT(names(decided({revocation("/sys/fs/bpf/f*")})), ElementsAre("counters read"));
  EXPECT_THAT(names(decided({revocation("/sys/fs/bpf")})), IsEmpty());
  EXPECT_THAT(names(decided({revocation(model::kEveryPin)})), IsEmpty());
  Exception object = revocation("");
  object.object = {model::ObjectKind::kMap, 8};
  const auto restart = decided({object});
  EXPECT_THAT(names(restart), ElementsAre("flows read"));
  EXPECT_TRUE(restart.decision->grants.front().object) << "what was compared is what is opened";
}

// As a denial does: the object is what matters.
TEST_F(Exceptions, TakeAnObjectAwayUnderEachOfItsNames) {
  policies_.front().grants.push_back(policy::grant("/sys/fs/bpf/flows2"));
  EXPECT_THAT(names(decided({revocation("/sys/fs/bpf/flows")})), ElementsAre("counters read"));
}

TEST_F(Exceptions, GiveAndWiden) {
  EXPECT_THAT(names(decided({timed("other")})),
              ElementsAre("counters read", "flows read", "other read"));
  EXPECT_THAT(names(decided({timed("flows", Access::kReadWrite)})),
              ElementsAre("counters read", "flows read-write"));
}

TEST_F(Exceptions, GiveNothingThatIsDenied) {
  policies_.front().denials = {policy::deny("/sys/fs/bpf/other")};
  EXPECT_THAT(names(decided({timed("other")})), ElementsAre("counters read", "flows read"));
  EXPECT_THAT(effect_of({.made = {timed("other")}}),
              HasSubstr("cannot grant read of \"/sys/fs/bpf/other\" as \"other\": it is denied"));
}

TEST_F(Exceptions, GiveNothingThatIsRevoked) {
  auto first = revocation("/sys/fs/bpf/other");
  first.number = 1;
  record_.exceptions = {first};
  EXPECT_THAT(effect_of({.made = {timed("other")}}), HasSubstr("it is denied"));
}

TEST_F(Exceptions, SayWhyTheyComeToNothing) {
  EXPECT_EQ(effect_of({.made = {timed("other")}}), "1 changes");
  EXPECT_THAT(effect_of({.made = {timed("flows")}}),
              HasSubstr("the container has it already; policy \"web\""));
  EXPECT_THAT(effect_of({.made = {timed("nothing")}}), HasSubstr("the pin is not there"));
  EXPECT_THAT(effect_of({.made = {revocation("/sys/fs/bpf/other")}}),
              HasSubstr("cannot revoke \"/sys/fs/bpf/other\": it is not granted"));
  // What it has, whatever the policies say now.
  policies_.front().grants.clear();
  EXPECT_EQ(effect_of({.made = {revocation("/sys/fs/bpf/flows")}}), "1 changes");
}

TEST_F(Exceptions, LeaveAloneWhomTheyDoNotConcern) {
  EXPECT_EQ(effect_of({.made = {revocation("/sys/fs/bpf/other")}, .wherever = true}), "0 changes");
  EXPECT_EQ(effect_of({.made = {revocation("/sys/fs/bpf/other"), revocation("/sys/fs/bpf/flows")},
                       .wherever = true}),
            "1 changes");
  Exception named = revocation("");
  named.name = "other";
  EXPECT_EQ(effect_of({.made = {named}, .wherever = true}), "0 changes");
  EXPECT_EQ(error_of({.made = {named}}),
            "cannot revoke \"other\": nothing in the view is called so (name it by its source, as "
            "pinscope inspect shows it)");
}

TEST_F(Exceptions, AreOfTheSourcesOfAName) {
  Exception named = revocation("");
  named.name = "flows";
  const auto plan = planned({.made = {named}});
  ASSERT_THAT(plan.all, SizeIs(1));
  EXPECT_EQ(plan.all.front().pin, "/sys/fs/bpf/flows");
  record_.exceptions = plan.all;
  EXPECT_THAT(
      planned({.made = {}, .undone = ExceptionOrder::Undo{.kind = {}, .pins = {"flows"}}}).all,
      IsEmpty());
}

TEST_F(Exceptions, TakeThePlaceOfAnEarlierOneAboutTheSame) {
  record_.exceptions = planned({.made = {timed("other")}}).all;
  const auto plan = planned({.made = {timed("other", Access::kReadWrite, kNow + 60 * kMinute)}});
  ASSERT_THAT(plan.all, SizeIs(1));
  EXPECT_EQ(plan.all.front().number, 1U);
  EXPECT_EQ(plan.all.front().until_ns, kNow + 60 * kMinute);
  EXPECT_THAT(planned({.made = {revocation("/sys/fs/bpf/other")}}).all, SizeIs(2));
}

TEST_F(Exceptions, EndAtTheirMoment) {
  record_.exceptions = {timed("other"), revocation("/sys/fs/bpf/flows", kNow + kMinute)};
  EXPECT_EQ(next_end(record_.exceptions, kNow), kNow + kMinute);
  EXPECT_THAT(in_force(record_.exceptions, kNow + kMinute - 1), SizeIs(2));
  EXPECT_THAT(in_force(record_.exceptions, kNow + kMinute), SizeIs(1));
  EXPECT_EQ(next_end(record_.exceptions, kNow + kMinute), kNow + 10 * kMinute);
  EXPECT_EQ(next_end(record_.exceptions, kNow + 10 * kMinute), std::nullopt);
  const auto plan = planned({}, kNow + 10 * kMinute);
  EXPECT_THAT(plan.all, IsEmpty());
  ASSERT_THAT(plan.changes, SizeIs(2));
  EXPECT_EQ(plan.changes.front().what, ExceptionChange::What::kRanOut);
}

// Nobody can tell for how long it has been there.
TEST_F(Exceptions, OfAGrantEndWhereTheClockWasSetBack) {
  EXPECT_THAT(in_force({timed("other"), revocation("/sys/fs/bpf/flows", kNow + kMinute)}, kNow - 1),
              ElementsAre(testing::Field(&Exception::kind, Exception::Kind::kRevoke)));
  EXPECT_THAT(model::time_text(timed("other"), kNow - 1), HasSubstr("the clock was set back"));
}

TEST_F(Exceptions, AreToldApartByWhatTheyTakeAndGive) {
  const auto text_of = [](const PlannedExceptions& planned) {
    return std::string(planned.takes_away() ? "takes " : "") +
           (planned.asks_to_give() ? "gives" : "");
  };
  EXPECT_EQ(text_of(planned({.made = {revocation("/x")}})), "takes ");
  EXPECT_EQ(text_of(planned({.made = {timed("other")}})), "gives");
  EXPECT_EQ(text_of(planned({})), "");
  record_.exceptions = {timed("other"), revocation("/sys/fs/bpf/flows", kNow + kMinute)};
  const auto undo = [](Exception::Kind kind) {
    return ExceptionOrder{.made = {}, .undone = ExceptionOrder::Undo{.kind = kind, .pins = {}}};
  };
  EXPECT_EQ(text_of(planned(undo(Exception::Kind::kGrant))), "takes ");
  EXPECT_EQ(text_of(planned(undo(Exception::Kind::kRevoke))), "gives");
  EXPECT_EQ(text_of(planned({}, kNow + 100 * kMinute)), "takes ") << "both have run out";
}

TEST_F(Exceptions, AreBoundedAndUndoneOnlyIfTheyAreThere) {
  EXPECT_THAT(
      error_of({.made = {}, .undone = ExceptionOrder::Undo{.kind = {}, .pins = {"/sys/fs/bpf/x"}}}),
      HasSubstr("there is no such exception in force"));
  for (size_t i = 0; i < model::kMaxExceptions; ++i)
    record_.exceptions.push_back(revocation("/x" + std::to_string(i)));
  EXPECT_THAT(error_of({.made = {revocation("/y")}}), HasSubstr("the container has 64"));
  EXPECT_EQ(error_of({.made = {revocation("/x1")}}), "no error");
  EXPECT_EQ(error_of({.made = {revocation(model::kEveryPin)}}), "no error") << "in any case";
  Exception lent = revocation("/y");
  lent.kind = Exception::Kind::kGrant;
  EXPECT_EQ(error_of({.made = {lent}}), "no error") << "they are counted by themselves";
}

// Whoever may pin below a glob chooses what a revocation by name is of.
TEST_F(Exceptions, TakeANameForWhatItIs) {
  auto& pin = record_.given.pins.front();
  pin.grant.source = "/sys/fs/bpf/x[1]*\\?";
  auto by_name = revocation("");
  by_name.name = pin.grant.name;
  const auto plan = planned({.made = {by_name}});
  ASSERT_THAT(plan.all, SizeIs(1));
  EXPECT_TRUE(covers(plan.all.front(), pin));
  pin.grant.source = "/sys/fs/bpf/x1more\\?";
  EXPECT_FALSE(covers(plan.all.front(), pin));
}

TEST_F(Exceptions, EscapeWhatOthersChose) {
  auto one = timed("ot\x1b[31mher");
  one.reason = "a\nb\x1b]0;title\x07\xff";
  const std::string text = model::text_of(one, kNow);
  for (const char bad : {'\x1b', '\n', '\x07', '\xff'})
    EXPECT_THAT(text, Not(HasSubstr(std::string(1, bad))));
  JsonWriter json;
  model::write_exception(json, one, "in-force");
  EXPECT_THAT(json.take(), Not(HasSubstr("\x1b")));
}

}  // namespace
}  // namespace pinscope
