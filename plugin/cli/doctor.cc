// `pinscope doctor`: is this machine ready, is what is installed in force, and what to do if not.
#include "plugin/base/text.h"
#include "plugin/cli/commands.h"
#include "plugin/cli/term/json_output.h"
#include "plugin/cli/term/table.h"
#include "plugin/health/health.h"
#include "plugin/pipeline/explain/look_at_pins.h"

namespace pinscope::cli {
namespace {

std::string to_json(const model::Findings& findings, size_t failures, size_t warnings) {
  JsonWriter json = begin_output();
  json.field("ok", failures == 0)
      .field("version", PINSCOPE_VERSION)
      .field("failures", uint64_t{failures})
      .field("warnings", uint64_t{warnings})
      .key("checks")
      .array();
  for (const auto& finding : findings)
    json.object()
        .field("area", finding.area)
        .field("name", finding.name)
        .field("level", name_of(finding.level))
        .field("detail", finding.detail)
        .field("action", finding.action)
        .end();
  json.end();
  return end_output(std::move(json));
}

std::string to_text(const model::Findings& findings, size_t failures, size_t warnings,
                    const Palette& palette) {
  Table table({"AREA", "CHECK", "", "FOUND"});
  for (const auto& finding : findings)
    table.add({finding.area, finding.name, Cell(name_of(finding.level), colour_of(finding.level)),
               finding.detail});
  std::string text = table.text(palette);
  Table actions({"", "WHAT TO DO"});
  for (const auto& finding : findings)
    if (!finding.action.empty() && finding.level != model::Finding::Level::kOk)
      actions.add({Cell(finding.name, colour_of(finding.level)), finding.action});
  if (!actions.empty()) text += "\n" + actions.text(palette);
  text += "\n" + count_of(failures, "failure", "failures") + ", " +
          count_of(warnings, "warning", "warnings") + "\n";
  return text;
}

Result<ExitStatus> examine(const Settings& settings) {
  const auto findings = health::examine({.policy_path = settings.hook.policy.policy_path,
                                         .cache_directory = settings.hook.policy.cache_directory,
                                         .state_directory = settings.hook.state_directory,
                                         .audit_path = settings.hook.audit.path,
                                         .look_at_pin = pins_of_this_machine()});
  size_t failures = 0;
  size_t warnings = 0;
  for (const auto& finding : findings) {
    if (finding.level == model::Finding::Level::kFail) ++failures;
    if (finding.level == model::Finding::Level::kWarn) ++warnings;
  }
  print(settings.json() ? to_json(findings, failures, warnings)
                        : to_text(findings, failures, warnings, settings.palette()));
  return failures == 0 ? kExitOk : kExitFailure;
}

}  // namespace

void add_doctor(CLI::App& root, Program& program) {
  add_command(root, program, "doctor",
              "Check the kernel, the runtimes, the policies and the records, and say what to do",
              [&program] { return examine(program.settings); })
      .shared_options(program.settings)
      .output_options(program.settings)
      .footer("Exit status: 0 no failure (there may be warnings); 1 failures; 2 usage error.");
}

}  // namespace pinscope::cli
