// `pinscope plan`: the steps that would build a container's view. Nothing is done.
#include "plugin/plan/print.h"

#include "plugin/cli/commands.h"
#include "plugin/cli/explain/explanation.h"
#include "plugin/json/json.h"

namespace pinscope::cli {
namespace {

Result<ExitStatus> run_plan(const Settings& settings, const ExplainOptions& options) {
  PINSCOPE_TRY(const Explained explained, explain(settings, options));
  for (const auto& error : explained.start.errors) report(error);
  if (settings.json()) {
    JsonWriter json(JsonWriter::Style::kPretty);
    json.object()
        .field("starts", explained.starts())
        .field("selected", explained.start.decision.selected())
        .key("steps");
    plan::to_json(explained.start.plan, json);
    json.end();
    print(std::string(json.text()) + "\n");
  } else {
    print(explained.start.plan.steps.empty() ? "no steps: nothing would be done\n"
                                             : plan::to_text(explained.start.plan));
  }
  return explained.starts() ? kExitOk : kExitFailure;
}

}  // namespace

void add_plan(CLI::App& root, Program& program) {
  auto options = std::make_shared<ExplainOptions>();
  Command command =
      add_command(root, program, "plan", "Print the steps that would build a container's view",
                  [&program, options] { return run_plan(program.settings, *options); });
  add_explain_options(command, program.settings, *options);
  command.footer(
      "Nothing is changed. --no-host plans for the newest kernel.\n"
      "Exit status: 0 the container would start; 1 it would not; 2 usage error.");
}

}  // namespace pinscope::cli
