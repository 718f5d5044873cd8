// `pinscope plan`: the steps that would build a container's view. Nothing is done.
#include "plugin/plan/print.h"

#include "plugin/base/text.h"
#include "plugin/cli/commands.h"
#include "plugin/cli/explain/explanation.h"
#include "plugin/cli/explain/explanation_json.h"
#include "plugin/cli/term/json_output.h"

namespace pinscope::cli {
namespace {

// Why the container would not start. What there is of a plan would be begun and not ended.
std::string refusal_text(const Explained& explained, const Palette& palette) {
  std::string text = palette.paint(Colour::kRed, "would not start") + "\n";
  for (const auto& error : explained.start.errors)
    text += "  " + std::string(code_name(error.code())) + ": " + error.sentence() + "\n";
  for (const auto& remark : explained.remarks)
    if (remark.kind == advice::Remark::Kind::kRefuses)
      text += "  " + remark.code + ": " + one_line(remark.text) + "\n" +
              (remark.action.empty() ? "" : "    " + one_line(remark.action) + "\n");
  return text;
}

// The grants that the view would wait for: there is no step for them.
std::vector<model::GrantedPin> waiting_in(const Explanation& start) {
  std::vector<model::GrantedPin> waiting;
  for (size_t i = 0; i < start.sources.size(); ++i)
    if (const auto& grant = start.decision.grants[i];
        start.sources[i].skipped && grant.missing == model::Missing::kWait)
      waiting.push_back(grant);
  return waiting;
}

Result<ExitStatus> run_plan(const Settings& settings, const ExplainOptions& options) {
  PINSCOPE_TRY(const Explained explained, explain(settings, options));
  const auto waiting = waiting_in(explained.start);
  if (settings.json()) {
    JsonWriter json = begin_output();
    json.field("starts", explained.starts())
        .field("selected", explained.start.decision.selected())
        .key("errors")
        .array();
    for (const auto& error : explained.start.errors) write_error(json, error);
    for (const auto& remark : explained.remarks)
      if (remark.kind == advice::Remark::Kind::kRefuses)
        json.object().field("code", remark.code).field("error", remark.text).end();
    json.end().key("steps");
    plan::to_json(explained.start.plan, json);
    json.key("waiting").array();
    for (const auto& grant : waiting)
      json.object().field("name", grant.name).field("source", grant.source).end();
    json.end();
    print(end_output(std::move(json)));
  } else {
    const auto& steps = explained.start.plan.steps;
    if (!explained.starts()) print(refusal_text(explained, settings.palette()));
    if (!steps.empty()) print(plan::to_text(explained.start.plan));
    if (steps.empty() && explained.starts()) print("no steps: nothing would be done\n");
    for (const auto& grant : waiting)
      print("waits for " + quoted(grant.source) + ", to be " + quoted(grant.name) + "\n");
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
