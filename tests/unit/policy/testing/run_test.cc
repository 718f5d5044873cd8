// Policy tests: what holds, what does not, and what cannot be said for certain. Policies and tests
// stand in one text, as they may in one file.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "plugin/policy/language/load.h"
#include "plugin/policy/testing/run.h"

namespace pinscope::policy {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

std::string policy(const std::string& name, const std::string& spec) {
  return "---\napiVersion: pinscope/v1\nkind: Policy\nmetadata: {name: " + name +
         "}\nspec: " + spec + "\n";
}

// The failures of the one subject with these keys.
std::vector<std::string> failures(const std::string& policies, const std::string& subject,
                                  const std::string& pins = "") {
  const auto loaded =
      load_text(policies + "---\napiVersion: pinscope/v1\nkind: PolicyTest\nmetadata: {name: t}\n" +
                    "spec:\n" + pins + "  subjects:\n    - {name: s, " + subject + "}\n",
                "p.yaml");
  EXPECT_TRUE(loaded.ok()) << to_string(loaded.diagnostics.front());
  for (const auto& diagnostic : loaded.test_diagnostics) ADD_FAILURE() << to_string(diagnostic);
  std::vector<std::string> texts;
  if (loaded.tests.size() != 1) return {"no test"};
  for (const auto& failure :
       run_subject(loaded.tests[0], loaded.tests[0].subjects[0], loaded.policies).failures)
    texts.push_back(failure.expected + " | " + failure.actual +
                    (failure.rule ? " | " + to_string(*failure.rule) : ""));
  return texts;
}

const std::string kReaders = policy(
    "readers", "{select: {kubernetes: {namespace: web}}, grants: [{pin: /sys/fs/bpf/flows}]}");
const std::string kWeb = "engine: crio, kubernetes: {namespace: web}, ";

TEST(PolicyTestRun, HoldsWhereEverythingIsAsExpected) {
  EXPECT_THAT(
      failures(kReaders, kWeb + "expect: {selectedBy: [readers], grants: [{pin: /sys/fs/bpf/flows, "
                                "access: read}], refused: [], notGranted: [/sys/fs/bpf/x], "
                                "delegates: false, view: {at: /sys/fs/bpf, layout: shared, "
                                "hostBpffs: mask, void: allow}}"),
      IsEmpty());
  EXPECT_THAT(failures(kReaders, "expect: {selectedBy: []}"), IsEmpty());
}

TEST(PolicyTestRun, SeesThatAnotherPolicySelects) {
  EXPECT_THAT(failures(kReaders, kWeb + "expect: {selectedBy: []}"),
              ElementsAre("no policy selects it | policy \"readers\" selects it | policy "
                          "\"readers\" at p.yaml:2:1"));
}

TEST(PolicyTestRun, SaysWhyAPolicyDoesNotSelect) {
  EXPECT_THAT(
      failures(
          kReaders,
          "engine: crio, kubernetes: {namespace: shop}, expect: {selectedBy: [readers, none]}"),
      ElementsAre("policy \"readers\" selects it | it does not: kubernetes.namespace is \"shop\", "
                  "wanted \"web\" | policy \"readers\" at p.yaml:2:1",
                  "policy \"none\" selects it | there is no such policy"));
}

TEST(PolicyTestRun, SeesAWiderAccessAndTheRuleThatGivesIt) {
  EXPECT_THAT(
      failures(policy("w", "{select: {}, grants: [{pin: /sys/fs/bpf/a, access: read-write}]}"),
               "expect: {grants: [{pin: /sys/fs/bpf/a, access: read}]}"),
      ElementsAre("read of \"/sys/fs/bpf/a\" as \"a\" | read-write of \"/sys/fs/bpf/a\" as \"a\" | "
                  "policy \"w\" at p.yaml:5:29"));
}

TEST(PolicyTestRun, SeesAGrantThatIsNotListed) {
  EXPECT_THAT(failures(kReaders, kWeb + "expect: {grants: []}"),
              ElementsAre("nothing of \"/sys/fs/bpf/flows\" | read of \"/sys/fs/bpf/flows\" as "
                          "\"flows\" | policy \"readers\" at p.yaml:5:57"));
}

TEST(PolicyTestRun, SeesAGrantThatIsNotThereOrHasAnotherName) {
  EXPECT_THAT(failures(kReaders, kWeb + "expect: {grants: [{pin: /sys/fs/bpf/flows, as: f, access: "
                                        "read}]}"),
              ElementsAre("read of \"/sys/fs/bpf/flows\" as \"f\" | read of \"/sys/fs/bpf/flows\" "
                          "as \"flows\" | policy \"readers\" at p.yaml:5:57"));
  EXPECT_THAT(failures(kReaders, "expect: {grants: [{pin: /sys/fs/bpf/flows, access: read}]}"),
              ElementsAre("read of \"/sys/fs/bpf/flows\" as \"flows\" | nothing"));
}

TEST(PolicyTestRun, TellsADenialFromAGrantThatIsNotThere) {
  const std::string policies =
      kReaders + policy("d", "{select: {}, deny: [{pin: /sys/fs/bpf/flows}]}");
  EXPECT_THAT(
      failures(policies,
               kWeb + "expect: {grants: [{pin: /sys/fs/bpf/flows, access: read}], refused: []}"),
      ElementsAre("read of \"/sys/fs/bpf/flows\" as \"flows\" | it is denied | policy \"d\" at "
                  "p.yaml:10:27",
                  "\"/sys/fs/bpf/flows\" is not refused | it is denied | policy \"d\" at "
                  "p.yaml:10:27"));
  EXPECT_THAT(failures(policies, kWeb + "expect: {refused: [/sys/fs/bpf/flows], grants: []}"),
              IsEmpty());
  EXPECT_THAT(failures(kReaders, kWeb + "expect: {refused: [/sys/fs/bpf/flows]}"),
              ElementsAre("\"/sys/fs/bpf/flows\" is refused | read of \"/sys/fs/bpf/flows\" as "
                          "\"flows\" | policy \"readers\" at p.yaml:5:57"));
}

TEST(PolicyTestRun, AsksWhatIsFollowedAndWhatIsMissingWhereItIsAsked) {
  const std::string waiting =
      policy("w", "{select: {}, grants: [{pin: /sys/fs/bpf/a, missing: wait}]}");
  const auto expect = [](const std::string& more) {
    return "expect: {grants: [{pin: /sys/fs/bpf/a, access: read" + more + "}]}";
  };
  EXPECT_THAT(failures(waiting, expect("")), IsEmpty());
  EXPECT_THAT(failures(waiting, expect(", missing: wait, follow: true")), IsEmpty());
  EXPECT_THAT(failures(waiting, expect(", missing: skip")),
              ElementsAre("read of \"/sys/fs/bpf/a\" as \"a\", missing: skip | read of "
                          "\"/sys/fs/bpf/a\" as \"a\", missing: wait, follow: true | policy \"w\" "
                          "at p.yaml:5:29"));
  EXPECT_THAT(failures(policy("w", "{select: {}, grants: [{pin: /sys/fs/bpf/a}]}"),
                       expect(", follow: true")),
              ElementsAre("read of \"/sys/fs/bpf/a\" as \"a\", follow: true | read of "
                          "\"/sys/fs/bpf/a\" as \"a\" | policy \"w\" at p.yaml:5:29"));
}

TEST(PolicyTestRun, NotGrantedNamesPinsGlobsAndDirectories) {
  for (const std::string pattern : {"/sys/fs/bpf/flows", "/sys/fs/bpf/f*", "/sys/fs/bpf"})
    EXPECT_THAT(failures(kReaders, kWeb + "expect: {notGranted: ['" + pattern + "']}"),
                ElementsAre("nothing of \"" + pattern +
                            "\" | read of \"/sys/fs/bpf/flows\" as \"flows\" | policy \"readers\" "
                            "at p.yaml:5:57"));
}

TEST(PolicyTestRun, ComparesTheView) {
  EXPECT_THAT(failures(policy("v", "{select: {}, view: {at: /run/bpf, void: reject}}"),
                       "expect: {view: {at: /sys/fs/bpf, layout: bind, hostBpffs: allow, void: "
                       "allow}}"),
              ElementsAre("view.at is \"/sys/fs/bpf\" | view.at is \"/run/bpf\"",
                          "view.layout is bind | view.layout is shared",
                          "view.hostBpffs is allow | view.hostBpffs is mask",
                          "view.void is allow | view.void is reject | policy \"v\" at p.yaml:2:1"));
  EXPECT_THAT(failures(kReaders, "expect: {view: {at: /sys/fs/bpf}}"),
              ElementsAre("a view | no policy selects it"));
}

TEST(PolicyTestRun, ExpectsAConflict) {
  const std::string policies = policy("a", "{select: {}, view: {at: /run/a}}") +
                               policy("b", "{select: {engine: crio}, view: {at: /run/b}}");
  EXPECT_THAT(failures(policies, "engine: crio, expect: {error: policy-conflict}"), IsEmpty());
  EXPECT_THAT(failures(policies, "engine: docker, expect: {error: policy-conflict}"),
              ElementsAre("the error policy-conflict | a decision"));
  EXPECT_THAT(failures(policies, "engine: crio, expect: {grants: []}"),
              ElementsAre(testing::StartsWith("a decision | cannot make one view: view.at is")));
}

// A key that every container has, and that the subject does not tell, makes the answer uncertain;
// facts, labels and annotations that are not told are not there.
TEST(PolicyTestRun, FailsWhereTheAnswerDependsOnWhatIsNotTold) {
  const auto depends = [](const std::string& key) {
    return "a certain answer | whether the policy selects it depends on " + key +
           ", which the subject does not tell | policy \"p\" at p.yaml:2:1";
  };
  const std::string nobody = "expect: {selectedBy: []}";
  EXPECT_THAT(failures(policy("p", "{select: {user: {uid: 0}}}"), nobody),
              ElementsAre(depends("user.uid")));
  EXPECT_THAT(failures(policy("p", "{select: {namespaces: {net: host}}}"), nobody),
              ElementsAre(depends("namespaces.net")));
  EXPECT_THAT(failures(policy("p", "{select: {bundle: '/run/**'}}"), nobody),
              ElementsAre(depends("bundle")));
  EXPECT_THAT(failures(policy("p", "{select: {engine: crio}}"), nobody),
              ElementsAre(depends("engine")));
  EXPECT_THAT(
      failures(kReaders, "kubernetes: {namespace: web}, expect: {grants: []}"),
      ElementsAre("a certain answer | whether the policy selects it depends on engine, which "
                  "the subject does not tell | policy \"readers\" at p.yaml:2:1"));
  for (const std::string select :
       {"{image: x}", "{annotations: {a: b}}", "{kubernetes: {labels: {a: b}}}"})
    EXPECT_THAT(failures(policy("p", "{select: " + select + "}"), nobody), IsEmpty());
}

TEST(PolicyTestRun, AnswersGlobsFromThePinsOfTheTestAlone) {
  const std::string glob =
      policy("g", "{select: {}, grants: [{pin: '/sys/fs/bpf/app/*', as: m, missing: skip}]}");
  EXPECT_THAT(failures(glob, "expect: {grants: []}"),
              ElementsAre("a certain answer | what \"/sys/fs/bpf/app/*\" matches depends on the "
                          "pins of the machine, which the test does not list in \"pins\" | policy "
                          "\"g\" at p.yaml:5:29"));
  EXPECT_THAT(failures(glob, "expect: {grants: []}", "  pins: []\n"), IsEmpty());
  EXPECT_THAT(failures(glob, "expect: {grants: [{pin: /sys/fs/bpf/app/a, as: m/a, access: read}]}",
                       "  pins: [/sys/fs/bpf/app/a, /sys/fs/bpf/other]\n"),
              IsEmpty());
}

TEST(PolicyTestRun, ComparesPathsOfNamespacesAsTheyAreWritten) {
  const std::string tenant = policy("p", "{select: {namespaces: {net: /run/netns/a}}}");
  EXPECT_THAT(failures(tenant, "namespaces: {net: /run/netns/a}, expect: {selectedBy: [p]}"),
              IsEmpty());
  EXPECT_THAT(failures(tenant, "namespaces: {net: /run/netns/b}, expect: {selectedBy: []}"),
              IsEmpty());
}

}  // namespace
}  // namespace pinscope::policy
