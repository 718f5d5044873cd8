// What globs match gives way to what is granted by its path, and to what its own grant expects:
// anybody who may write in a directory can pin there, and must neither stop a start nor change what
// other grants give. Used by decide.cc alone, before grants are merged.
#pragma once

#include <vector>

#include "plugin/base/result.h"
#include "plugin/policy/decide/host_view.h"
#include "plugin/policy/decide/match_notes.h"
#include "plugin/policy/decide/merge.h"

namespace pinscope::policy {

// Takes matches out of `wanted`, each with a note, and brings it into the order of the names:
// - those with the name of another pin that is granted by its path, or a name above or below it;
// - where grants want the same name, those whose object their grant cannot give: it is of another
//   kind or type than the access is for, or differs from `expect`. The object is looked at again
//   when it is opened.
// Errors: those of HostView::objects_at.
Status settle_matches(std::vector<Wanted>& wanted, const HostView& host, MatchNotes& notes);

}  // namespace pinscope::policy
