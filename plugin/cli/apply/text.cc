#include "plugin/cli/apply/text.h"

#include <array>

#include "plugin/base/clock.h"
#include "plugin/base/text.h"
#include "plugin/cli/term/json_output.h"
#include "plugin/cli/term/table.h"
#include "plugin/model/container.h"
#include "plugin/model/shapes.h"

namespace pinscope::cli {
namespace {

using Outcome = Swapped::Outcome;

constexpr std::array kOutcomes = {Outcome::kChanged, Outcome::kUnchanged, Outcome::kDiffers,
                                  Outcome::kRefused, Outcome::kFailed,    Outcome::kEnded};

// On kernels before 6.5.
constexpr const char* kBeneath =
    "the old view is below the new one: this kernel cannot take it away (Linux 6.5 can), and who "
    "may unmount in the container gets back to it";

std::string word_of(Outcome outcome, bool dry_run) {
  return dry_run && outcome == Outcome::kChanged ? "would change" : name_of(outcome);
}

Colour colour_of(Outcome outcome) {
  switch (outcome) {
    case Outcome::kChanged:
      return Colour::kGreen;
    case Outcome::kRefused:
    case Outcome::kFailed:
      return Colour::kRed;
    case Outcome::kUnchanged:
    case Outcome::kDiffers:
    case Outcome::kHeld:
    case Outcome::kEnded:
      break;
  }
  return Colour::kDim;
}

std::string text_of(const Held& held) {
  return "process " + std::to_string(held.pid) +
         (held.command.empty() ? "" : " (" + one_line(held.command) + ")") + " " + held.text;
}

std::string summary_of(const Application& application) {
  std::vector<std::string> words;
  for (const Outcome outcome : kOutcomes) {
    size_t count = 0;
    for (const auto& one : application.containers) count += one.outcome == outcome ? 1 : 0;
    if (count > 0)
      words.push_back(std::to_string(count) + " " + word_of(outcome, application.dry_run));
  }
  return count_of(application.containers.size(), "container", "containers") +
         (words.empty() ? "" : ": " + joined(words, ", "));
}

void write_change(JsonWriter& json, const Change& change) {
  json.object().field("kind", name_of(change.kind)).field("text", change.text);
  if (const auto& grant = change.after ? change.after : change.before)
    json.field("name", grant->name).field("source", grant->source);
  if (change.before) json.field("access_before", model::name_of(change.before->access));
  if (change.after) json.field("access", model::name_of(change.after->access));
  json.end();
}

}  // namespace

void write_swapped(JsonWriter& json, const Swapped& swapped, const std::vector<Held>& held) {
  const auto& given = swapped.record.given;
  json.object()
      .field("id", given.id)
      .field("engine", model::engine_name(given.engine))
      .field("pid", int64_t{given.pid})
      .field("bundle", given.bundle)
      .field("outcome", name_of(swapped.outcome))
      .field("old_view_beneath", !swapped.record.beneath.empty())
      .key("changes")
      .array();
  for (const auto& change : swapped.changes.made) write_change(json, change);
  json.end();
  if (!swapped.changes.not_made.empty()) {
    json.key("not_made").array();
    for (const auto& change : swapped.changes.not_made) write_change(json, change);
    json.end();
  }
  json.key("left").array();
  for (const auto& text : swapped.changes.left) json.value(text);
  json.end().key("held").array();
  for (const auto& one : held)
    json.object()
        .field("pid", int64_t{one.pid})
        .field("command", one.command)
        .field("text", one.text)
        .end();
  json.end();
  json.key("exceptions").array();
  const uint64_t now = wall_clock_ns();
  for (const auto& one : swapped.record.exceptions)
    model::write_exception(json, one, model::state_of(one, now));
  json.end();
  if (swapped.error)
    json.field("code", code_name(swapped.error->code())).field("error", swapped.error->sentence());
  json.end();
}

std::string to_text(const Application& application, const Palette& palette) {
  Table table({"CONTAINER", "ENGINE", "OUTCOME"});
  for (size_t i = 0; i < application.containers.size(); ++i) {
    const auto& one = application.containers[i];
    if (one.outcome == Outcome::kUnchanged && one.changes.left.empty()) continue;
    table.add({short_id(one.record.given.id), model::engine_name(one.record.given.engine),
               Cell(word_of(one.outcome, application.dry_run), colour_of(one.outcome))});
    for (const auto& change : one.changes.made) table.add_note(to_string(change));
    for (const auto& change : one.changes.not_made)
      table.add_note("not done: " + to_string(change));
    for (const auto& text : one.changes.left) table.add_note("left as it is: " + text);
    if (!one.record.beneath.empty()) table.add_note(kBeneath);
    for (const auto& held : application.held[i]) table.add_note("not taken back: " + text_of(held));
    if (one.error) table.add_note(one.error->sentence());
  }
  return (table.empty() ? "" : table.text(palette) + "\n") + summary_of(application) + "\n";
}

std::string to_json(const Application& application, const std::vector<model::Rule>& still) {
  JsonWriter json = begin_output();
  json.field("dry_run", application.dry_run).key("containers").array();
  for (size_t i = 0; i < application.containers.size(); ++i)
    write_swapped(json, application.containers[i], application.held[i]);
  json.end();
  if (!still.empty()) {
    json.key("granted_still");
    model::write_rules(json, still);
  }
  return end_output(std::move(json));
}

}  // namespace pinscope::cli
