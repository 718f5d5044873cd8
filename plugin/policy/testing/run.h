// Whether policies do what a test expects of them. Pure: nothing of the machine is looked at, so
// that tests say the same wherever they run.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "plugin/model/decision.h"
#include "plugin/policy/decide/host_view.h"
#include "plugin/policy/testing/policy_test.h"

namespace pinscope::policy {

// One expectation that does not hold.
struct TestFailure {
  model::Place place;                    // of the expectation
  std::string expected;                  // read of "/sys/fs/bpf/flows" as "flows"
  std::string actual;                    // read-write of "/sys/fs/bpf/flows" as "flows"
  std::optional<model::Rule> rule = {};  // what made the difference
  friend bool operator==(const TestFailure&, const TestFailure&) = default;
};

struct SubjectResult {
  std::vector<std::string> selected_by;  // the names of the policies that select it
  std::vector<TestFailure> failures;     // none: all expectations hold
};

// Judges one subject of `test`. It fails, whatever it expects, if the answer is not certain: if a
// policy asks for a key that every container has and the subject does not tell, or if a glob grants
// pins and the test does not say which there are.
SubjectResult run_subject(const PolicyTest& test, const TestSubject& subject,
                          const std::vector<model::Policy>& policies);

// The policies that select a subject for certain. `depends` receives those of which it cannot be
// said, with the keys.
struct Undecided {
  model::Rule policy;
  std::string keys;
};
std::vector<model::Policy> selecting(const TestSubject& subject,
                                     const std::vector<model::Policy>& policies,
                                     const HostView& host, std::vector<Undecided>& depends);

// The globs of these policies of which `test` does not tell what they match: what they grant is not
// known. `keys` is why, as a sentence.
std::vector<Undecided> undecided_globs(const PolicyTest& test,
                                       const std::vector<model::Policy>& policies);

// What a test knows of a machine: the pins that it lists, and paths of namespaces as they are
// written. Denials go by names alone; programs do not reach further than their container. `test`
// must outlive it.
HostView host_of(const PolicyTest& test);

}  // namespace pinscope::policy
