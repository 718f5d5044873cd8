#include "plugin/daemon/apply_answer.h"

#include <utility>

#include "plugin/json/json.h"

namespace pinscope::daemon {
namespace {

Result<AppliedView> read_view(const JsonView& container) {
  AppliedView view;
  PINSCOPE_TRY(view.id, container.string_or("id", ""));
  PINSCOPE_TRY(view.outcome, container.string_or("outcome", ""));
  PINSCOPE_TRY(view.error, container.string_or("error", ""));
  PINSCOPE_TRY(const auto changes, container.find("changes"));
  if (!changes) return view;
  PINSCOPE_TRY(const auto all, changes->elements());
  for (const auto& change : all) {
    PINSCOPE_TRY(const auto kind, change.string_or("kind", ""));
    PINSCOPE_TRY(const auto text, change.string_or("text", ""));
    view.changes.push_back(kind + " " + text);
  }
  return view;
}

}  // namespace

Result<std::vector<AppliedView>> applied_views(std::string json, const char* key) {
  PINSCOPE_TRY(const auto document,
               JsonDocument::parse(std::move(json), "the answer of apply", ErrorCode::kProtocol));
  PINSCOPE_TRY(const auto containers, document.root().find(key));
  std::vector<AppliedView> views;
  if (!containers) return views;
  PINSCOPE_TRY(const auto all, containers->elements());
  for (const auto& container : all) {
    PINSCOPE_TRY(auto view, read_view(container));
    views.push_back(std::move(view));
  }
  return views;
}

}  // namespace pinscope::daemon
