#include "plugin/drift/drift.h"

#include <algorithm>
#include <set>
#include <tuple>

namespace pinscope::drift {

const char* name_of(Kind kind) {
  switch (kind) {
    case Kind::kExtra:
      return "extra";
    case Kind::kWider:
      return "wider";
    case Kind::kUnselected:
      return "unselected";
    case Kind::kSealBroken:
      return "seal-broken";
    case Kind::kLaterMount:
      return "later-mount";
    case Kind::kViewMissing:
      return "view-missing";
    case Kind::kMissing:
      return "missing";
    case Kind::kNarrower:
      return "narrower";
    case Kind::kChanged:
      return "changed";
    case Kind::kStale:
      return "stale";
    case Kind::kSourceGone:
      return "source-gone";
    case Kind::kRefused:
      return "refused";
    case Kind::kNoView:
      return "no-view";
    case Kind::kUnserved:
      return "values-unserved";
    case Kind::kIncomplete:
      return "incomplete";
    case Kind::kLastGood:
      return "last-good";
    case Kind::kLeftover:
      return "leftover";
    case Kind::kDamaged:
      return "damaged";
    case Kind::kUnknown:
      return "unknown";
  }
  return "";
}

const char* way_out_of(Kind kind) {
  switch (kind) {
    case Kind::kExtra:
    case Kind::kWider:
    case Kind::kUnselected:
      return "pinscope apply takes it away while the container runs";
    case Kind::kMissing:
    case Kind::kNarrower:
    case Kind::kChanged:
      return "pinscope apply gives it while the container runs";
    case Kind::kSealBroken:
      return "a process with CAP_SYS_ADMIN on the host did it; find out which; pinscope drift "
             "--repair makes the view anew";
    case Kind::kLaterMount:
      return "find out who mounted it: a container that may mount is not held by a view; pinscope "
             "drift --repair takes it away, unless its policies say hostBpffs: allow";
    case Kind::kViewMissing:
      return "find out who unmounted it; pinscope drift --repair makes it again";
    case Kind::kStale:
      return "pinscope apply gives it the object that its source names now";
    case Kind::kSourceGone:
      return "start the program that makes the pin, then the container";
    case Kind::kRefused:
      return "correct the policy or the pin before something starts it again; pinscope explain "
             "says "
             "more";
    case Kind::kNoView:
      return "start the container again, once pinscope engine status says that its engine is "
             "wired, "
             "or, without an engine, once its config.json has the hook";
    case Kind::kUnserved:
      return "pinscope doctor says what is away; start the container again if its values are lost";
    case Kind::kIncomplete:
      return "if it stays so, the hook was killed, and the container is to be started anew; or "
             "whoever changed its view, which pinscope drift --repair puts right";
    case Kind::kLastGood:
      return "pinscope check shows what to correct; until then the older set stays in force";
    case Kind::kLeftover:
      return "pinscope gc removes it";
    case Kind::kDamaged:
      return "pinscope gc says whether its container may be alive; gc --damaged removes it";
    case Kind::kUnknown:
      return "pinscope inspect and pinscope explain may say more; what gives no answer in a "
             "container ends with it";
  }
  return "";
}

Level level_of(Kind kind) {
  switch (kind) {
    case Kind::kExtra:
    case Kind::kWider:
    case Kind::kUnselected:
    case Kind::kSealBroken:
    case Kind::kLaterMount:
    case Kind::kViewMissing:
      return Level::kCritical;
    case Kind::kMissing:
    case Kind::kNarrower:
    case Kind::kChanged:
    case Kind::kStale:
    case Kind::kSourceGone:
    case Kind::kRefused:
    case Kind::kNoView:
    case Kind::kUnserved:
    case Kind::kIncomplete:
    case Kind::kLastGood:
    case Kind::kLeftover:
    case Kind::kDamaged:
      return Level::kWarning;
    case Kind::kUnknown:
      return Level::kUnknown;
  }
  return Level::kUnknown;
}

const char* name_of(Level level) {
  switch (level) {
    case Level::kCritical:
      return "critical";
    case Level::kWarning:
      return "warning";
    case Level::kUnknown:
      return "unknown";
  }
  return "";
}

bool is_of_drifted(const Entry& entry) {
  return entry.subject && entry.kind != Kind::kUnknown && entry.kind != Kind::kLeftover;
}

std::array<size_t, kKinds> Drift::counts() const {
  std::array<size_t, kKinds> counts{};
  for (const auto& entry : entries) ++counts[static_cast<size_t>(entry.kind)];
  return counts;
}

size_t Drift::drifted() const {
  std::set<std::tuple<std::string, pid_t>> ids;
  for (const auto& entry : entries)
    if (is_of_drifted(entry)) ids.emplace(entry.subject->id, entry.subject->pid);
  return ids.size();
}

bool Drift::found() const {
  return std::ranges::any_of(entries,
                             [](const Entry& entry) { return entry.kind != Kind::kUnknown; });
}

}  // namespace pinscope::drift
