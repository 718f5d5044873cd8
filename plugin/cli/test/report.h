// What `pinscope test` found, as text, as JSON and as JUnit reports.
#pragma once

#include <string>
#include <vector>

#include "plugin/cli/term/terminal.h"
#include "plugin/model/decision.h"
#include "plugin/policy/language/diagnostic.h"
#include "plugin/policy/testing/run.h"

namespace pinscope::cli {

struct RanTest {
  policy::PolicyTest test;
  std::string policies;                        // the path of what was tested
  std::vector<policy::SubjectResult> results;  // of each subject, in their order

  [[nodiscard]] size_t failed() const;
};

struct TestReport {
  std::vector<RanTest> ran;
  std::vector<policy::Diagnostic> diagnostics;  // why a test could not run
  std::vector<policy::Diagnostic> warnings;     // expectations that say nothing
  std::vector<std::string> notes;               // what was not used, or not read
  std::vector<model::Rule> untested;            // policies that no subject is selected by

  [[nodiscard]] size_t subjects() const;
  [[nodiscard]] size_t failed() const;
  [[nodiscard]] bool ok() const { return diagnostics.empty() && failed() == 0; }
};

std::string to_text(const TestReport& report, const Palette& palette);
// docs/schemas/test.json describes it.
std::string to_json(const TestReport& report);
// A test suite for each test, a test case for each subject. What could not run is an error; what is
// not tested, or says nothing, is a case that was skipped.
std::string to_junit(const TestReport& report);

}  // namespace pinscope::cli
