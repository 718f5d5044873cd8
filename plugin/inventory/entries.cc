#include "plugin/inventory/entries.h"

#include <algorithm>
#include <cerrno>

#include "plugin/base/text.h"
#include "plugin/inventory/serving.h"
#include "plugin/record/store.h"

namespace pinscope::inventory {

Result<Entries> read_entries(const std::string& state_directory) {
  auto store = record::Store::open(state_directory, false);
  if (!store) {
    if (store.error().errnum() == EACCES)
      return std::unexpected(std::move(store).error().hint("this command needs root"));
    return std::unexpected(std::move(store).error());
  }
  PINSCOPE_TRY(auto all, store->all());
  PINSCOPE_TRY(const auto examiner, Examiner::open(state_directory));
  Entries result;
  result.unreadable = std::move(all.unreadable);
  auto looks = examiner.examine_all(all.records);
  look_at_serving(state_directory, all.records, looks.lives);
  result.entries.reserve(all.records.size());
  for (size_t i = 0; i < all.records.size(); ++i)
    result.entries.push_back({std::move(all.records[i]), std::move(looks.lives[i])});
  return result;
}

Result<Entry> find_entry(const std::string& state_directory, const std::string& prefix, pid_t pid) {
  PINSCOPE_TRY(Entries all, read_entries(state_directory));
  const auto fail = [&](std::string reason, std::string hint) {
    return std::unexpected(Error(ErrorCode::kRecord, "find container " + quoted(prefix))
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

}  // namespace pinscope::inventory
