#include "plugin/cli/access/text.h"

#include "plugin/advice/bypass_text.h"
#include "plugin/base/clock.h"
#include "plugin/base/text.h"
#include "plugin/cli/term/json_output.h"
#include "plugin/cli/term/table.h"
#include "plugin/model/shapes.h"

namespace pinscope::cli {
namespace {

using inventory::Accessor;
using inventory::Answer;
using inventory::Way;

const char* kind_name(Accessor::Kind kind) {
  switch (kind) {
    case Accessor::Kind::kHost:
      return "host";
    case Accessor::Kind::kContainer:
      return "container";
    case Accessor::Kind::kProcess:
      return "process";
    case Accessor::Kind::kProgram:
      return "program";
  }
  return "";
}

std::string whom_text(const Accessor& accessor) {
  switch (accessor.kind) {
    case Accessor::Kind::kHost:
      return "the host";
    case Accessor::Kind::kContainer:
      return accessor.space.id().empty() ? inventory::text_of(accessor.space)
                                         : "container " + short_id(accessor.space.id());
    case Accessor::Kind::kProcess:
      return inventory::process_text(accessor.command, accessor.pid);
    case Accessor::Kind::kProgram:
      break;
  }
  return "program " + std::to_string(accessor.program) +
         (accessor.command.empty() ? "" : " (" + one_line(accessor.command) + ")");
}

Cell answer_cell(Answer answer) {
  return {inventory::name_of(answer), answer == Answer::kMay ? Colour::kYellow : Colour::kPlain};
}

bool is_map(const inventory::Answered& answered) {
  return answered.machine.objects[answered.object].info.kind == model::ObjectKind::kMap;
}

}  // namespace

std::string object_title(const inventory::Answered& answered) {
  return inventory::text_of(answered.machine.objects[answered.object].info);
}

std::string how_text(const Way& way) {
  std::string text = way.text;
  if (way.kind == Way::Kind::kBypass && way.bypass)
    text = std::string(model::name_of(*way.bypass)) + ": " + advice::text_of(*way.bypass).text;
  if (way.pid != 0) text += " (pid " + std::to_string(way.pid) + ")";
  if (way.rule) text += "; " + model::to_string(*way.rule);
  if (way.exception) text += " " + model::time_text(*way.exception, wall_clock_ns());
  return text;
}

std::string who_text(const inventory::Answered& answered, const inventory::ObjectAccess& access,
                     const Palette& palette) {
  std::string text = object_title(answered) + ", " +
                     model::type_name(answered.machine.objects[answered.object].info) + "\n";
  for (const auto& limit : access.limits) text += limit + "\n";
  const bool has_columns = is_map(answered);
  Table table(has_columns ? std::vector<std::string>{"WHO", "READ", "WRITE", "HOW"}
                          : std::vector<std::string>{"WHO", "USE", "HOW"});
  for (const auto& accessor : access.who) {
    std::string whom = whom_text(accessor);
    for (const auto& way : accessor.ways) {
      std::vector<Cell> row = {std::exchange(whom, " ")};
      if (has_columns) row.push_back(answer_cell(way.reads));
      row.push_back(answer_cell(has_columns ? way.writes : std::max(way.reads, way.writes)));
      row.emplace_back(how_text(way));
      table.add(std::move(row));
    }
  }
  text += "\n" + table.text(palette);
  std::string not_seen;
  for (const auto& what : answered.machine.not_seen)
    not_seen += palette.paint(Colour::kYellow, "not seen") + ": " + one_line(what) + "\n";
  return text + (not_seen.empty() ? "" : "\n" + not_seen);
}

void write_object(JsonWriter& json, const inventory::Answered& answered) {
  const auto& info = answered.machine.objects[answered.object].info;
  json.key("object")
      .object()
      .field("kind", model::name_of(info.kind))
      .field("id", info.id)
      .field("type", model::type_name(info))
      .field("name", info.name)
      .end();
}

void write_ways(JsonWriter& json, const Accessor& accessor) {
  json.key("ways").array();
  for (const auto& way : accessor.ways) {
    json.object()
        .field("kind", inventory::name_of(way.kind))
        .field("reads", inventory::name_of(way.reads))
        .field("writes", inventory::name_of(way.writes))
        .field("text", how_text(way));
    if (way.bypass) json.field("bypass", model::name_of(*way.bypass));
    if (way.pid != 0) json.field("pid", int64_t{way.pid});
    if (way.rule) {
      json.key("rule");
      model::write_rule(json, *way.rule);
    }
    if (way.exception) {
      json.key("exception");
      model::write_exception(json, *way.exception,
                             model::state_of(*way.exception, wall_clock_ns()));
    }
    json.end();
  }
  json.end().key("closed");
  model::write_texts(json, accessor.closed);
}

std::string who_json(const inventory::Answered& answered, const inventory::ObjectAccess& access) {
  JsonWriter json = begin_output();
  write_object(json, answered);
  json.key("limits");
  model::write_texts(json, access.limits);
  json.key("who").array();
  for (const auto& accessor : access.who) {
    json.object().field("kind", kind_name(accessor.kind));
    if (accessor.kind == Accessor::Kind::kContainer) {
      if (!accessor.space.id().empty()) json.field("container", accessor.space.id());
      json.field("namespace", accessor.space.number)
          .field("pid", int64_t{accessor.space.pid})
          .field("command", accessor.space.command);
    }
    if (accessor.kind == Accessor::Kind::kProcess)
      json.field("pid", int64_t{accessor.pid}).field("command", accessor.command);
    if (accessor.kind == Accessor::Kind::kProgram)
      json.field("program", accessor.program).field("name", accessor.command);
    json.field("reads", inventory::name_of(accessor.reads))
        .field("writes", inventory::name_of(accessor.writes));
    write_ways(json, accessor);
    json.end();
  }
  json.end().key("not_seen");
  model::write_texts(json, answered.machine.not_seen);
  return end_output(std::move(json));
}

}  // namespace pinscope::cli
