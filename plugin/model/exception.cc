#include "plugin/model/exception.h"

#include <algorithm>

#include "plugin/base/clock.h"
#include "plugin/base/text.h"

namespace pinscope::model {
std::string text_of(const Caller& caller) {
  std::string text = "uid " + std::to_string(caller.uid);
  if (caller.login_uid) text += " (logged in as " + std::to_string(*caller.login_uid) + ")";
  return text;
}

const char* name_of(Exception::Kind kind) {
  switch (kind) {
    case Exception::Kind::kRevoke:
      return "revoke";
    case Exception::Kind::kGrant:
      return "grant";
  }
  return "";
}

bool is_in_force(const Exception& exception, uint64_t now_ns) {
  if (exception.until_ns != 0 && now_ns >= exception.until_ns) return false;
  return exception.kind == Exception::Kind::kRevoke || now_ns >= exception.made_ns;
}

bool is_same_matter(const Exception& one, const Exception& other) {
  return one.kind == other.kind && one.pin == other.pin && one.object == other.object &&
         (one.kind == Exception::Kind::kRevoke || one.name == other.name);
}

Rule rule_of(const Exception& exception) {
  return {"exception " + std::to_string(exception.number) + " (" + name_of(exception.kind) + ")",
          {}};
}

// A rule of a policy has the place where it stands.
bool is_exception(const Rule& rule) {
  return rule.place.file.empty() && rule.policy.starts_with("exception ");
}

uint32_t number_of(const Rule& rule) {
  if (!is_exception(rule)) return 0;
  const auto words = split(rule.policy, ' ');
  return static_cast<uint32_t>(parse_unsigned(words[1]).value_or(0));
}

const Exception* exception_behind(const Rule& rule, const std::vector<Exception>& exceptions) {
  const auto found = std::ranges::find_if(
      exceptions, [&](const Exception& exception) { return rule_of(exception) == rule; });
  return found == exceptions.end() ? nullptr : &*found;
}

std::string matter_of(const Exception& exception) {
  if (exception.kind == Exception::Kind::kGrant)
    return std::string(name_of(exception.access)) + " of " + quoted(exception.pin) + " as " +
           quoted(exception.name);
  if (exception.pin == kEveryPin) return "every pin";
  if (exception.pin.empty())
    return std::string(name_of(exception.object.kind)) + " " + std::to_string(exception.object.id);
  return quoted(exception.pin);
}

std::string time_text(const Exception& exception, uint64_t now_ns) {
  if (is_in_force(exception, now_ns))
    return "until " +
           (exception.until_ns == 0 ? "the container ends" : utc_time(exception.until_ns));
  return now_ns < exception.until_ns
             ? "ran out because the clock was set back, not undone yet"
             : "ran out at " + utc_time(exception.until_ns) + ", not undone yet";
}

std::string text_of(const Exception& exception, uint64_t now_ns) {
  return rule_of(exception).policy + ": " + matter_of(exception) + ", " +
         time_text(exception, now_ns) + "; by " + text_of(exception.by) + ": " +
         quoted(exception.reason);
}

const char* state_of(const Exception& exception, uint64_t now_ns) {
  return is_in_force(exception, now_ns) ? "in-force" : "ran-out";
}

void write_exception(JsonWriter& json, const Exception& exception, const char* state) {
  json.object()
      .field("number", exception.number)
      .field("kind", name_of(exception.kind))
      .field("state", state);
  if (exception.object.id != 0)
    json.key("object")
        .object()
        .field("kind", name_of(exception.object.kind))
        .field("id", exception.object.id)
        .end();
  else
    json.field("pin", exception.pin);
  if (!exception.name.empty()) json.field("name", exception.name);
  if (exception.kind == Exception::Kind::kGrant) json.field("access", name_of(exception.access));
  json.field("made", exact_utc_time(exception.made_ns));
  if (exception.until_ns != 0) json.field("until", exact_utc_time(exception.until_ns));
  json.key("by").object().field("uid", exception.by.uid);
  if (exception.by.login_uid) json.field("login_uid", *exception.by.login_uid);
  json.end().field("reason", exception.reason).end();
}

// As it was when it was made: what became of it is the first word.
std::string text_of(const ExceptionChange& change) {
  return std::string(name_of(change.what)) + " " +
         text_of(change.exception, change.exception.made_ns);
}

const char* name_of(ExceptionChange::What what) {
  switch (what) {
    case ExceptionChange::What::kMade:
      return "made";
    case ExceptionChange::What::kUndone:
      return "undone";
    case ExceptionChange::What::kRanOut:
      return "ran-out";
  }
  return "";
}

}  // namespace pinscope::model
