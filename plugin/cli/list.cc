// `pinscope list`: the containers that have a view.
#include <algorithm>
#include <map>
#include <memory>

#include "plugin/base/clock.h"
#include "plugin/base/text.h"
#include "plugin/cli/commands.h"
#include "plugin/cli/records.h"
#include "plugin/cli/term/json_output.h"
#include "plugin/cli/term/table.h"
#include "plugin/engine/known_containers.h"

namespace pinscope::cli {
namespace {

struct ListOptions {
  bool full_ids = false;
  bool names = false;  // ask the engines
  bool only_void = false;
};

// By id, those that somebody knows.
using Names = std::map<std::string, std::string, std::less<>>;

// The container's name in its pod is in its record; any other one its engine has to be asked for.
Names names_of(const inventory::Entries& all, const ListOptions& options) {
  Names names;
  if (options.names) {
    auto answers = engine::running_containers();
    for (auto& container : answers.containers)
      names.insert_or_assign(std::move(container.id), std::move(container.name));
    for (const auto& error : answers.failed) report(error);
  }
  for (const auto& entry : all.entries)
    if (const auto& fact = entry.record.given.identity.kubernetes_container)
      names.insert_or_assign(entry.record.given.id, fact->value);
  return names;
}

std::string name_of(const Names& names, const inventory::Entry& entry) {
  const auto found = names.find(entry.record.given.id);
  return found == names.end() ? "" : found->second;
}

bool has_names(const inventory::Entries& all, const Names& names) {
  return std::ranges::any_of(
      all.entries, [&](const inventory::Entry& entry) { return !name_of(names, entry).empty(); });
}

std::string to_json(const inventory::Entries& all, const Names& names) {
  JsonWriter json = begin_output();
  json.key("containers").array();
  for (const auto& entry : all.entries) write_entry(json, entry, name_of(names, entry));
  json.end().key("unreadable").array();
  for (const auto& error : all.unreadable) json.value(error.sentence());
  json.end();
  return end_output(std::move(json));
}

// An id is unique in one root of one runtime only.
bool has_one_id_twice(const inventory::Entries& all) {
  const auto same = [](const inventory::Entry& left, const inventory::Entry& right) {
    return left.record.given.id == right.record.given.id;
  };
  return std::ranges::adjacent_find(all.entries, same) != all.entries.end();
}

// Of the view and of values; of values alone there is no view.
std::string places_of(const model::Record& record) {
  const auto& given = record.given;
  if (!given.values_at) return record.at;
  const bool has_pins =
      std::ranges::any_of(given.pins, [](const auto& pin) { return pin.grant.pin; });
  return has_pins || given.delegation ? record.at + ", " + *given.values_at : *given.values_at;
}

// Policies, and bundles where they tell containers apart, are columns or stand below their row: how
// long they are is the choice of others.
enum class LongTexts { kInColumns, kBelow };

// "3", "3 (1 stale, 1 waits)".
Cell grants_cell(const inventory::Entry& entry) {
  const std::string count = std::to_string(entry.record.given.pins.size());
  const size_t stale = entry.live.stale_count();
  const size_t waiting = entry.live.waiting_count();
  std::vector<std::string> parts;
  if (stale > 0) parts.push_back(std::to_string(stale) + " stale");
  if (waiting > 0) parts.push_back(std::to_string(waiting) + (waiting == 1 ? " waits" : " wait"));
  if (parts.empty()) return {count};
  return {count + " (" + joined(parts, ", ") + ")", stale > 0 ? Colour::kYellow : Colour::kPlain};
}

Table make_table(const inventory::Entries& all, const Names& names, const ListOptions& options,
                 LongTexts where) {
  const bool below = where == LongTexts::kBelow;
  const bool tells_apart = has_one_id_twice(all);
  const bool named = has_names(all, names);
  std::vector<std::string> titles = {"ID", "ENGINE", "STATE"};
  if (named) titles.insert(titles.begin() + 1, "NAME");
  if (!below) titles.emplace_back("POLICIES");
  titles.insert(titles.end(), {"GRANTS", "AT", "AGE"});
  if (tells_apart) titles.emplace_back("PID");
  if (tells_apart && !below) titles.emplace_back("BUNDLE");
  Table table(std::move(titles));
  for (const auto& entry : all.entries) {
    const auto& record = entry.record;
    const std::string state = state_text(entry);
    Cell grants = grants_cell(entry);
    if (record.given.delegation) grants.text += " + token";
    std::vector<Cell> row = {options.full_ids ? record.given.id : short_id(record.given.id),
                             model::engine_name(record.given.engine),
                             Cell(state, colour_of_state(state))};
    if (named) row.insert(row.begin() + 1, Cell(name_of(names, entry)));
    const auto policies = inventory::policy_names(record);
    if (!below) row.emplace_back(joined(policies, ","));
    row.insert(row.end(), {grants, places_of(record), age(wall_clock_ns(), record.created_ns)});
    if (tells_apart) row.emplace_back(std::to_string(record.given.pid));
    if (tells_apart && !below) row.emplace_back(record.given.bundle);
    table.add(std::move(row));
    std::vector<std::string> notes;
    if (below)
      notes.push_back((policies.size() == 1 ? "policy " : "policies ") + joined(policies, ", "));
    if (below && tells_apart) notes.push_back("bundle " + record.given.bundle);
    if (!record.given.bypasses.empty())
      notes.push_back("void by " + joined(model::names_of(record.given.bypasses), ", "));
    if (!notes.empty()) table.add_note(joined(notes, "; "));
    for (const auto& exception : record.exceptions)
      table.add_note(model::text_of(exception, wall_clock_ns()));
  }
  return table;
}

std::string to_table(const inventory::Entries& all, const Names& names, const ListOptions& options,
                     const Palette& palette) {
  constexpr size_t kWidth = 80;
  const Table table = make_table(all, names, options, LongTexts::kInColumns);
  if (table.width() <= kWidth) return table.text(palette);
  return make_table(all, names, options, LongTexts::kBelow).text(palette);
}

Result<ExitStatus> list(const Settings& settings, const ListOptions& options) {
  PINSCOPE_CHECK(check_given_path(settings, "state-dir"));
  PINSCOPE_TRY(inventory::Entries all, inventory::read_entries(settings.hook.state_directory));
  if (options.only_void)
    std::erase_if(all.entries, [](const inventory::Entry& entry) {
      return entry.record.given.bypasses.empty() && !entry.live.seal_is_broken();
    });
  const Names names = names_of(all, options);
  if (settings.json())
    print(to_json(all, names));
  else if (options.only_void && all.entries.empty())
    print("none\n");
  else
    print(to_table(all, names, options, settings.palette()));
  if (settings.json()) return all.unreadable.empty() ? kExitOk : kExitFailure;
  for (const auto& error : all.unreadable)
    report(Error(error).hint("pinscope gc says what to do about it"));
  return all.unreadable.empty() ? kExitOk : kExitFailure;
}

}  // namespace

void add_list(CLI::App& root, Program& program) {
  auto options = std::make_shared<ListOptions>();
  add_command(root, program, "list", "List the containers that have a view",
              [&program, options] { return list(program.settings, *options); })
      .flag("--full-ids", options->full_ids, "Do not shorten ids of 64 digits to twelve")
      .flag("--names", options->names,
            "Ask podman, docker and crictl for the containers' names, each once")
      .flag("--void", options->only_void,
            "Only containers that have a way past their view, or a view whose seal is broken")
      .shared_options(program.settings, {"state-dir"})
      .output_options(program.settings)
      .footer(
          "STATE: running; gone (the process has ended, but poststop did not run; see gc); "
          "incomplete (the hook is still at work, or was killed); view missing (something "
          "unmounted it); view not seen (a file system of the container's on the way to it gives "
          "no answer); seal broken (somebody has made it writable); values unserved (nobody "
          "answers who reads them; see doctor).\n\"void\" behind it: the "
          "container has a way past its view, which stands below its row; inspect says more.\n"
          "A grant is stale if its source pin is gone or names another object; the "
          "container still sees the old object. It waits if its source was missing at the start "
          "and the "
          "policy says missing: wait.\nNAME is there if somebody knows one: that in a "
          "pod is in the record, others are asked for with --names.\nIf two containers have the "
          "same id, PID and "
          "BUNDLE are shown, too.\n"
          "Where a row would be wider than 80 columns, policies and bundles stand below their "
          "rows.\n"
          "\"+ token\": the container may make BPF tokens; inspect says what they allow.\n"
          "Exceptions stand below the row: what `pinscope revoke` or `pinscope grant` made.\n"
          "Exit status: 0 done; 1 a record cannot be read; 2 usage error.");
}

}  // namespace pinscope::cli
