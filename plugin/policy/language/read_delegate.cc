// spec.delegate.
#include <algorithm>

#include "plugin/base/text.h"
#include "plugin/model/token_rights.h"
#include "plugin/policy/decide/program_types.h"
#include "plugin/policy/language/reader.h"

namespace pinscope::policy {
namespace {

using model::Delegate;
using model::TokenRight;

std::string commands_with_token() {
  std::string text;
  for (const auto name : model::token_right_names(TokenRight::kCommand))
    if (takes_token(*model::token_right_from_name(TokenRight::kCommand, name)))
      text += (text.empty() ? "" : ", ") + std::string(name);
  return text;
}

// A name may belong to another list: "socket_filter" among the attach types.
std::string hint_for(TokenRight right, const std::string& name) {
  for (const TokenRight other : model::kTokenRights)
    if (other != right && model::token_right_from_name(other, name))
      return std::string("it is a ") + model::noun_of(other) + ": it belongs below \"" +
             model::key_of(other) + "\"";
  const auto near = nearest(name, model::token_right_names(right));
  return near.empty() ? "names are the kernel's in lower case, without BPF_ and the like"
                      : "did you mean " + quoted(near) + "?";
}

void read_right(const Field& field, TokenRight right, Delegate& delegate, Reporter& reporter) {
  const auto name = read_word_text(reporter, field);
  if (!name) return;
  if (*name == "any") {
    reporter.error(field.at(), "\"any\" would delegate types that defeat all isolation",
                   "name what the container needs");
    return;
  }
  const auto number = model::token_right_from_name(right, *name);
  if (!number) {
    reporter.error(field.at(), shown(*name) + " is no " + model::noun_of(right),
                   hint_for(right, *name));
    return;
  }
  if (right == TokenRight::kCommand && !takes_token(*number)) {
    reporter.error(field.at(), "the command " + quoted(*name) + " takes no token",
                   "delegating it has no effect; these do: " + commands_with_token());
    return;
  }
  if (const char* danger = danger_of(right, *number)) {
    reporter.error(field.at(), std::string("the ") + model::noun_of(right) + " " + quoted(*name) +
                                   " cannot be delegated: " + danger);
    return;
  }
  delegate.rights.add(right, *number);
}

}  // namespace

void read_delegate(const Field& field, PolicyDraft& draft, Reporter& reporter) {
  const Mapping keys(
      reporter, field, "\"delegate\"", "delegate.",
      {"commands", "maps", "programs", "attach", "pinning", "programsReach", "grantsAt"});
  if (!keys.valid()) return;
  Delegate delegate;
  delegate.place = reporter.place(field.at());
  DelegateMarks marks{.at = field.at()};
  for (const TokenRight right : model::kTokenRights) {
    const auto list = keys.find(model::key_of(right));
    if (!list) continue;
    marks.rights[static_cast<size_t>(right)] = list->at();
    if (list->value->kind == Node::Kind::kSequence && list->value->children.empty()) {
      reporter.error(list->at(), quoted(list->name) + " is an empty list",
                     "leave the key out to delegate nothing of this kind");
      continue;
    }
    for (const Field& entry : read_one_or_more(reporter, *list)) {
      if (reporter.full()) return;
      read_right(entry, right, delegate, reporter);
    }
  }
  if (const auto pinning = keys.find("pinning"))
    delegate.pinning = read_flag(reporter, *pinning).value_or(false);
  if (const auto reach = keys.find("programsReach"))
    delegate.reach =
        read_word<model::ProgramReach>(reporter, *reach, model::name_of).value_or(delegate.reach);
  if (const auto at = keys.find("grantsAt")) {
    marks.grants_at = at->at();
    if (auto path = read_view_path(*at, kPlaceOfGrants, reporter))
      delegate.grants_at = *std::move(path);
  }
  draft.policy.delegate = std::move(delegate);
  draft.delegate = marks;
}

}  // namespace pinscope::policy
