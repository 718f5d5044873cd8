#include "plugin/pipeline/change/not_reported.h"

#include <utility>

#include "plugin/pipeline/change/changes.h"
#include "plugin/pipeline/change/exceptions.h"
#include "plugin/pipeline/change/follows_only.h"

namespace pinscope {
namespace {

using namespace model;

bool cannot_be(const Restart& restart, size_t i) {
  return restart.left_out[i] == LeftOut::kNot && !restart.objects[i];
}

// What is judged by what it finds is what is opened in the end.
void look_at(const Features& features, Kept& kept) {
  auto& stays = kept.restart;
  stays.left_out.clear();
  stays.objects.clear();
  stays.refusal.reset();
  look_at_sources(features, stays);
  for (size_t i = 0; i < stays.objects.size(); ++i) {
    if (kept.grants[i].stays_out) {
      stays.left_out[i] = LeftOut::kMissing;
      stays.objects[i].reset();
    }
    if (const auto& found = stays.objects[i]) stays.decision->grants[i].object = found->identity();
  }
}

// The view is what it is to be already: what is over came to nothing in it.
std::optional<Restart> if_nothing_else(const Record& record, const Kept& kept,
                                       const PlannedExceptions& exceptions) {
  Restart same = kept.restart;
  for (size_t i = 0; i < same.objects.size(); ++i)
    if (cannot_be(same, i)) same.objects[i] = kept.grants[i].had;
  same.refusal.reset();
  take_objects_away(same, exceptions.all);
  return changes_of(record, same).made.empty() ? std::optional(std::move(same)) : std::nullopt;
}

// The view has to be made again. What of the rest cannot be as it is becomes what the policies give
// in its place, or goes.
void give_what_is_given_now(const Features& features, Kept& kept) {
  auto& stays = kept.restart;
  for (size_t i = 0; i < stays.objects.size(); ++i)
    if (const auto& given_now = kept.grants[i].given_now; cannot_be(stays, i) && given_now) {
      stays.decision->grants[i].object = given_now->object;
      stays.decision->grants[i].expect = given_now->expect;
    }
  look_at(features, kept);
  for (size_t i = 0; i < stays.objects.size(); ++i)
    if (cannot_be(stays, i)) stays.left_out[i] = LeftOut::kMissing;
  stays.refusal.reset();
}

}  // namespace

std::optional<Restart> what_is_not_reported(const Record& record, const Restart& now,
                                            const Features& features,
                                            const PlannedExceptions& exceptions, Giving giving) {
  auto kept = what_stays(record, now, exceptions, giving);
  if (!kept) return std::nullopt;
  look_at(features, *kept);
  if (exceptions.has_work()) {
    if (auto same = if_nothing_else(record, *kept, exceptions)) return same;
    give_what_is_given_now(features, *kept);
  } else if (kept->restart.refusal) {
    return std::nullopt;
  }
  take_objects_away(kept->restart, exceptions.all);
  if (!exceptions.has_work() && !follows_only(record, kept->restart)) return std::nullopt;
  return std::move(kept->restart);
}

}  // namespace pinscope
