#include "plugin/inventory/access/question.h"

#include <utility>

#include "plugin/base/text.h"
#include "plugin/inventory/machine/inventory.h"
#include "plugin/record/store.h"

namespace pinscope::inventory {
namespace {

Status find_in(Answered& answered, const model::ObjectIdentity& object) {
  const auto place = answered.machine.find(object);
  if (!place)
    return std::unexpected(Error(ErrorCode::kSourceMissing, "look at " + word_of(object))
                               .reason("there is no such object any more"));
  answered.object = *place;
  if (object.kind == model::ObjectKind::kMap) answered.limits = kernel::limits_of_map(object.id);
  return {};
}

}  // namespace

Result<Answered> look_for_all(const model::ObjectIdentity& object,
                              const std::string& state_directory) {
  Answered answered;
  PINSCOPE_TRY(static_cast<Judged&>(answered), look_and_judge(state_directory, {.object = object}));
  PINSCOPE_CHECK(find_in(answered, object));
  PINSCOPE_TRY(answered.parties, look_at_parties(answered.machine));
  return answered;
}

Result<Answered> look_for_one(const model::ObjectIdentity& object, const Whom& whom,
                              const std::string& state_directory) {
  PINSCOPE_TRY(const auto store, record::Store::open(state_directory, false));
  Answered answered;
  if (!whom.id.empty()) {
    PINSCOPE_TRY(auto of_id, store.find(whom.id));
    for (auto& found : of_id.found)
      if (found.record.mount_namespace == whom.space)
        answered.containers.push_back(known(std::move(found.record)));
    for (const auto& error : of_id.unreadable)
      answered.machine.not_seen.push_back(error.sentence());
  }
  PINSCOPE_TRY(
      auto machine,
      look_at_machine({.space = whom.space, .object = object, .state_directory = state_directory}));
  for (auto& text : answered.machine.not_seen) machine.not_seen.push_back(std::move(text));
  answered.machine = std::move(machine);
  judge(answered.machine, answered.containers);
  PINSCOPE_CHECK(find_in(answered, object));
  const auto take = [&](const Space& space, std::optional<size_t> place) -> Status {
    if (space.number != whom.space) return {};
    PINSCOPE_TRY(auto party, look_at_party(space, place));
    answered.parties.push_back(std::move(party));
    return {};
  };
  for (size_t i = 0; i < answered.machine.spaces.size(); ++i)
    PINSCOPE_CHECK(take(answered.machine.spaces[i], i));
  for (const auto& space : answered.machine.others) PINSCOPE_CHECK(take(space, std::nullopt));
  if (answered.parties.size() == 1 && !answered.parties.front().processes.empty()) return answered;
  return std::unexpected(Error(ErrorCode::kProcessGone, "look at " + whom.title)
                             .reason(answered.parties.empty() ? "its mounts cannot be seen"
                                                              : "its processes cannot be seen"));
}

}  // namespace pinscope::inventory
