// What a document of kind PolicyTest may say, and that it is no policy.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <ctime>

#include "plugin/policy/language/check_not_granted.h"
#include "plugin/policy/language/load.h"

namespace pinscope::policy {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::SizeIs;

constexpr const char* kHead =
    "apiVersion: pinscope/v1\nkind: PolicyTest\nmetadata: {name: t}\nspec:\n";

// "LINE:COLUMN message; hint" of each.
std::vector<std::string> texts_of(const std::vector<Diagnostic>& diagnostics) {
  std::vector<std::string> texts;
  for (const auto& diagnostic : diagnostics) {
    EXPECT_NE(diagnostic.snippet.find('^'), std::string::npos);
    texts.push_back(std::to_string(diagnostic.place.line) + ":" +
                    std::to_string(diagnostic.place.column) + " " + diagnostic.message +
                    (diagnostic.hint.empty() ? "" : "; " + diagnostic.hint));
  }
  return texts;
}

// Of a test with this spec, which begins at line 5.
std::vector<std::string> errors(const std::string& spec) {
  const auto loaded = load_text(kHead + spec, "t.yaml");
  EXPECT_TRUE(loaded.ok());
  EXPECT_THAT(loaded.policies, IsEmpty());
  EXPECT_EQ(loaded.tests.empty(), !loaded.test_diagnostics.empty());
  return texts_of(loaded.test_diagnostics);
}

// Of a text that nothing comes into force of.
std::vector<std::string> errors_of_set(const std::string& text) {
  const auto loaded = load_text(text, "t.yaml");
  EXPECT_FALSE(loaded.ok());
  EXPECT_THAT(loaded.tests, IsEmpty());
  return texts_of(loaded.diagnostics);
}

std::vector<std::string> errors_of_subject(const std::string& keys) {
  return errors("  subjects:\n    - {name: s, " + keys + "}\n");
}
std::vector<std::string> errors_of_expect(const std::string& keys) {
  return errors("  subjects:\n    - name: s\n      expect: {" + keys + "}\n");
}

TEST(PolicyTestReading, IsNeitherAPolicyNorAnErrorBesideOne) {
  const std::string policy =
      "---\napiVersion: pinscope/v1\nkind: Policy\nmetadata: {name: p}\nspec: {select: {}, "
      "grants: [{pin: /a}]}\n";
  const std::string test =
      std::string("---\n") + kHead + "  subjects: [{name: s, expect: {selectedBy: [p]}}]\n";
  const auto alone = load_text(policy, "p.yaml");
  const auto both = load_text(policy + test, "p.yaml");
  EXPECT_TRUE(both.ok());
  EXPECT_EQ(both.policies, alone.policies);
  EXPECT_THAT(both.diagnostics, IsEmpty());
  ASSERT_EQ(both.tests.size(), 1U);
  EXPECT_EQ(both.tests[0].name, "t");
  ASSERT_EQ(both.tests[0].subjects.size(), 1U);
  EXPECT_EQ(to_string(both.tests[0].subjects[0].place), "p.yaml:11:14");
}

TEST(PolicyTestReading, LetsPoliciesComeIntoForceBesideATestThatIsWrong) {
  const auto loaded = load_text(
      "apiVersion: pinscope/v1\nkind: Policy\nmetadata: {name: p}\nspec: {select: {}}\n---\n" +
          std::string(kHead) + "  subject: []\n",
      "p.yaml");
  EXPECT_TRUE(loaded.ok());
  EXPECT_EQ(loaded.policies.size(), 1U);
  EXPECT_THAT(loaded.tests, IsEmpty());
  EXPECT_EQ(loaded.test_diagnostics.size(), 2U);
}

// The policy would be gone without a word.
TEST(PolicyTestReading, IsNoTestIfItCouldBeAPolicyAsWell) {
  const std::string test = std::string(kHead) + "  subjects: [{name: s, expect: {grants: []}}]\n";
  const std::string policy =
      "apiVersion: pinscope/v1\nkind: Policy\nmetadata: {name: p}\nspec: {select: {}}\n";
  const auto twice = [](const std::string& line, const std::string& key, const std::string& first) {
    return line + ":1 the key \"" + key + "\" appears twice in a document; it is at line " + first +
           ", too";
  };
  EXPECT_THAT(errors_of_set(test + policy),
              ElementsAre(twice("6", "apiVersion", "1"), twice("7", "kind", "2"),
                          twice("8", "metadata", "3"), twice("9", "spec", "4")));
  EXPECT_THAT(errors_of_set(policy + test),
              ElementsAre(twice("5", "apiVersion", "1"), twice("6", "kind", "2"),
                          twice("7", "metadata", "3"), twice("8", "spec", "4")));
  EXPECT_THAT(errors_of_set(test + "spec: {select: {}}\n"), ElementsAre(twice("6", "spec", "4")));
  EXPECT_THAT(errors_of_set(test + "kind: PolicyTest\n"), ElementsAre(twice("6", "kind", "2")));
  EXPECT_THAT(errors_of_set(test + "? [kind]\n: Policy\n"),
              ElementsAre("6:3 a key in a document must be text, and is a list"));
  EXPECT_THAT(errors_of_set(test + "Kind: Policy\n"),
              ElementsAre("6:1 unknown key \"Kind\" in a document; did you mean \"kind\"?"));
}

// A container waits for the policies.
TEST(PolicyTestReading, IsSkippedWhereOnlyPoliciesAreWanted) {
  const std::string policy =
      "apiVersion: pinscope/v1\nkind: Policy\nmetadata: {name: p}\nspec: {select: {}}\n";
  const std::string wrong = "---\n" + std::string(kHead) + "  subject: []\n";
  const auto loaded = load_text(policy + wrong, "t.yaml", Tests::kSkipped);
  EXPECT_TRUE(loaded.ok());
  EXPECT_EQ(loaded.policies.size(), 1U);
  EXPECT_THAT(loaded.tests, IsEmpty());
  EXPECT_THAT(loaded.test_diagnostics, IsEmpty());
  EXPECT_FALSE(load_text(policy + std::string(kHead), "t.yaml", Tests::kSkipped).ok());
}

// Each list of a document can be as long as the document.
TEST(PolicyTestReading, ReadsLongListsInLinearTime) {
  std::string grants;
  std::string others;
  for (int i = 0; i < 5000; ++i) {
    const std::string number = std::to_string(i);
    grants += "{pin: /sys/fs/bpf/granted_" + number + ", access: read}, ";
    others += "/sys/fs/bpf/*/other_" + number + ", ";
  }
  const std::string lists =
      "{grants: [" + grants + "], notGranted: [" + others + "/sys/fs/bpf/granted_4321, /sys]}\n";
  const auto from = std::clock();
  EXPECT_THAT(errors("  subjects:\n    - name: s\n      expect: " + lists), SizeIs(2));
  EXPECT_LT(std::clock() - from, 3 * CLOCKS_PER_SEC);
}

TEST(PolicyTestReading, RefusesUnknownKeys) {
  EXPECT_THAT(errors("  subjcts: []\n  subjects: [{name: s, expect: {grants: []}}]\n"),
              ElementsAre("5:3 unknown key \"subjcts\" in \"spec\"; did you mean \"subjects\"?"));
  EXPECT_THAT(errors_of_subject("imag: x, expect: {grants: []}"),
              ElementsAre("6:17 unknown key \"imag\" in a subject; did you mean \"image\"?"));
  EXPECT_THAT(errors_of_expect("grant: []"),
              ElementsAre("7:16 unknown key \"grant\" in \"expect\"; did you mean \"grants\"?"));
}

TEST(PolicyTestReading, RefusesASubjectThatExpectsNothing) {
  EXPECT_THAT(errors_of_subject("engine: crio"), ElementsAre("6:7 a subject has no \"expect\""));
  EXPECT_THAT(
      errors_of_expect(""),
      ElementsAre("7:15 \"expect\" expects nothing; for a container that no policy selects, "
                  "write: selectedBy: []"));
  EXPECT_THAT(errors_of_expect("notGranted: []"),
              ElementsAre("7:28 \"notGranted\" is an empty list, which says nothing; for no grants "
                          "at all, write: grants: []"));
  EXPECT_THAT(errors_of_expect("view: {}"),
              ElementsAre("7:22 \"view\" expects nothing; leave the key out"));
  EXPECT_THAT(errors("  subjects: []\n"), ElementsAre("5:13 the test has no subjects"));
}

TEST(PolicyTestReading, RefusesExpectationsThatCanNeverHold) {
  EXPECT_THAT(
      errors_of_expect("grants: [{pin: '/sys/fs/bpf/*', access: read}]"),
      ElementsAre("7:31 \"pin\" is a glob, and must be the path of one pin; list each pin"));
  EXPECT_THAT(
      errors_of_expect("grants: [{pin: /a/x.y, access: read}]"),
      ElementsAre("7:31 no pin can be called \"x.y\"; the kernel allows no dots in the names "
                  "of a bpffs"));
  EXPECT_THAT(
      errors_of_expect("grants: [{pin: /a, as: _rw, access: read}]"),
      ElementsAre("7:39 no grant can be called \"_rw\": \"_rw\" is where the view keeps what "
                  "can be written"));
  EXPECT_THAT(errors_of_expect("grants: [{pin: /a, access: write}]"),
              ElementsAre("7:43 \"access\" is \"write\", and must be read, read-write or use; did "
                          "you mean \"read-write\"?"));
  EXPECT_THAT(
      errors_of_expect("grants: [{pin: /a/x, access: read}, {pin: /b/x, access: read}]"),
      ElementsAre("7:52 two grants cannot both be called \"x\"; the other one is at line 7"));
  EXPECT_THAT(errors_of_expect("selectedBy: [], grants: [{pin: /a, access: read}]"),
              ElementsAre("7:32 \"grants\" can never hold: no policy is expected to select the "
                          "subject"));
  EXPECT_THAT(errors_of_expect("grants: [{pin: /a/x, access: read}], notGranted: [/a]"),
              ElementsAre("7:66 \"/a\" is expected to be granted as well; see \"grants\""));
  EXPECT_THAT(errors_of_expect("error: policy-conflict, view: {at: /run/bpf}"),
              ElementsAre("7:40 \"view\" can never hold: with an error there is no decision"));
  EXPECT_THAT(
      errors_of_expect("error: usage"),
      ElementsAre("7:23 \"expect.error\" is \"usage\", and must be policy-conflict, delegation or "
                  "policy-invalid"));
}

TEST(PolicyTestReading, RefusesContainersThatThereCannotBe) {
  EXPECT_THAT(
      errors_of_subject("engine: podman, image: x, expect: {grants: []}"),
      ElementsAre("6:33 \"image\" is not known of containers of podman; only containerd and "
                  "crio establish it"));
  EXPECT_THAT(
      errors_of_subject("engine: host, bundle: /a, expect: {grants: []}"),
      ElementsAre("6:31 \"bundle\" is not known of containers of host; sessions of the host "
                  "have none"));
}

TEST(PolicyTestReading, RefusesGlobsInSubjects) {
  EXPECT_THAT(
      errors_of_subject("engine: podman, bundle: '/run/*/web', expect: {grants: []}"),
      ElementsAre("6:41 \"bundle\" is \"/run/*/web\", and globs are not matched in subjects; write "
                  "the one value that the container has"));
  EXPECT_THAT(errors_of_subject("engine: crio, kubernetes: {pod: 'web-*'}, expect: {grants: []}"),
              ElementsAre(testing::HasSubstr("\"web-*\", and globs are not matched in subjects")));
  EXPECT_THAT(errors_of_subject("engine: crio, image: 'a:[12]', expect: {grants: []}"),
              ElementsAre(testing::HasSubstr("globs are not matched in subjects")));
}

// One mistake is one error.
TEST(PolicyTestReading, SaysOnlyThatTheKindIsSpelledOtherwise) {
  for (const std::string kind : {"Policytest", "policyTest", "PolicyTests"}) {
    const auto loaded = load_text("apiVersion: pinscope/v1\nkind: " + kind +
                                      "\nmetadata: {name: t}\nspec: {subjects: [{name: s}]}\n",
                                  "t.yaml");
    ASSERT_EQ(loaded.diagnostics.size(), 1U) << kind;
    EXPECT_EQ(loaded.diagnostics[0].message,
              "\"kind\" is \"" + kind + "\", and must be Policy or PolicyTest");
    EXPECT_EQ(loaded.diagnostics[0].hint, "did you mean \"PolicyTest\"?");
    EXPECT_EQ(loaded.diagnostics[0].place.line, 2U);
  }
}

TEST(PolicyTestReading, WarnsOfWhatNobodyCouldBeGranted) {
  const auto warnings = [](const std::string& not_granted, const std::string& pins = "") {
    const auto loaded = load_text(
        "apiVersion: pinscope/v1\nkind: Policy\nmetadata: {name: p}\nspec:\n  select: {}\n"
        "  grants: [{pin: /sys/fs/bpf/quota}, {pin: '/sys/fs/bpf/app/*_map', missing: skip}]\n"
        "  deny: [{pin: /sys/fs/bpf/private}]\n---\n" +
            std::string(kHead) + pins +
            "  subjects:\n    - name: s\n      expect: {notGranted: ['" + not_granted + "']}\n",
        "t.yaml");
    std::vector<std::string> texts;
    if (loaded.tests.size() != 1) return std::vector<std::string>{"no test"};
    for (const auto& one : check_not_granted(loaded.tests[0], loaded.policies))
      texts.push_back(to_string(one));
    return texts;
  };
  for (const auto& meant :
       {"/sys/fs/bpf/quota", "/sys/fs/bpf", "/sys/fs/bpf/**", "/sys/fs/bpf/app/x_map",
        "/sys/fs/bpf/app", "/sys/fs/bpf/private/keys", "/sys/*/bpf/quota"})
    EXPECT_THAT(warnings(meant), IsEmpty());
  EXPECT_THAT(warnings("/sys/fs/bpf/secret", "  pins: [/sys/fs/bpf/secret]\n"), IsEmpty());
  EXPECT_THAT(warnings("/sys/fs/bfp/quota"),
              ElementsAre("t.yaml:15:29: warning: \"notGranted\" holds whatever the policies say: "
                          "no policy and no pin of the test can be meant by \"/sys/fs/bfp/quota\"; "
                          "did you mean \"/sys/fs/bpf/quota\"?\n"
                          "        expect: {notGranted: ['/sys/fs/bfp/quota']}\n"
                          "                              ^"));
  EXPECT_THAT(warnings("/elsewhere"),
              ElementsAre(testing::HasSubstr("if there is such a pin, list it in \"pins\"")));
}

TEST(PolicyTestReading, RefusesTwoSubjectsOfOneName) {
  EXPECT_THAT(errors("  subjects:\n    - {name: s, expect: {grants: []}}\n    - {name: s, expect: "
                     "{grants: []}}\n"),
              ElementsAre("7:14 two subjects are called \"s\"; the other one is at line 6"));
}

TEST(PolicyTestReading, TakesValuesAsTheyAreAndNotAsGlobs) {
  const auto loaded =
      load_text(std::string(kHead) +
                    "  subjects: [{name: s, annotations: {a: '[1, 2]*'}, expect: {grants: []}}]\n",
                "t.yaml");
  ASSERT_EQ(loaded.tests.size(), 1U);
  EXPECT_EQ(loaded.tests[0].subjects[0].container.annotations[0].second, "[1, 2]*");
}

}  // namespace
}  // namespace pinscope::policy
