// The document as a whole, and what is expected of each subject; read_subject.cc reads who it is.
#include "plugin/policy/language/read_policy_test.h"

#include <algorithm>
#include <unordered_map>
#include <unordered_set>

#include "plugin/base/path.h"
#include "plugin/base/text.h"
#include "plugin/policy/glob.h"
#include "plugin/policy/language/fields.h"
#include "plugin/policy/language/reader.h"

namespace pinscope::policy {
namespace {

constexpr const char* kTest = "a policy test";
constexpr const char* kSubject = "a subject";
constexpr const char* kExpectation = "\"expect\"";

std::optional<std::string> read_exact_pin(const Field& field, Reporter& reporter) {
  auto pin = read_pin(field, reporter);
  if (!pin || !is_glob(*pin)) return pin;
  reporter.error(field.at(), quoted(field.name) + " is a glob, and must be the path of one pin",
                 "list each pin");
  return std::nullopt;
}

std::vector<std::string> read_exact_pins(const Field& field, Reporter& reporter) {
  std::vector<std::string> pins;
  for (const Field& entry : read_list(reporter, field))
    if (auto pin = read_exact_pin(entry, reporter)) pins.push_back(*std::move(pin));
  return pins;
}

// A pattern that is no glob is looked up. Of the globs of one subject so many are compared with
// each pin; whether the rest contradicts is seen when the test runs, which fails then.
constexpr size_t kMaxGlobsCompared = 64;

// The pins that a subject is expected to be granted.
class ExpectedPins {
 public:
  explicit ExpectedPins(const Expectations& expected) {
    if (!expected.grants) return;
    pins_.reserve(expected.grants->value.size());
    for (const auto& grant : expected.grants->value) pins_.push_back(grant.value.pin);
    std::ranges::sort(pins_);
  }

  // Whether one of them is, matches, or is below what `pattern` names.
  bool contradict(const model::Pattern& pattern) {
    if (is_glob(pattern))
      return globs_++ < kMaxGlobsCompared &&
             std::ranges::any_of(
                 pins_, [&](const std::string& pin) { return glob_matches(pattern, pin); });
    if (std::ranges::binary_search(pins_, pattern)) return true;
    const auto below = std::ranges::lower_bound(pins_, pattern + "/");
    return below != pins_.end() && is_at_or_below(*below, pattern);
  }

 private:
  std::vector<std::string> pins_;
  size_t globs_ = 0;
};

std::optional<Said<ExpectedGrant>> read_expected_grant(const Field& field, Reporter& reporter) {
  Mapping keys(reporter, field, "an expected grant", "",
               {"pin", "as", "access", "values", "missing", "follow"});
  const auto pin = keys.require("pin");
  const auto access = keys.require("access");
  if (!pin || !access) return std::nullopt;
  Said<ExpectedGrant> grant{reporter.place(field.at()), {}};
  grant.value.pin = read_exact_pin(*pin, reporter).value_or("");
  grant.value.access =
      read_word<model::Access>(reporter, *access, model::name_of).value_or(model::Access::kRead);
  if (const auto values = keys.find("values"))
    grant.value.values = read_word<model::ValuesMode>(reporter, *values, model::name_of);
  if (const auto missing = keys.find("missing"))
    grant.value.missing = read_word<model::Missing>(reporter, *missing, model::name_of);
  if (const auto follow = keys.find("follow")) grant.value.follow = read_flag(reporter, *follow);
  const auto as = keys.find("as");
  if (as)
    grant.value.name = read_text(reporter, *as).value_or("");
  else
    grant.value.name = base_name(grant.value.pin);
  if (grant.value.name.empty()) return std::nullopt;
  if (const auto problem = problem_of_name(grant.value.name); !problem.empty())
    reporter.error(as.value_or(*pin).at(),
                   "no grant can be called " + shown(grant.value.name) + ": " + problem);
  return grant;
}

void read_expected_grants(const Field& field, Expectations& expected, Reporter& reporter) {
  auto& grants = expected.grants.emplace(
      Said<std::vector<Said<ExpectedGrant>>>{reporter.place(field.key_at), {}});
  std::unordered_map<std::string, uint32_t> lines;  // by name
  for (const Field& entry : read_list(reporter, field)) {
    if (reporter.full()) return;
    auto grant = read_expected_grant(entry, reporter);
    if (!grant) continue;
    const auto [first, is_new] = lines.emplace(grant->value.name, grant->at.line);
    if (!is_new)
      reporter.error(entry.at(), "two grants cannot both be called " + quoted(grant->value.name),
                     "the other one is at line " + std::to_string(first->second));
    grants.value.push_back(*std::move(grant));
  }
}

void read_not_granted(const Field& field, Expectations& expected, Reporter& reporter) {
  ExpectedPins pins(expected);
  for (const Field& entry : read_list(reporter, field)) {
    if (reporter.full()) return;
    auto pattern = read_pin(entry, reporter);
    if (!pattern) continue;
    if (pins.contradict(*pattern))
      reporter.error(entry.at(), quoted(*pattern) + " is expected to be granted as well",
                     "see \"grants\"");
    expected.not_granted.push_back(
        {reporter.place(entry.at()), *std::move(pattern), reporter.snippet(entry.at())});
  }
  if (field.value->kind == Node::Kind::kSequence && field.value->children.empty())
    reporter.error(field.at(), "\"notGranted\" is an empty list, which says nothing",
                   "for no grants at all, write: grants: []");
}

void read_selected_by(const Field& field, Expectations& expected, Reporter& reporter) {
  auto& names = expected.selected_by.emplace(
      Said<std::vector<std::string>>{reporter.place(field.key_at), {}});
  std::unordered_set<std::string> seen;
  for (const Field& entry : read_list(reporter, field)) {
    auto name = read_text(reporter, entry);
    if (!name) continue;
    if (!seen.insert(*name).second)
      reporter.error(entry.at(), "the policy " + shown(*name) + " appears twice");
    names.value.push_back(*std::move(name));
  }
}

void read_error(const Field& field, Expectations& expected, Reporter& reporter) {
  const auto word = read_word_text(reporter, field);
  if (!word) return;
  // Of a decision there are no others.
  constexpr auto kOfDecisions = std::to_array(
      {ErrorCode::kPolicyConflict, ErrorCode::kDelegation, ErrorCode::kPolicyInvalid});
  std::vector<std::string_view> words;
  words.reserve(kOfDecisions.size());
  for (const ErrorCode code : kOfDecisions) {
    words.push_back(code_name(code));
    if (*word == code_name(code)) expected.error = {reporter.place(field.key_at), code};
  }
  if (!expected.error) report_unknown_word(reporter, field, *word, words);
}

// Where no policy selects it there is nothing else; and an error is all that there is.
void refuse_contradictions(const Mapping& keys, const Expectations& expected, Reporter& reporter) {
  const auto refuse = [&](std::initializer_list<const char*> names, const char* why) {
    for (const char* name : names)
      if (const auto field = keys.find(name))
        reporter.error(field->key_at, quoted(name) + " can never hold: " + why);
  };
  if (keys.find("error")) {
    refuse({"grants", "notGranted", "refused", "delegates", "view"},
           "with an error there is no decision");
    return;
  }
  if (!expected.selected_by || !expected.selected_by->value.empty()) return;
  constexpr const char* kNobody = "no policy is expected to select the subject";
  if (expected.grants && !expected.grants->value.empty()) refuse({"grants"}, kNobody);
  if (expected.refused && !expected.refused->value.empty()) refuse({"refused"}, kNobody);
  if (expected.delegates && expected.delegates->value) refuse({"delegates"}, kNobody);
  refuse({"view"}, kNobody);
}

void read_expectations(const Field& field, TestSubject& subject, Reporter& reporter) {
  const Mapping keys(
      reporter, field, kExpectation, "expect.",
      {"selectedBy", "grants", "notGranted", "refused", "delegates", "view", "error"});
  if (!keys.valid()) return;
  if (field.value->children.empty()) {
    reporter.error(field.at(), std::string(kExpectation) + " expects nothing",
                   "for a container that no policy selects, write: selectedBy: []");
    return;
  }
  Expectations& expected = subject.expected;
  if (const auto key = keys.find("selectedBy")) read_selected_by(*key, expected, reporter);
  if (const auto key = keys.find("grants")) read_expected_grants(*key, expected, reporter);
  if (const auto key = keys.find("notGranted")) read_not_granted(*key, expected, reporter);
  if (const auto key = keys.find("refused"))
    expected.refused = {reporter.place(key->key_at), read_exact_pins(*key, reporter)};
  if (const auto key = keys.find("delegates"))
    if (const auto flag = read_flag(reporter, *key))
      expected.delegates = {reporter.place(key->key_at), *flag};
  if (const auto key = keys.find("view")) {
    auto read = read_view(*key, reporter);
    expected.view = {reporter.place(key->key_at), std::move(read.view)};
    if (read.values && !read.values->others.empty())
      reporter.error(read.values->at, "a test asks of \"view.values\" only where they are",
                     "write values: {at: ...} here, and values: also, only or none with each of "
                     "\"grants\"");
    if (expected.view->value == model::View() && key->value->children.empty())
      reporter.error(key->at(), "\"view\" expects nothing", "leave the key out");
  }
  if (const auto key = keys.find("error")) read_error(*key, expected, reporter);
  refuse_contradictions(keys, expected, reporter);
}

// `lines`: those of the subjects before it, by name.
void read_subject(const Field& field, std::unordered_map<std::string, uint32_t>& lines,
                  PolicyTest& test, Reporter& reporter) {
  Mapping keys(reporter, field, kSubject, "",
               {"name", "engine", "kubernetes", "image", "user", "namespaces", "annotations",
                "bundle", "expect"});
  if (!keys.valid()) return;
  TestSubject& subject = test.subjects.emplace_back();
  subject.place = reporter.place(field.at());
  if (const auto name = keys.require("name")) {
    subject.name = read_text(reporter, *name).value_or("");
    const auto [first, is_new] = lines.emplace(subject.name, subject.place.line);
    if (!is_new && !subject.name.empty())
      reporter.error(name->at(), "two subjects are called " + shown(subject.name),
                     "the other one is at line " + std::to_string(first->second));
  }
  read_container(keys, subject, reporter);
  if (const auto expect = keys.require("expect")) read_expectations(*expect, subject, reporter);
}

void read_spec(const Field& field, PolicyTest& test, Reporter& reporter) {
  Mapping spec(reporter, field, "\"spec\"", "", {"policies", "pins", "subjects"});
  if (const auto policies = spec.find("policies")) {
    test.policies = read_word_text(reporter, *policies).value_or("");
    test.policies_at = reporter.place(policies->at());
  }
  if (const auto pins = spec.find("pins")) test.pins = read_exact_pins(*pins, reporter);
  const auto subjects = spec.require("subjects");
  if (!subjects) return;
  const auto entries = read_list(reporter, *subjects);
  if (entries.empty() && subjects->value->kind == Node::Kind::kSequence)
    reporter.error(subjects->at(), "the test has no subjects");
  test.subjects.reserve(entries.size());
  std::unordered_map<std::string, uint32_t> lines;
  for (const Field& entry : entries) {
    if (reporter.full()) return;
    read_subject(entry, lines, test, reporter);
  }
}

}  // namespace

std::optional<PolicyTest> read_policy_test(const Node& root, Reporter& reporter) {
  const Field field{kTest, root.at, &root};
  Mapping document = read_document(field, reporter);
  if (!document.valid()) return std::nullopt;
  PolicyTest test;
  test.place = reporter.place(root.at);
  read_constant(document, "apiVersion", "pinscope/v1", reporter);
  read_constant(document, "kind", kPolicyTestKind, reporter);
  if (const auto metadata = document.require("metadata"))
    test.name = read_metadata(*metadata, kTest, reporter).name;
  if (const auto spec = document.require("spec")) read_spec(*spec, test, reporter);
  return test;
}

}  // namespace pinscope::policy
