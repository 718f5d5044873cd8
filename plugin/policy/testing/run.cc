#include "plugin/policy/testing/run.h"

#include <algorithm>

#include "plugin/base/path.h"
#include "plugin/base/text.h"
#include "plugin/policy/decide/decide.h"
#include "plugin/policy/glob.h"

namespace pinscope::policy {
namespace {

using model::GrantedPin;
using model::Policy;
using Selection = Judgement::Selection;

constexpr const char* kNotGranted = "nothing";

std::string text_of(const ExpectedGrant& grant) {
  std::string text =
      std::string(name_of(grant.access)) + " of " + quoted(grant.pin) + " as " + quoted(grant.name);
  if (grant.values) text += std::string(", values: ") + name_of(*grant.values);
  if (grant.missing) text += std::string(", missing: ") + name_of(*grant.missing);
  if (grant.follow) text += std::string(", follow: ") + (*grant.follow ? "true" : "false");
  return text;
}
// With what is not the default.
std::string text_of(const GrantedPin& grant) {
  ExpectedGrant same{.pin = grant.source, .name = grant.name, .access = grant.access};
  if (const auto mode = mode_of(grant); mode != model::ValuesMode::kNone) same.values = mode;
  if (grant.missing != model::Missing::kFail) same.missing = grant.missing;
  if (grant.follow) same.follow = true;
  return text_of(same);
}

// Whether it is granted as expected, once it is known to be the one that is meant.
bool is_as_expected(const GrantedPin& grant, const ExpectedGrant& wanted) {
  return grant.access == wanted.access && (!wanted.values || *wanted.values == mode_of(grant)) &&
         (!wanted.missing || *wanted.missing == grant.missing) &&
         (!wanted.follow || *wanted.follow == grant.follow);
}

model::Rule rule_of(const Policy& policy) {
  return {policy.name, policy.place};
}

std::string text_of(ErrorCode code) {
  return "the error " + std::string(code_name(code));
}

bool contains(const std::vector<std::string>& list, const std::string& text) {
  return std::ranges::find(list, text) != list.end();
}

// Whether the pin is, matches, or is below what `pattern` names.
bool covers(const model::Pattern& pattern, const std::string& pin) {
  return glob_matches(pattern, pin) || (!is_glob(pattern) && is_at_or_below(pin, pattern));
}

class SubjectRun {
 public:
  SubjectRun(const PolicyTest& test, const TestSubject& subject,
             const std::vector<Policy>& policies)
      : test_(test), subject_(subject), expected_(subject.expected), policies_(policies) {}

  SubjectResult run() &&;

 private:
  void select();
  void check_selected_by();
  void check_globs();
  void check_grants();
  void check_not_granted();
  void check_refused();
  void check_view();
  void check_delegation();
  void check_error(const Error& error);

  void fail(const model::Place& place, std::string expected, std::string actual,
            std::optional<model::Rule> rule = {}) {
    result_.failures.push_back({place, std::move(expected), std::move(actual), std::move(rule)});
  }
  void fail_grant(const Said<ExpectedGrant>& wanted);
  // A value of the view that is not the expected one; `values` are words or paths.
  void fail_view(const char* key, const std::string& expected, const std::string& actual,
                 const std::optional<model::Rule>& rule = {});

  const PolicyTest& test_;
  const TestSubject& subject_;
  const Expectations& expected_;
  const std::vector<Policy>& policies_;
  const HostView host_ = host_of(test_);
  std::vector<std::pair<const Policy*, Judgement>> judged_;
  std::vector<Policy> selecting_;
  model::Decision decision_;
  SubjectResult result_;
};

void SubjectRun::select() {
  for (const auto& policy : policies_) {
    auto judgement = judge(policy, subject_.container, subject_.told, host_);
    if (judgement.selection == Selection::kSelects) {
      selecting_.push_back(policy);
      result_.selected_by.push_back(policy.name);
    }
    if (judgement.selection == Selection::kDepends)
      fail(subject_.place, "a certain answer",
           "whether the policy selects it depends on " + judgement.why +
               ", which the subject does not tell",
           rule_of(policy));
    judged_.emplace_back(&policy, std::move(judgement));
  }
}

void SubjectRun::check_selected_by() {
  if (!expected_.selected_by) return;
  const auto& [place, names] = *expected_.selected_by;
  for (const auto& name : names) {
    const auto judged =
        std::ranges::find(judged_, name, [](const auto& one) { return one.first->name; });
    const std::string expected = "policy " + quoted(name) + " selects it";
    if (judged == judged_.end())
      fail(place, expected, "there is no such policy");
    else if (judged->second.selection == Selection::kDoesNot)
      fail(place, expected, "it does not: " + judged->second.why, rule_of(*judged->first));
  }
  for (const auto& policy : selecting_)
    if (!contains(names, policy.name))
      fail(place, names.empty() ? "no policy selects it" : "no other policy selects it",
           "policy " + quoted(policy.name) + " selects it", rule_of(policy));
}

void SubjectRun::check_globs() {
  for (auto& [rule, why] : undecided_globs(test_, selecting_))
    fail(subject_.place, "a certain answer", std::move(why), std::move(rule));
}

void SubjectRun::fail_grant(const Said<ExpectedGrant>& wanted) {
  const auto& [place, grant] = wanted;
  const auto refused = std::ranges::find_if(decision_.refusals, [&](const auto& refusal) {
    return refusal.source == grant.pin && refusal.name == grant.name;
  });
  if (refused != decision_.refusals.end()) {
    fail(place, text_of(grant), "it is denied", refused->denied_by);
    return;
  }
  const auto other_name = std::ranges::find(decision_.grants, grant.pin, &GrantedPin::source);
  if (other_name != decision_.grants.end())
    fail(place, text_of(grant), text_of(*other_name), other_name->rule);
  else
    fail(place, text_of(grant), kNotGranted);
}

void SubjectRun::check_grants() {
  if (!expected_.grants) return;
  std::vector<const GrantedPin*> rest;
  rest.reserve(decision_.grants.size());
  for (const auto& grant : decision_.grants) rest.push_back(&grant);
  std::vector<std::string> explained;  // sources that a failure has named already
  for (const auto& wanted : expected_.grants->value) {
    const auto found = std::ranges::find_if(rest, [&](const GrantedPin* grant) {
      return grant->source == wanted.value.pin && grant->name == wanted.value.name;
    });
    if (found == rest.end()) {
      fail_grant(wanted);
      explained.push_back(wanted.value.pin);
      continue;
    }
    if (!is_as_expected(**found, wanted.value))
      fail(wanted.at, text_of(wanted.value), text_of(**found), (*found)->rule);
    rest.erase(found);
  }
  for (const GrantedPin* grant : rest)
    if (!contains(explained, grant->source))
      fail(expected_.grants->at, kNotGranted + std::string(" of ") + quoted(grant->source),
           text_of(*grant), grant->rule);
}

void SubjectRun::check_not_granted() {
  for (const auto& [place, pattern, snippet] : expected_.not_granted)
    for (const auto& grant : decision_.grants)
      if (covers(pattern, grant.source))
        fail(place, kNotGranted + std::string(" of ") + quoted(pattern), text_of(grant),
             grant.rule);
}

void SubjectRun::check_refused() {
  if (!expected_.refused) return;
  const auto& [place, pins] = *expected_.refused;
  for (const auto& pin : pins) {
    if (std::ranges::find(decision_.refusals, pin, &model::RefusedPin::source) !=
        decision_.refusals.end())
      continue;
    const auto granted = std::ranges::find(decision_.grants, pin, &GrantedPin::source);
    if (granted != decision_.grants.end())
      fail(place, quoted(pin) + " is refused", text_of(*granted), granted->rule);
    else
      fail(place, quoted(pin) + " is refused", "no policy that selects it grants it");
  }
  for (const auto& refusal : decision_.refusals)
    if (!contains(pins, refusal.source))
      fail(place, quoted(refusal.source) + " is not refused", "it is denied", refusal.denied_by);
}

void SubjectRun::fail_view(const char* key, const std::string& expected, const std::string& actual,
                           const std::optional<model::Rule>& rule) {
  if (expected == actual) return;
  const std::string prefix = "view." + std::string(key) + " is ";
  fail(expected_.view->at, prefix + expected, prefix + actual, rule);
}

void SubjectRun::check_view() {
  if (!expected_.view) return;
  const auto& [place, view] = *expected_.view;
  if (!decision_.selected()) {
    fail(place, "a view", "no policy selects it");
    return;
  }
  if (view.at) fail_view("at", quoted(*view.at), quoted(decision_.at));
  if (view.values && view.values->at)
    fail_view("values.at", quoted(*view.values->at),
              decision_.shows_values() ? quoted(decision_.values_at) : "nowhere");
  if (view.layout) fail_view("layout", name_of(*view.layout), name_of(decision_.layout));
  if (view.host_bpffs)
    fail_view("hostBpffs", name_of(*view.host_bpffs), name_of(decision_.host_bpffs));
  if (view.void_view)
    fail_view(
        "void", name_of(*view.void_view),
        name_of(decision_.void_rejected_by ? model::VoidView::kReject : model::VoidView::kAllow),
        decision_.void_rejected_by);
}

void SubjectRun::check_delegation() {
  if (!expected_.delegates) return;
  const auto& [place, delegates] = *expected_.delegates;
  if (delegates == decision_.delegation.has_value()) return;
  if (delegates)
    fail(place, "something is delegated", "nothing is delegated");
  else
    fail(place, "nothing is delegated", "something is delegated",
         decision_.delegation->rules.front());
}

void SubjectRun::check_error(const Error& error) {
  if (!expected_.error)
    fail(subject_.place, "a decision", error.sentence());
  else if (expected_.error->value != error.code())
    fail(expected_.error->at, text_of(expected_.error->value),
         text_of(error.code()) + ": " + error.sentence());
}

SubjectResult SubjectRun::run() && {
  select();
  check_selected_by();
  check_globs();
  auto decision = decide(selecting_, subject_.container, host_);
  if (!decision) {
    check_error(decision.error());
    return std::move(result_);
  }
  decision_ = *std::move(decision);
  if (expected_.error) fail(expected_.error->at, text_of(expected_.error->value), "a decision");
  check_grants();
  check_not_granted();
  check_refused();
  check_view();
  check_delegation();
  return std::move(result_);
}

}  // namespace

SubjectResult run_subject(const PolicyTest& test, const TestSubject& subject,
                          const std::vector<model::Policy>& policies) {
  return SubjectRun(test, subject, policies).run();
}

}  // namespace pinscope::policy
