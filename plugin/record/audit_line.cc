#include "plugin/record/audit_line.h"

#include <algorithm>
#include <chrono>
#include <cstdio>

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
constexpr size_t kPinsUpTo = 928 * kKibi;
constexpr size_t kRefusalsUpTo = 960 * kKibi;
constexpr size_t kNotesUpTo = 976 * kKibi;
constexpr uint64_t kNanosecondsPerMicrosecond = 1000;

// RFC 3339 in UTC with microseconds. gmtime_r would read TZ and /etc/localtime, which at this point
// may be somebody else's.
std::string timestamp(uint64_t time_ns) {
  using namespace std::chrono;
  const auto since_epoch = microseconds(static_cast<int64_t>(time_ns / kNanosecondsPerMicrosecond));
  const auto day = floor<days>(sys_time<microseconds>(since_epoch));
  const year_month_day date(day);
  const hh_mm_ss time(sys_time<microseconds>(since_epoch) - day);
  char text[64];
  std::snprintf(text, sizeof text, "%04d-%02u-%02uT%02d:%02d:%02d.%06dZ",
                static_cast<int>(date.year()), static_cast<unsigned>(date.month()),
                static_cast<unsigned>(date.day()), static_cast<int>(time.hours().count()),
                static_cast<int>(time.minutes().count()), static_cast<int>(time.seconds().count()),
                static_cast<int>(time.subseconds().count()));
  return text;
}

// One line in the making: bounds every text and every list, and remembers whether one was cut.
class Line {
 public:
  explicit Line(const AuditEvent& event) : event_(event) {}

  std::string write() {
    json_.reserve(kBytesOfTheRest +
                  kBytesPerPin * std::min(kPinsUpTo / kBytesPerPin,
                                          event_.given.pins.size() + event_.given.refusals.size()));
    json_.object()
        .field("time", timestamp(event_.time_ns))
        .field("outcome", name_of(event_.outcome))
        .field("code", event_.error_code);
    text("error", event_.error, kLongestSentence);
    text("stage", event_.stage);
    container();
    json_.key("identity");
    cut_ = write_identity(json_, event_.given.identity, event_.given.engine, kLabelsUpTo) || cut_;
    list("policies", event_.given.selected_by, kPoliciesUpTo, [&](const model::Rule& rule) {
      text("name", rule.policy);
      text("place", model::to_string(rule.place));
    });
    list("pins", event_.given.pins, kPinsUpTo, [&](const PinnedObject& object) { pin(object); });
    list("refusals", event_.given.refusals, kRefusalsUpTo, [&](const model::RefusedPin& refusal) {
      text("name", refusal.name);
      text("source", refusal.source);
      text("granted_by", model::to_string(refusal.granted_by));
      text("denied_by", model::to_string(refusal.denied_by));
      if (!refusal.denied_as.empty()) text("denied_as", refusal.denied_as, kLongestSentence);
    });
    if (!event_.notes.empty())
      values("notes", event_.notes, kNotesUpTo, [&](const std::string& note) {
        const std::string_view shown = bounded(note, kLongestSentence, room_);
        cut_ = cut_ || shown.data() != note.data();
        json_.value(shown);
      });
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
  }

  // Pins of one grant follow each other and have one rule: its text is made once.
  void pin(const PinnedObject& pin) {
    const model::GrantedPin& grant = pin.grant;
    if (last_rule_ == nullptr || *last_rule_ != grant.rule) rule_ = model::to_string(grant.rule);
    last_rule_ = &grant.rule;
    text("name", grant.name);
    text("source", grant.source, kLongestSentence);
    json_.field("access", model::name_of(grant.access));
    if (pin.skipped) {
      json_.field("skipped", true);
    } else {
      json_.field("kind", model::name_of(pin.object.kind))
          .field("type", type_name(pin.object))
          .field("id", pin.object.id);
    }
    text("rule", rule_);
  }

  const AuditEvent& event_;
  JsonWriter json_;
  bool cut_ = false;
  std::string room_;  // of a text that is cut, until it is written
  const model::Rule* last_rule_ = nullptr;
  std::string rule_;
};

}  // namespace

std::string to_json_line(const AuditEvent& event) {
  return Line(event).write();
}

}  // namespace pinscope::record
