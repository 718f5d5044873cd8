// The findings of `pinscope check` as a JUnit report.
#include <algorithm>

#include "plugin/base/text.h"
#include "plugin/cli/check/formats.h"
#include "plugin/cli/term/xml.h"

namespace pinscope::cli {
namespace {

struct TestCase {
  std::string path;
  std::string first_error;  // one line; empty if it passes
  std::string errors;
  std::string others;  // warnings and notes
};

// In the order in which files were read; then those that could not be.
std::vector<TestCase> cases_of(const CheckFindings& found) {
  std::vector<TestCase> cases;
  const auto case_of = [&](const std::string& path) -> TestCase& {
    const auto at = std::ranges::find(cases, path, &TestCase::path);
    return at != cases.end() ? *at : cases.emplace_back(path);
  };
  for (const auto& path : found.read) case_of(path);
  for (const auto& diagnostic : found.diagnostics) {
    TestCase& test = case_of(diagnostic.place.file);
    const std::string text = policy::to_string(diagnostic) + "\n";
    if (diagnostic.severity != policy::Diagnostic::Severity::kError) {
      test.others += text;
    } else {
      if (test.first_error.empty()) test.first_error = diagnostic.message;
      test.errors += text;
    }
  }
  return cases;
}

std::string element_of(const TestCase& test) {
  const std::string name = xml_escaped(one_line(repository_path(test.path)));
  std::string text = R"(    <testcase classname="pinscope.check" name=")" + name + R"(" file=")" +
                     name + R"(" time="0">)" + "\n";
  if (!test.errors.empty())
    text += R"(      <failure type="error" message=")" + xml_escaped(one_line(test.first_error)) +
            "\">" + xml_escaped(for_terminal(test.errors)) + "</failure>\n";
  if (!test.others.empty())
    text += "      <system-out>" + xml_escaped(for_terminal(test.others)) + "</system-out>\n";
  return text + "    </testcase>\n";
}

}  // namespace

std::string to_junit(const CheckFindings& found) {
  const auto cases = cases_of(found);
  const auto failures =
      std::ranges::count_if(cases, [](const TestCase& test) { return !test.errors.empty(); });
  const std::string counts = R"(name="pinscope check" tests=")" + std::to_string(cases.size()) +
                             R"(" failures=")" + std::to_string(failures) +
                             R"(" errors="0" time="0")";
  std::string text = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n";
  text += "<testsuites " + counts + ">\n  <testsuite " + counts + " skipped=\"0\">\n";
  for (const auto& test : cases) text += element_of(test);
  return text + "  </testsuite>\n</testsuites>\n";
}

}  // namespace pinscope::cli
