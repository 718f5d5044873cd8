#include "plugin/cli/records.h"

#include <algorithm>
#include <cerrno>

#include "plugin/base/text.h"
#include "plugin/record/store.h"

namespace pinscope::cli {

Result<Entries> read_entries(const std::string& state_directory) {
  auto store = record::Store::open(state_directory, false);
  if (!store) {
    if (store.error().errnum() == EACCES)
      return std::unexpected(std::move(store).error().hint("this command needs root"));
    return std::unexpected(std::move(store).error());
  }
  PINSCOPE_TRY(auto all, store->all());
  PINSCOPE_TRY(const auto examiner, inventory::Examiner::open());
  Entries result;
  result.unreadable = std::move(all.unreadable);
  for (auto& record : all.records) {
    auto live = examiner.examine(record);
    result.entries.push_back({std::move(record), std::move(live)});
  }
  return result;
}

Result<Entry> find_entry(const std::string& state_directory, const std::string& prefix, pid_t pid) {
  PINSCOPE_TRY(Entries all, read_entries(state_directory));
  const auto fail = [&](std::string reason, std::string hint) {
    return std::unexpected(Error(ErrorCode::kUsage, "find container " + quoted(prefix))
                               .reason(std::move(reason))
                               .hint(std::move(hint)));
  };
  std::vector<Entry*> of_id;
  std::vector<Entry*> matches;
  for (auto& entry : all.entries) {
    if (pid != 0 && entry.record.given.pid != pid) continue;
    if (entry.record.given.id == prefix) of_id.push_back(&entry);
    if (!prefix.empty() && entry.record.given.id.starts_with(prefix)) matches.push_back(&entry);
  }
  if (of_id.size() == 1) return std::move(*of_id.front());
  const bool one_id = !matches.empty() && std::ranges::all_of(matches, [&](const Entry* entry) {
    return entry->record.given.id == matches.front()->record.given.id;
  });
  if (matches.empty())
    return fail("no container with this id has a view", "pinscope list shows those that have one");
  if (of_id.size() > 1 || (matches.size() > 1 && one_id))
    return fail(
        std::to_string(of_id.empty() ? matches.size() : of_id.size()) + " containers have this id",
        "say which with --pid: pinscope list shows them");
  if (matches.size() > 1)
    return fail(std::to_string(matches.size()) + " ids start with it", "write more of the id");
  return std::move(*matches.front());
}

std::vector<std::string> policy_names(const model::Record& record) {
  std::vector<std::string> names;
  for (const auto& rule : record.given.selected_by)
    if (std::find(names.begin(), names.end(), rule.policy) == names.end())
      names.push_back(rule.policy);
  return names;
}

Colour colour_of_state(const std::string& summary) {
  if (summary == "running") return Colour::kGreen;
  if (summary == "gone") return Colour::kDim;
  return Colour::kRed;
}

void write_live(JsonWriter& json, const Entry& entry) {
  json.field("state", inventory::summary(entry.record, entry.live))
      .field("process", inventory::name_of(entry.live.process))
      .field("view", inventory::name_of(entry.live.view))
      .field("stale", uint64_t{entry.live.stale_count()});
  json.key("missing_names").array();
  for (const auto& name : entry.live.missing_names) json.value(name);
  json.end().key("grants").array();
  for (size_t i = 0; i < entry.record.given.pins.size(); ++i) {
    const auto& pin = entry.record.given.pins[i];
    const auto& state = entry.live.pins[i];
    json.object()
        .field("name", pin.grant.name)
        .field("source", pin.grant.source)
        .field("access", model::name_of(pin.grant.access))
        .field("kind", model::name_of(pin.object.kind))
        .field("object_id", pin.object.id)
        .field("source_state", inventory::name_of(state.source))
        .field("source_object_id", state.source_object_id)
        .field("policy", pin.grant.rule.policy)
        .field("place", model::to_string(pin.grant.rule.place));
    if (!state.problem.empty()) json.field("problem", state.problem);
    json.end();
  }
  json.end();
}

}  // namespace pinscope::cli
