// `pinscope explain`: would this container start, what would it see, and why.
#include <algorithm>

#include "plugin/base/text.h"
#include "plugin/cli/commands.h"
#include "plugin/cli/explain/explanation.h"
#include "plugin/cli/explain/explanation_json.h"
#include "plugin/cli/explain/given_text.h"
#include "plugin/cli/term/diagnostics.h"
#include "plugin/cli/term/table.h"
#include "plugin/model/facts.h"

namespace pinscope::cli {
namespace {

// "map 12 (hash)", or why there is none.
Cell object_cell(const Explained& explained, size_t grant) {
  if (explained.start.sources.empty()) return {"not looked at", Colour::kDim};
  const auto& source = explained.start.sources[grant];
  const bool waits = explained.start.decision.grants[grant].missing == model::Missing::kWait;
  if (source.skipped) return {waits ? "missing: waits" : "missing: skipped", Colour::kYellow};
  if (source.error) return {std::string(code_name(source.error->code())), Colour::kRed};
  return {object_text(*source.info)};
}

Colour colour_of(advice::Remark::Kind kind) {
  switch (kind) {
    case advice::Remark::Kind::kRefuses:
    case advice::Remark::Kind::kVoid:
      return Colour::kRed;
    case advice::Remark::Kind::kUnreachable:
      return Colour::kYellow;
    case advice::Remark::Kind::kNote:
      return Colour::kPlain;
  }
  return Colour::kPlain;
}

std::string bullet(const Palette& palette, Colour colour, std::string_view word,
                   const std::string& text, const std::string& action) {
  std::string line = "  " + palette.paint(colour, word) + ": " + one_line(text) + "\n";
  if (!action.empty()) line += "    " + one_line(action) + "\n";
  return line;
}

bool depends(const Explanation& start) {
  return std::ranges::any_of(start.verdicts,
                             [](const auto& verdict) { return !verdict.depends_on.empty(); });
}

// Why it would be left alone.
std::string left_alone_text(const Explanation& start) {
  if (start.container.identity.is_sandbox) return ": a pod's sandbox is left alone";
  if (depends(start)) return ": no policy selects it for certain";
  return ": no policy selects it, so it is left alone";
}

std::string on_change_of(const model::Decision& decision) {
  const bool is_usual = decision.on_change == model::OnChange::kReport;
  return is_usual ? "" : std::string(", onChange ") + model::name_of(decision.on_change);
}

std::string verdict_text(const Explained& explained, const Palette& palette) {
  const auto& decision = explained.start.decision;
  if (!explained.starts()) return palette.paint(Colour::kRed, "would not start");
  const std::string start = explained.start.is_described
                                ? palette.paint(Colour::kYellow, "may start")
                                : palette.paint(Colour::kGreen, "would start");
  if (!decision.selected()) return start + left_alone_text(explained.start);
  size_t pins = 0;
  size_t shown = 0;
  const auto& sources = explained.start.sources;
  for (size_t i = 0; i < decision.grants.size(); ++i) {
    if (i < sources.size() && sources[i].skipped) continue;
    if (decision.grants[i].pin) ++pins;
    if (decision.grants[i].values) ++shown;
  }
  const std::string values = decision.shows_values()
                                 ? " and the values of " + count_of(shown, "map", "maps") + " at " +
                                       one_line(decision.values_at)
                                 : "";
  if (!decision.has_pins() && !decision.delegation && decision.shows_values())
    return start + values + " (no view, hostBpffs " + model::name_of(decision.host_bpffs) + ")" +
           (depends(explained.start) ? ", and what other policies give it" : "");
  return start + " and see " + count_of(pins, "pin", "pins") + " at " +
         one_line(decision.grants_at()) + values +
         (decision.delegation ? " and a bpffs for tokens at " + one_line(decision.at) : "") +
         " (layout " + model::name_of(decision.layout) + ", hostBpffs " +
         model::name_of(decision.host_bpffs) + (decision.void_rejected_by ? ", void reject" : "") +
         on_change_of(decision) + ")" +
         (depends(explained.start) ? ", and what other policies give it" : "");
}

// A policy, whether it selects, and why not.
std::string verdict_line(const Explanation::Verdict& verdict, const Palette& palette) {
  const std::string rule = one_line(model::to_string(verdict.policy));
  if (!verdict.depends_on.empty())
    return "  " + palette.paint(Colour::kYellow, "may     ") + "  " + rule + ": it depends on " +
           one_line(verdict.depends_on) + ", not given\n";
  if (verdict.selects) return "  " + palette.paint(Colour::kGreen, "selects ") + "  " + rule + "\n";
  return "  " + palette.paint(Colour::kDim, "does not") + "  " + rule + ": " +
         one_line(verdict.why_not) + "\n";
}

// Where the container was found, if somebody named it.
std::string found_text(const Explained& explained, const Palette& palette) {
  std::string text;
  if (explained.found)
    text += "found " + inventory::title_of(*explained.found) + ", bundle " +
            one_line(explained.found->bundle) + ", by " + one_line(explained.found->where) + "\n";
  for (const auto& error : explained.unanswered)
    text += bullet(palette, Colour::kYellow, "warning", error.sentence(),
                   "whether another container has this name, too, is not known");
  return text;
}

// Who the container is, as far as anybody says.
std::string subject_text(const Explanation& start) {
  const auto& container = start.container;
  const std::string engine = model::engine_name(container.engine);
  std::string text = start.is_described && container.id.empty()
                         ? "a container by description"
                         : "container " + quoted(container.id);
  text += engine.empty() ? ", engine not given" : "";
  return text + ", process " + std::to_string(container.uid) + ":" + std::to_string(container.gid) +
         "\n";
}

std::string identity_text(const model::Container& container) {
  std::string text;
  const auto add = [&](const std::string& name, const std::optional<model::Fact>& fact) {
    if (fact)
      text += "  " + name + " " + quoted(fact->value) + ", from " + one_line(fact->established_by) +
              "\n";
  };
  const auto& identity = container.identity;
  if (container.engine != model::Engine::kUnknown)
    add("engine", model::Fact{model::engine_name(container.engine),
                              model::engine_established_by(container.engine)});
  for (const auto& [name, fact] : model::kFacts) add(fact_title(name), identity.*fact);
  for (const auto& [key, fact] : identity.kubernetes_labels)
    add("kubernetes label " + quoted(key), fact);
  return text;
}

bool has_error(const std::vector<policy::Diagnostic>& diagnostics) {
  return std::ranges::find(diagnostics, policy::Diagnostic::Severity::kError,
                           &policy::Diagnostic::severity) != diagnostics.end();
}

std::string to_text(const Explained& explained, const Palette& palette) {
  const auto heading = [&](const char* text) {
    return "\n" + palette.paint(Colour::kBold, text) + "\n";
  };
  const auto& container = explained.start.container;
  const auto& decision = explained.start.decision;
  std::string text;
  for (const auto& diagnostic : explained.diagnostics) text += to_text(diagnostic, palette);
  if (explained.last_good)
    text += palette.paint(Colour::kYellow, "warning") + ": the policy files " +
            (has_error(explained.diagnostics) ? "have errors" : "are not in force") +
            "; this is what the last good policies say\n\n";
  text += found_text(explained, palette);
  text += subject_text(explained.start);
  text += identity_text(container);
  text += verdict_text(explained, palette) + "\n";
  for (const auto& error : explained.start.errors)
    text += bullet(palette, Colour::kRed, code_name(error.code()), error.sentence(), "");

  if (!explained.start.verdicts.empty()) text += heading("POLICIES");
  for (const auto& verdict : explained.start.verdicts) text += verdict_line(verdict, palette);

  Table grants({"GRANT", "ACCESS", "OBJECT", "OWNER, MODE", "SOURCE", "RULE"});
  for (size_t i = 0; i < decision.grants.size(); ++i) {
    const auto& grant = decision.grants[i];
    grants.add({grant.name, model::access_text(grant), object_cell(explained, i),
                owner_and_mode(grant), model::source_text(grant), model::to_string(grant.rule)});
  }
  if (!grants.empty()) text += "\n" + grants.text(palette);
  if (const Table followed = followed_table(decision.followed); !followed.empty())
    text += "\n" + followed.text(palette);
  if (decision.delegation) text += "\n" + delegation_table(*decision.delegation).text(palette);
  if (const Table refusals = refusals_table(decision.refusals); !refusals.empty())
    text += "\n" + refusals.text(palette);

  if (!explained.remarks.empty() || !decision.notes.empty()) text += heading("REMARKS");
  for (const auto& remark : explained.remarks)
    text +=
        bullet(palette, colour_of(remark.kind), name_of(remark.kind), remark.text, remark.action);
  for (const auto& note : decision.notes) text += bullet(palette, Colour::kPlain, "note", note, "");
  return text;
}

struct Options {
  ExplainOptions container;
  Description description;
  bool strict = false;
};

// What is asked for: a container, or a description of one.
Result<Explained> explain_asked(const Settings& settings, const Options& options) {
  const auto& container = options.container;
  const bool is_named = !container.container.empty() || !container.bundle.empty();
  const bool is_described =
      options.description.is_given() || !container.engine.empty() || !container.pod_labels.empty();
  const auto refuse = [](const char* reason) {
    return std::unexpected(Error(ErrorCode::kUsage, "explain a container").reason(reason));
  };
  if (is_named && options.description.is_given())
    return refuse("it is named and described: its configuration says the rest");
  if (is_named || !is_described) return explain(settings, container);
  if (options.strict) return refuse("--strict needs its configuration: name it, or its bundle");
  return explain(settings, container, options.description);
}

Result<ExitStatus> run_explain(const Settings& settings, const Options& options) {
  PINSCOPE_TRY(const Explained explained, explain_asked(settings, options));
  print(settings.json() ? to_json(explained) : to_text(explained, settings.palette()));
  const bool good = explained.starts() && (!options.strict || explained.holds());
  return good ? kExitOk : kExitFailure;
}

}  // namespace

void add_explain(CLI::App& root, Program& program) {
  auto options = std::make_shared<Options>();
  Command command = add_command(
      root, program, "explain", "Say what a container would see if it were started now, and why",
      [&program, options] { return run_explain(program.settings, *options); });
  add_explain_options(command, program.settings, options->container);
  add_description_options(command, options->description);
  command.flag("--strict", options->strict, "Fail also where the view would be void or unreachable")
      .footer(
          "A name is looked for in Pinscope's records, in the runtimes' directories below /run, "
          "and "
          "by asking podman, docker and crictl, where they are installed.\n"
          "With neither a container nor a bundle, the options describe one, and policies that "
          "depend on what is not given are named.\n"
          "Policies are read from the files, as at the next start; if they have errors, the set in "
          "force is used.\nFile ownership is checked for the installed policies only.\nExit "
          "status: 0 the container would start, or nothing that is described stands against it; 1 "
          "it would not, or --strict and its view would be void or unreachable; 2 usage error.");
}

}  // namespace pinscope::cli
