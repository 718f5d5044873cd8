#include "plugin/record/audit_line.h"

#include <algorithm>

#include "plugin/base/clock.h"
#include "plugin/json/json.h"
#include "plugin/record/bounds.h"
#include "plugin/record/delegation_json.h"
#include "plugin/record/identity_json.h"
#include "plugin/record/words.h"

namespace pinscope::record {
namespace {

using model::AuditEvent;
using model::PinnedObject;

constexpr size_t kBytesPerPin = 256;
constexpr size_t kBytesOfTheRest = 4096;
// A list ends when the line has this many bytes, so that kLongestLine holds with the longest item
// and whatever comes after. The grants of a thousand pins fit; what a tenant can choose stays below
// kLabelsUpTo and one label.
constexpr size_t kKibi = 1024;
constexpr size_t kLabelsUpTo = 96 * kKibi;
constexpr size_t kPoliciesUpTo = 128 * kKibi;
constexpr size_t kNamesUpTo = 128 * kKibi;
constexpr size_t kChangesOfOne = 16 * kKibi;
constexpr size_t kChangesUpTo = kNamesUpTo + kChangesOfOne;
constexpr size_t kPinsUpTo = 928 * kKibi;
constexpr size_t kRefusalsUpTo = 960 * kKibi;
constexpr size_t kHiddenUpTo = 968 * kKibi;
constexpr size_t kNotesUpTo = 976 * kKibi;
constexpr size_t kExceptionsUpTo = 984 * kKibi;
constexpr uint64_t kNanosecondsPerMicrosecond = 1000;

// One line in the making: bounds every text and every list, and remembers whether one was cut.
class Line {
 public:
  explicit Line(const AuditEvent& event) : event_(event) {}

  std::string write() {
    json_.reserve(kBytesOfTheRest +
                  kBytesPerPin * std::min(kPinsUpTo / kBytesPerPin,
                                          event_.given.pins.size() + event_.given.refusals.size()));
    json_.object()
        .field("time", exact_utc_time(event_.time_ns))
        .field("outcome", name_of(event_.outcome))
        .field("code", event_.error_code);
    text("error", event_.error, kLongestSentence);
    text("stage", event_.stage);
    container();
    json_.key("identity");
    cut_ = write_identity(json_, event_.given.identity, event_.given.engine, kLabelsUpTo) || cut_;
    if (!event_.given.bypasses.empty())
      values("void", event_.given.bypasses, kPoliciesUpTo,
             [&](model::Bypass bypass) { json_.value(name_of(bypass)); });
    list("policies", event_.given.selected_by, kPoliciesUpTo,
         [&](const model::Rule& one) { members(one); });
    if (!event_.rules.empty())
      list("rules", event_.rules, kPoliciesUpTo, [&](const model::Rule& one) { members(one); });
    if (event_.accepted) accepted(*event_.accepted);
    list("pins", event_.given.pins, kPinsUpTo, [&](const PinnedObject& object) { pin(object); });
    list("refusals", event_.given.refusals, kRefusalsUpTo, [&](const model::RefusedPin& refusal) {
      text("name", refusal.name);
      text("source", refusal.source);
      rule("granted_by", refusal.granted_by);
      rule("denied_by", refusal.denied_by);
      if (!refusal.denied_as.empty()) text("denied_as", refusal.denied_as, kLongestSentence);
    });
    if (event_.given.values_at) text("values_at", *event_.given.values_at, kLongestSentence);
    if (!event_.given.hidden.empty())
      texts("hidden", event_.given.hidden, kHiddenUpTo, kLongestSentence);
    if (!event_.notes.empty()) texts("notes", event_.notes, kNotesUpTo, kLongestSentence);
    if (!event_.exceptions.empty()) exceptions();
    if (event_.given.delegation) {
      json_.key("delegation");
      write_delegation(json_, *event_.given.delegation);
    }
    if (cut_) json_.field("cut", true);
    json_.field("duration_us", event_.duration_ns / kNanosecondsPerMicrosecond).end();
    return json_.take();
  }

 private:
  void text(std::string_view name, std::string_view value, size_t limit = kLongestName) {
    const std::string_view shown = bounded(value, limit, room_);
    cut_ = cut_ || shown.data() != value.data();
    json_.field(name, shown);
  }

  // The members of a rule, as add_rule() writes them, but bounded.
  void members(const model::Rule& one) {
    text("policy", one.policy);
    text("file", one.place.file);
    json_.field("line", one.place.line).field("column", one.place.column);
  }
  void rule(std::string_view name, const model::Rule& one) {
    json_.key(name).object();
    members(one);
    json_.end();
  }

  void accepted(const model::AcceptedPolicies& policies) {
    json_.key("accepted")
        .object()
        .field("digest", policies.digest)
        .field("count", uint64_t{policies.names.size()});
    texts("names", policies.names, kNamesUpTo, kLongestName);
    texts("added", policies.added, kChangesUpTo, kLongestName);
    texts("removed", policies.removed, kChangesUpTo + kChangesOfOne, kLongestName);
    texts("changed", policies.changed, kChangesUpTo + 2 * kChangesOfOne, kLongestName);
    json_.end();
  }

  void texts(std::string_view name, const std::vector<std::string>& items, size_t up_to,
             size_t longest) {
    values(name, items, up_to, [&](const std::string& item) {
      const std::string_view shown = bounded(item, longest, room_);
      cut_ = cut_ || shown.data() != item.data();
      json_.value(shown);
    });
  }

  // Of values of any kind.
  template <typename Item, typename Write>
  void values(std::string_view name, const std::vector<Item>& items, size_t up_to,
              const Write& write) {
    json_.key(name).array();
    size_t written = 0;
    for (; written < items.size() && json_.text().size() < up_to; ++written) write(items[written]);
    json_.end();
    if (written == items.size()) return;
    cut_ = true;
    json_.field(std::string(name) + "_left_out", uint64_t{items.size() - written});
  }

  // Of objects.
  template <typename Item, typename Write>
  void list(std::string_view name, const std::vector<Item>& items, size_t up_to,
            const Write& write) {
    values(name, items, up_to, [&](const Item& item) {
      json_.object();
      write(item);
      json_.end();
    });
  }

  void container() {
    json_.key("container").object();
    text("id", event_.given.id);
    text("bundle", event_.given.bundle, kLongestSentence);
    json_.field("pid", event_.given.pid).field("engine", model::engine_name(event_.given.engine));
    if (event_.given.uid) json_.field("uid", *event_.given.uid);
    json_.end();
    if (!event_.by) return;
    json_.key("by").object().field("uid", event_.by->uid);
    if (event_.by->login_uid) json_.field("login_uid", *event_.by->login_uid);
    json_.end();
  }

  [[gnu::cold]] void exceptions() {
    values("exceptions", event_.exceptions, kExceptionsUpTo,
           [&](const model::ExceptionChange& change) {
             model::write_exception(json_, change.exception, name_of(change.what));
           });
  }

  void pin(const PinnedObject& pin) {
    const model::GrantedPin& grant = pin.grant;
    text("name", grant.name);
    text("source", grant.source, kLongestSentence);
    json_.field("access", model::name_of(grant.access));
    if (grant.values) json_.field("values", model::name_of(mode_of(grant)));
    if (grant.follow) json_.field("follow", true);
    if (pin.skipped) {
      json_.field("skipped", true);
      if (pin.waits()) json_.field("waits", true);
    } else {
      json_.field("kind", model::name_of(pin.object.kind))
          .field("type", type_name(pin.object))
          .field("id", pin.object.id);
    }
    rule("rule", grant.rule);
  }

  const AuditEvent& event_;
  JsonWriter json_;
  bool cut_ = false;
  std::string room_;  // of a text that is cut, until it is written
};

}  // namespace

std::string to_json_line(const AuditEvent& event) {
  return Line(event).write();
}

}  // namespace pinscope::record
