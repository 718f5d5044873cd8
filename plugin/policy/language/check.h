// What is wrong or doubtful with a policy although each of its values is right: names that clash,
// grants that cannot hold, selectors that cannot match.
#pragma once

#include "plugin/policy/language/reader.h"
#include "plugin/policy/language/reporter.h"

namespace pinscope::policy {

// Reports errors, and for a policy without any also warnings: those are about what it would do.
void check_policy(const PolicyDraft& draft, bool has_errors, Reporter& reporter);

// The parts of it: for `delegate`, in check_delegate.cc.
void check_delegate(const PolicyDraft& draft, Reporter& reporter);
void warn_of_delegate(const PolicyDraft& draft, Reporter& reporter);

// For `select`, in check_select.cc.
void warn_of_select(const PolicyDraft& draft, Reporter& reporter);
// For `exclude`, in check_exclude.cc.
void warn_of_exclude(const PolicyDraft& draft, Reporter& reporter);
// For `image` in both, in check_image.cc.
void warn_of_image(const PolicyDraft& draft, Reporter& reporter);

// For `view.values` and what grants say of theirs, in check_values.cc.
void check_values(const PolicyDraft& draft, Reporter& reporter);
void warn_of_values(const PolicyDraft& draft, Reporter& reporter);

// For the types of maps that `expect` names, in check_map_types.cc.
void check_map_types(const PolicyDraft& draft, Reporter& reporter);
void warn_of_map_types(const PolicyDraft& draft, Reporter& reporter);

}  // namespace pinscope::policy
