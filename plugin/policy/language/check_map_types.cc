// What a policy alone shows of maps that cannot be granted as it says, because of the types that it
// expects. The hook looks at the maps themselves (grantable.h), whatever is expected of
// them.
#include "plugin/base/text.h"
#include "plugin/policy/decide/map_types.h"
#include "plugin/policy/decide/showing.h"
#include "plugin/policy/language/check.h"

namespace pinscope::policy {
namespace {

using model::Access;

// Of what is expected; null if nothing is.
const MapType* expected_type(const model::Grant& grant) {
  return grant.expect.map_type ? map_type(*grant.expect.map_type) : nullptr;
}

bool expects_map(const model::Grant& grant) {
  return grant.expect.kind == model::ObjectKind::kMap;
}

}  // namespace

void check_map_types(const PolicyDraft& draft, Reporter& reporter) {
  const auto& grants = draft.policy.grants;
  if (draft.policy.view.layout == model::Layout::kBind) return;  // reads are refused altogether
  const model::Grant* outer = nullptr;                           // holds maps, and may be written
  for (const auto& grant : grants) {
    const auto* type = expected_type(grant);
    if (outer == nullptr && type != nullptr && type->holds_maps &&
        grant.access == Access::kReadWrite)
      outer = &grant;
  }
  for (size_t i = 0; i < grants.size() && !reporter.full(); ++i) {
    const auto& marks = draft.grant_marks[i];
    if (grants[i].access != Access::kRead || !marks.access_known) continue;
    if (certain_values_mode(draft.policy, grants[i]) == model::ValuesMode::kOnly)
      continue;  // nothing is opened
    const auto* type = expected_type(grants[i]);
    if (type != nullptr && type->read_refused != nullptr)
      reporter.error(marks.access, with_article(*type) + " cannot be granted with access: read",
                     std::string("it ") + type->read_refused + "; read-write is the right " +
                         type->read_write);
    else if (outer != nullptr && expects_map(grants[i]))
      reporter.error(marks.access,
                     "access: read would not hold beside read-write of " + quoted(outer->pin),
                     "the container can put this map into that one, whose owner's programs write "
                     "it; grant that one for reading");
  }
}

void warn_of_map_types(const PolicyDraft& draft, Reporter& reporter) {
  for (size_t i = 0; i < draft.policy.grants.size() && !reporter.full(); ++i) {
    const auto& grant = draft.policy.grants[i];
    const auto* type = expected_type(grant);
    if (type != nullptr && type->name == "struct_ops" && grant.access == Access::kReadWrite)
      reporter.warning(draft.grant_marks[i].access,
                       "read-write of a struct_ops reaches the whole machine",
                       std::string("it is the right ") + type->read_write);
  }
}

}  // namespace pinscope::policy
