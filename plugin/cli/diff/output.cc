#include "plugin/cli/diff/output.h"

#include <algorithm>

#include "plugin/base/text.h"
#include "plugin/cli/explain/given_json.h"
#include "plugin/cli/explain/given_text.h"
#include "plugin/cli/term/json_output.h"
#include "plugin/cli/term/table.h"
#include "plugin/model/shapes.h"

namespace pinscope::cli {
namespace {

using model::GrantedPin;
using policy::ComparedGrant;
using policy::GrantChange;

Colour colour_of(GrantChange change) {
  switch (change) {
    case GrantChange::kWidened:
    case GrantChange::kGained:
      return Colour::kRed;
    case GrantChange::kNarrowed:
    case GrantChange::kLost:
    case GrantChange::kChanged:
      return Colour::kYellow;
    case GrantChange::kSame:
      return Colour::kDim;
  }
  return Colour::kPlain;
}

// The access, owner and mode of a grant, and what else is otherwise than in the other one.
std::string text_of(const std::optional<GrantedPin>& grant, const GrantedPin* other) {
  if (!grant) return "-";
  std::string text = model::access_text(*grant) + " " + owner_and_mode(*grant);
  if (other == nullptr) return text;
  if (grant->name != other->name) text += " as " + grant->name;
  if (grant->missing != other->missing) text += std::string(" missing: ") + name_of(grant->missing);
  if (grant->follow != other->follow) text += grant->follow ? " followed" : " not followed";
  if (grant->expect != other->expect) text += " (another \"expect\")";
  if (grant->values && other->values && grant->values != other->values)
    text += ", shown as " + model::values_text(*grant);
  return text;
}

// With a grant or without one, it can do everything with the source.
std::string text_of(const std::optional<GrantedPin>& grant, const GrantedPin* other,
                    bool past_view) {
  if (!past_view) return text_of(grant, other);
  return grant ? text_of(grant, other) + ", all past the view" : "all past the view";
}

const char* word_of(const policy::ViewChange& change) {
  return name_of(change.widens    ? GrantChange::kWidened
                 : change.narrows ? GrantChange::kNarrowed
                                  : GrantChange::kChanged);
}

const model::Rule& rule_of(const Difference& difference, const ComparedGrant& grant) {
  if (grant.after) return grant.after->rule;
  for (const auto& refusal : difference.refusals)
    if (refusal.source == grant.before->source) return refusal.denied_by;
  return grant.before->rule;
}

Table table_of(const Difference& difference) {
  Table table({"CHANGE", "WHAT", "BEFORE", "AFTER", "RULE"});
  const auto add_view = [&](bool widens) {
    for (const auto& change : difference.view)
      if (change.widens == widens)
        table.add({{word_of(change), widens ? Colour::kRed : Colour::kYellow},
                   change.what,
                   change.before,
                   change.after,
                   "-"});
  };
  add_view(true);
  for (const auto& grant : difference.grants) {
    if (grant.change == GrantChange::kSame) continue;
    const auto& one = grant.after ? *grant.after : *grant.before;
    table.add({{name_of(grant.change), colour_of(grant.change)},
               one.source,
               text_of(grant.before, grant.after ? &*grant.after : nullptr, grant.past_view_before),
               text_of(grant.after, grant.before ? &*grant.before : nullptr, grant.past_view_after),
               to_string(rule_of(difference, grant))});
  }
  add_view(false);
  return table;
}

std::string body_of(const Difference& difference, const Palette& palette) {
  std::string text;
  if (difference.stops())
    text += palette.paint(Colour::kRed, "would not start any more") + ": " +
            one_line(difference.after.front().sentence()) + "\n";
  if (difference.starts_now())
    text += palette.paint(Colour::kRed, "would start") +
            ", and did not: " + one_line(difference.before.front().sentence()) + "\n";
  const auto table = table_of(difference);
  if (!table.empty()) text += table.text(palette);
  if (!difference.everything.empty())
    text += "its view is void before and after, by " +
            joined(names_of(difference.everything), ", ") +
            ": it has every object, and nothing is more than that\n";
  return text;
}

std::string doubts_of(const Difference& difference) {
  std::string text;
  if (difference.uncertain)
    for (const auto& undecided : difference.undecided)
      text += one_line(difference.title) + ": not certain: " + one_line(undecided) + "\n";
  if (!difference.before.empty() && !difference.after.empty())
    text += one_line(difference.title) +
            ": does not start, before and after: " + one_line(difference.after.front().sentence()) +
            "\n";
  return text;
}

std::string summary_of(const Comparison& comparison, const Palette& palette) {
  const size_t changed = comparison.count(&Difference::changes);
  const size_t widen = comparison.count(&Difference::gives_more);
  const size_t uncertain = comparison.count(&Difference::is_uncertain);
  const std::string all = count_of(comparison.all.size() - comparison.unreadable(),
                                   comparison.of_subjects ? "subject" : "container",
                                   comparison.of_subjects ? "subjects" : "containers");
  std::string text = changed + uncertain == 0
                         ? palette.paint(Colour::kGreen, "no difference") + " for " + all
                         : std::to_string(changed) + " of " + all + " would change";
  if (widen > 0)
    text += ", " + palette.paint(Colour::kRed, std::to_string(widen) + " with more access");
  if (uncertain > 0)
    text += ", " + palette.paint(Colour::kRed, std::to_string(uncertain) + " may get more access");
  if (const size_t stopped = comparison.count(&Difference::stops); stopped > 0)
    text += ", " + palette.paint(Colour::kRed, std::to_string(stopped) + " would not start");
  if (const size_t unreadable = comparison.unreadable(); unreadable > 0)
    text += ", " + std::to_string(unreadable) + " could not be read";
  return text + "\n";
}

void write_grant(JsonWriter& json, const char* key, const std::optional<GrantedPin>& grant) {
  if (!grant) return;
  json.key(key)
      .object()
      .field("name", grant->name)
      .field("access", name_of(grant->access))
      .field("uid", grant->uid)
      .field("gid", grant->gid)
      .field("mode", model::mode_text(grant->mode))
      .field("missing", name_of(grant->missing))
      .field("follow", grant->follow);
  write_values(json, *grant);
  json.key("rule");
  model::write_rule(json, grant->rule);
  json.end();
}

void write_errors(JsonWriter& json, const char* key, const std::vector<Error>& errors) {
  json.key(key).array();
  for (const auto& error : errors)
    json.object().field("code", code_name(error.code())).field("message", error.sentence()).end();
  json.end();
}

void write_difference(JsonWriter& json, const Difference& difference) {
  json.object()
      .field("name", difference.name)
      .field("id", difference.id)
      .field("engine", model::engine_name(difference.engine))
      .field("differs", difference.differs())
      .field("widens", difference.widens())
      .field("uncertain", difference.uncertain)
      .field("stops", difference.stops());
  if (difference.unreadable) json.field("unreadable", difference.unreadable->sentence());
  json.key("undecided");
  model::write_texts(json, difference.undecided);
  json.key("grants").array();
  for (const auto& grant : difference.grants) {
    json.object()
        .field("change", name_of(grant.change))
        .field("past_view_before", grant.past_view_before)
        .field("past_view_after", grant.past_view_after)
        .field("source", (grant.after ? grant.after : grant.before)->source);
    write_grant(json, "before", grant.before);
    write_grant(json, "after", grant.after);
    json.end();
  }
  json.end().key("everything_by");
  model::write_texts(json, names_of(difference.everything));
  json.key("view").array();
  for (const auto& change : difference.view)
    json.object()
        .field("what", change.what)
        .field("before", change.before)
        .field("after", change.after)
        .field("change", word_of(change))
        .field("widens", change.widens)
        .end();
  json.end();
  write_errors(json, "errors_before", difference.before);
  write_errors(json, "errors_after", difference.after);
  json.end();
}

}  // namespace

std::string to_text(const Comparison& comparison, const Palette& palette) {
  struct Group {
    std::string body;
    std::vector<std::string> titles;
  };
  std::vector<Group> groups;
  std::string doubts;
  for (const auto& one : comparison.all) {
    if (one.unreadable)
      doubts += palette.paint(Colour::kYellow, "not read") + " " + one_line(one.title) + ": " +
                one_line(one.unreadable->sentence()) + "\n";
    doubts += doubts_of(one);
    if (!one.changes()) continue;
    const auto body = body_of(one, palette);
    auto known = std::ranges::find(groups, body, &Group::body);
    if (known == groups.end()) known = groups.insert(known, {body, {}});
    known->titles.push_back(one_line(one.title));
  }
  constexpr size_t kMaxTitles = 8;
  std::string text;
  for (const auto& [body, titles] : groups) {
    const size_t shown = std::min(titles.size(), kMaxTitles);
    std::string title =
        joined(std::vector(titles.begin(), titles.begin() + static_cast<long>(shown)), ", ");
    if (titles.size() > shown) title += " and " + std::to_string(titles.size() - shown) + " more";
    text += palette.paint(Colour::kBold, title) + "\n" + body + "\n";
  }
  for (const auto& error : comparison.not_seen)
    doubts += palette.paint(Colour::kYellow, "not seen") + " " + one_line(error.sentence()) + "\n";
  for (const auto& note : comparison.notes)
    doubts += palette.paint(Colour::kYellow, "note") + " " + one_line(note) + "\n";
  return text + doubts + summary_of(comparison, palette);
}

std::string to_json(const Comparison& comparison) {
  JsonWriter json = begin_output();
  json.field("old", comparison.old_policies)
      .field("new", comparison.new_policies)
      .field("differ", uint64_t{comparison.count(&Difference::differs)})
      .field("widen", uint64_t{comparison.count(&Difference::widens)})
      .field("uncertain", uint64_t{comparison.count(&Difference::is_uncertain)})
      .field("stop", uint64_t{comparison.count(&Difference::stops)})
      .field("unreadable", uint64_t{comparison.unreadable()})
      .key("containers")
      .array();
  for (const auto& one : comparison.all) write_difference(json, one);
  json.end();
  json.key("notes");
  model::write_texts(json, comparison.notes);
  write_errors(json, "not_seen", comparison.not_seen);
  return end_output(std::move(json));
}

}  // namespace pinscope::cli
