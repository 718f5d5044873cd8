#include "plugin/cli/drift/text.h"

#include <array>

#include "plugin/base/clock.h"
#include "plugin/base/text.h"
#include "plugin/cli/explain/given_json.h"
#include "plugin/cli/term/json_output.h"
#include "plugin/cli/term/table.h"
#include "plugin/model/shapes.h"

namespace pinscope::cli {
namespace {

using drift::Drift;
using drift::Entry;
using drift::Kind;
using drift::Level;

Colour colour_of(Level level) {
  switch (level) {
    case Level::kCritical:
      return Colour::kRed;
    case Level::kWarning:
    case Level::kUnknown:
      return Colour::kYellow;
  }
  return Colour::kPlain;
}

Table entries_table(const Drift& drift) {
  Table table({"CONTAINER", "ENGINE", "DRIFT", "RULE"});
  for (const auto& entry : drift.entries) {
    table.add({entry.subject ? Cell(short_id(entry.subject->id)) : Cell("-", Colour::kDim),
               entry.subject ? model::engine_name(entry.subject->engine) : "",
               Cell(name_of(entry.kind), colour_of(drift::level_of(entry.kind))),
               entry.rule ? model::to_string(*entry.rule) : ""});
    table.add_note(entry.text);
  }
  return table;
}

// Nothing where nothing waits.
std::string waiting_text(const Drift& drift) {
  std::string text;
  for (const auto& one : drift.waiting)
    text += one_line(short_id(one.subject.id)) + " waits for " + quoted(one.source) + ", to be " +
            quoted(one.name) + "; " + model::to_string(one.rule) + "\n";
  return text;
}

// Behind the drift, with an empty line before it.
std::string exceptions_text(const Drift& drift, const Palette& palette) {
  Table table({"CONTAINER", "ENGINE", "EXCEPTION"});
  for (const auto& one : drift.exceptions) {
    table.add({short_id(one.subject.id), model::engine_name(one.subject.engine),
               one.in_force ? Cell("in force") : Cell("ran out", Colour::kYellow)});
    table.add_note(model::text_of(one.exception, wall_clock_ns()));
  }
  return table.empty() ? "" : "\n" + table.text(palette);
}

Table ways_out(const Drift& drift) {
  Table table({"", "WHAT TO DO"});
  const auto counts = drift.counts();
  for (size_t i = 0; i < drift::kKinds; ++i) {
    const auto kind = static_cast<Kind>(i);
    if (counts[i] > 0)
      table.add({Cell(name_of(kind), colour_of(drift::level_of(kind))), way_out_of(kind)});
  }
  return table;
}

void write_grant(JsonWriter& json, const model::GrantedPin& grant) {
  json.object()
      .field("name", grant.name)
      .field("source", grant.source)
      .field("access", model::name_of(grant.access))
      .field("uid", grant.uid)
      .field("gid", grant.gid)
      .field("mode", model::mode_text(grant.mode))
      .field("follow", grant.follow);
  write_values(json, grant);
  json.key("rule");
  model::write_rule(json, grant.rule);
  json.end();
}

void write_subject(JsonWriter& json, const drift::Subject& subject) {
  json.key("container")
      .object()
      .field("id", subject.id)
      .field("engine", model::engine_name(subject.engine))
      .field("pid", int64_t{subject.pid})
      .field("bundle", subject.bundle)
      .end();
}

void write_waiting(JsonWriter& json, const drift::Waiting& waiting) {
  json.object();
  write_subject(json, waiting.subject);
  json.field("name", waiting.name).field("source", waiting.source).key("rule");
  model::write_rule(json, waiting.rule);
  json.end();
}

void write_entry(JsonWriter& json, const Entry& entry) {
  json.object()
      .field("kind", name_of(entry.kind))
      .field("level", name_of(drift::level_of(entry.kind)));
  if (entry.subject) write_subject(json, *entry.subject);
  json.field("text", entry.text).field("action", way_out_of(entry.kind));
  if (entry.rule) {
    json.key("rule");
    model::write_rule(json, *entry.rule);
  }
  if (entry.given) {
    json.key("given");
    write_grant(json, *entry.given);
  }
  if (entry.now) {
    json.key("now");
    write_grant(json, *entry.now);
  }
  json.end();
}

}  // namespace

std::string summary_text(const Drift& drift, const std::string& names) {
  std::array<size_t, drift::kKinds> counts{};
  std::array<size_t, drift::kKinds> others{};  // what is no drift of a container
  size_t files = 0;
  for (const auto& entry : drift.entries) {
    ++(drift::is_of_drifted(entry) ? counts : others)[static_cast<size_t>(entry.kind)];
    if (entry.kind == Kind::kLeftover && !entry.subject) ++files;
  }
  std::vector<std::string> words;
  for (size_t kind = 0; kind < drift::kKinds; ++kind)
    if (counts[kind] > 0)
      words.push_back(std::to_string(counts[kind]) + " " + name_of(static_cast<Kind>(kind)));
  std::string text = std::to_string(drift.drifted()) + " of " +
                     count_of(drift.containers, "container", "containers") + " drifted";
  if (!words.empty()) text += ": " + joined(words, ", ");
  if (!names.empty()) text += " (" + names + ")";
  const auto add = [&](size_t count, const char* one, const char* several) {
    if (count > 0) text += "; " + count_of(count, one, several);
  };
  const auto of = [&](Kind kind) { return others[static_cast<size_t>(kind)]; };
  if (of(Kind::kLastGood) > 0) text += "; the policy files are not in force";
  add(of(Kind::kLeftover) - files, "record is left over", "records are left over");
  add(files, "file is left over", "files are left over");
  add(of(Kind::kDamaged), "record cannot be read", "records cannot be read");
  if (const size_t count = of(Kind::kUnknown); count > 0)
    text += "; " + std::to_string(count) + " could not be looked at";
  return text;
}

std::string to_text(const Drift& drift, const Palette& palette) {
  const std::string containers = count_of(drift.containers, "container", "containers");
  if (drift.entries.empty())
    return palette.paint(Colour::kGreen, "no drift") + ": " + containers + " looked at\n" +
           waiting_text(drift) + exceptions_text(drift, palette);
  return entries_table(drift).text(palette) + "\n" + ways_out(drift).text(palette) + "\n" +
         summary_text(drift) + "\n" + waiting_text(drift) + exceptions_text(drift, palette);
}

std::string to_json(const Drift& drift) {
  JsonWriter json = begin_output();
  json.field("containers", uint64_t{drift.containers})
      .field("drifted", uint64_t{drift.drifted()})
      .key("counts")
      .object();
  const auto counts = drift.counts();
  for (size_t kind = 0; kind < drift::kKinds; ++kind)
    json.field(name_of(static_cast<Kind>(kind)), uint64_t{counts[kind]});
  json.end().key("drift").array();
  for (const auto& entry : drift.entries) write_entry(json, entry);
  json.end().key("waiting").array();
  for (const auto& one : drift.waiting) write_waiting(json, one);
  json.end().key("exceptions").array();
  for (const auto& one : drift.exceptions) {
    json.object();
    write_subject(json, one.subject);
    json.key("exception");
    model::write_exception(json, one.exception, model::state_of(one.exception, wall_clock_ns()));
    json.end();
  }
  json.end();
  return end_output(std::move(json));
}

}  // namespace pinscope::cli
