#include "plugin/cli/test/report.h"

#include <algorithm>

#include "plugin/base/text.h"
#include "plugin/cli/term/diagnostics.h"
#include "plugin/cli/term/json_output.h"
#include "plugin/cli/term/xml.h"
#include "plugin/model/shapes.h"

namespace pinscope::cli {
namespace {

using policy::SubjectResult;
using policy::TestFailure;

constexpr const char* kUntested = "no subject is selected by it";

std::string title_of(const RanTest& ran, const policy::TestSubject& subject) {
  return one_line(ran.test.name + ": " + subject.name);
}

std::string to_text(const TestFailure& failure, const Palette& palette) {
  constexpr const char* kIndent = "        ";
  std::string text = kIndent + palette.paint(Colour::kBold, one_line(to_string(failure.place)));
  text += "\n" + std::string(kIndent) + "expected  " + one_line(failure.expected);
  text += "\n" + std::string(kIndent) + "actual    " + one_line(failure.actual) + "\n";
  if (failure.rule)
    text += kIndent + std::string("by        ") + one_line(to_string(*failure.rule)) + "\n";
  return text;
}

void add_place(JsonWriter& json, const model::Place& place) {
  json.field("file", place.file).field("line", place.line).field("column", place.column);
}

void write_result(JsonWriter& json, const RanTest& ran, size_t i) {
  const auto& subject = ran.test.subjects[i];
  const SubjectResult& result = ran.results[i];
  json.object()
      .field("test", ran.test.name)
      .field("subject", subject.name)
      .field("ok", result.failures.empty())
      .field("policies", ran.policies);
  add_place(json, subject.place);
  json.key("selected_by");
  model::write_texts(json, result.selected_by);
  json.key("failures").array();
  for (const auto& failure : result.failures) {
    json.object();
    add_place(json, failure.place);
    json.field("expected", failure.expected).field("actual", failure.actual);
    if (failure.rule) {
      json.key("rule");
      model::write_rule(json, *failure.rule);
    }
    json.end();
  }
  json.end().end();
}

std::string suite_begin(const std::string& name, size_t tests, size_t failures, size_t errors,
                        size_t skipped = 0) {
  return "  <testsuite name=\"" + xml_escaped(one_line(name)) + "\" tests=\"" +
         std::to_string(tests) + "\" failures=\"" + std::to_string(failures) + "\" errors=\"" +
         std::to_string(errors) + "\" skipped=\"" + std::to_string(skipped) + "\" time=\"0\">\n";
}

std::string case_begin(const std::string& class_name, const std::string& name,
                       const std::string& file) {
  return "    <testcase classname=\"" + xml_escaped(one_line(class_name)) + "\" name=\"" +
         xml_escaped(one_line(name)) + "\" file=\"" + xml_escaped(one_line(file)) +
         "\" time=\"0\">\n";
}

std::string problem(const char* element, const std::string& message, const std::string& text) {
  return "      <" + std::string(element) + " message=\"" + xml_escaped(one_line(message)) + "\">" +
         xml_escaped(for_terminal(text)) + "</" + element + ">\n";
}

std::string suite_of(const RanTest& ran) {
  std::string text = suite_begin(ran.test.name, ran.results.size(), ran.failed(), 0);
  for (size_t i = 0; i < ran.results.size(); ++i) {
    const auto& subject = ran.test.subjects[i];
    const auto& failures = ran.results[i].failures;
    text += case_begin("pinscope.test." + ran.test.name, subject.name, subject.place.file);
    if (!failures.empty()) {
      std::string all;
      for (const auto& failure : failures) all += to_text(failure, Palette(false));
      const auto& first = failures.front();
      text += problem("failure", "expected " + first.expected + ", got " + first.actual, all);
    }
    text += "    </testcase>\n";
  }
  return text + "  </testsuite>\n";
}

std::string skipped(const std::string& name, const std::string& file, const std::string& message) {
  return case_begin("pinscope.test", name, file) + "      <skipped message=\"" +
         xml_escaped(one_line(message)) + "\"/>\n    </testcase>\n";
}

std::string suite_of_skipped(const TestReport& report) {
  const size_t count = report.untested.size() + report.warnings.size();
  if (count == 0) return "";
  std::string text = suite_begin("what is not tested", count, 0, 0, count);
  for (const auto& rule : report.untested)
    text += skipped("policy " + rule.policy, rule.place.file, kUntested);
  for (const auto& warning : report.warnings)
    text += skipped(to_string(warning.place), warning.place.file,
                    warning.message + (warning.hint.empty() ? "" : "; " + warning.hint));
  return text + "  </testsuite>\n";
}

}  // namespace

size_t RanTest::failed() const {
  return static_cast<size_t>(std::ranges::count_if(
      results, [](const SubjectResult& result) { return !result.failures.empty(); }));
}

size_t TestReport::subjects() const {
  size_t count = 0;
  for (const auto& one : ran) count += one.results.size();
  return count;
}

size_t TestReport::failed() const {
  size_t count = 0;
  for (const auto& one : ran) count += one.failed();
  return count;
}

std::string to_text(const TestReport& report, const Palette& palette) {
  std::string text;
  for (const auto& diagnostic : report.diagnostics) text += to_text(diagnostic, palette);
  for (const auto& one : report.ran)
    for (size_t i = 0; i < one.results.size(); ++i) {
      const auto& failures = one.results[i].failures;
      text += failures.empty() ? palette.paint(Colour::kGreen, "ok") + "      "
                               : palette.paint(Colour::kRed, "failed") + "  ";
      text += title_of(one, one.test.subjects[i]) + "\n";
      for (const auto& failure : failures) text += to_text(failure, palette);
    }
  for (const auto& rule : report.untested)
    text += palette.paint(Colour::kYellow, "untested") + " " + one_line(to_string(rule)) + ": " +
            kUntested + "\n";
  for (const auto& warning : report.warnings) text += to_text(warning, palette);
  for (const auto& note : report.notes)
    text += palette.paint(Colour::kYellow, "note") + "    " + one_line(note) + "\n";
  text += palette.paint(report.ok() ? Colour::kGreen : Colour::kRed, report.ok() ? "ok" : "failed");
  text += ": ";
  if (report.failed() > 0) text += std::to_string(report.failed()) + " of ";
  text += count_of(report.subjects(), "subject", "subjects") + " in " +
          count_of(report.ran.size(), "test", "tests");
  if (!report.diagnostics.empty())
    text += ", " + count_of(report.diagnostics.size(), "error", "errors");
  return text + "\n";
}

std::string to_json(const TestReport& report) {
  JsonWriter json = begin_output();
  json.field("ok", report.ok())
      .field("tests", uint64_t{report.ran.size()})
      .field("subjects", uint64_t{report.subjects()})
      .field("failed", uint64_t{report.failed()})
      .key("results")
      .array();
  for (const auto& one : report.ran)
    for (size_t i = 0; i < one.results.size(); ++i) write_result(json, one, i);
  json.end().key("untested");
  model::write_rules(json, report.untested);
  json.key("diagnostics");
  write_diagnostics(json, report.diagnostics);
  json.key("warnings");
  write_diagnostics(json, report.warnings);
  json.key("notes");
  model::write_texts(json, report.notes);
  return end_output(std::move(json));
}

std::string to_junit(const TestReport& report) {
  const size_t errors = report.diagnostics.size();
  std::string text =
      "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites name=\"pinscope test\"";
  const size_t skips = report.untested.size() + report.warnings.size();
  text += " tests=\"" + std::to_string(report.subjects() + errors + skips) + "\" failures=\"" +
          std::to_string(report.failed()) + "\" errors=\"" + std::to_string(errors) +
          "\" skipped=\"" + std::to_string(skips) + "\" time=\"0\">\n";
  if (errors > 0) {
    text += suite_begin("what could not run", errors, 0, errors);
    for (const auto& diagnostic : report.diagnostics)
      text += case_begin("pinscope.test", to_string(diagnostic.place), diagnostic.place.file) +
              problem("error", diagnostic.message, policy::to_string(diagnostic) + "\n") +
              "    </testcase>\n";
    text += "  </testsuite>\n";
  }
  for (const auto& one : report.ran) text += suite_of(one);
  return text + suite_of_skipped(report) + "</testsuites>\n";
}

}  // namespace pinscope::cli
