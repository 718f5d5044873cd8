#include "plugin/pipeline/sources.h"

#include "plugin/base/text.h"
#include "plugin/policy/decide/match_notes.h"

namespace pinscope {

using model::GrantedPin;

LeftOut left_out(const GrantedPin& grant, const Error& failure) {
  switch (failure.code()) {
    case ErrorCode::kSourceMissing:
      return grant.missing == model::Missing::kFail ? LeftOut::kNot : LeftOut::kMissing;
    case ErrorCode::kSourceMismatch:
    case ErrorCode::kAccessUnsupported:
      // Whoever may pin below a glob may not stop a start.
      return grant.is_match ? LeftOut::kUngrantable : LeftOut::kNot;
    default:
      return LeftOut::kNot;
  }
}

std::string note_of(const GrantedPin& grant, const Error& failure) {
  return "left out " + quoted(grant.source) + ": " + failure.sentence() + "; " +
         to_string(grant.rule);
}

std::vector<GrantedPin> take_skipped(model::Decision& decision, kernel::SourceOpener& sources) {
  std::vector<GrantedPin> missing;
  policy::MatchNotes notes(decision.notes);
  std::erase_if(decision.grants, [&](const GrantedPin& grant) {
    if (grant.missing == model::Missing::kFail) return false;
    Status found;
    if (grant.is_match)
      found = sources.look(grant);
    else if (auto pin = sources.find(grant.source); !pin)
      found = std::unexpected(std::move(pin).error());
    if (found) return false;
    const LeftOut outcome = left_out(grant, found.error());
    if (outcome == LeftOut::kMissing) missing.push_back(grant);
    if (outcome == LeftOut::kUngrantable) notes.add(note_of(grant, found.error()));
    return outcome != LeftOut::kNot;
  });
  notes.finish();
  return missing;
}

}  // namespace pinscope
