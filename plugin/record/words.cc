#include "plugin/record/words.h"

namespace pinscope::record {

const char* name_of(model::Record::State state) {
  switch (state) {
    case model::Record::State::kIntended:
      return "intended";
    case model::Record::State::kApplied:
      return "applied";
  }
  return "";
}

const char* name_of(model::AuditEvent::Outcome outcome) {
  switch (outcome) {
    case model::AuditEvent::Outcome::kGranted:
      return "granted";
    case model::AuditEvent::Outcome::kRefused:
      return "refused";
    case model::AuditEvent::Outcome::kRemoved:
      return "removed";
    case model::AuditEvent::Outcome::kPolicyRejected:
      return "policy-rejected";
    case model::AuditEvent::Outcome::kPolicyAccepted:
      return "policy-accepted";
    case model::AuditEvent::Outcome::kCollected:
      return "collected";
    case model::AuditEvent::Outcome::kChanged:
      return "changed";
    case model::AuditEvent::Outcome::kNotChanged:
      return "not-changed";
  }
  return "";
}

}  // namespace pinscope::record
