#include "plugin/drift/grants.h"

#include <algorithm>
#include <utility>

#include "plugin/base/text.h"
#include "plugin/model/shapes.h"
#include "plugin/pipeline/change/changes.h"
#include "plugin/policy/decide/compare.h"

namespace pinscope::drift {
namespace {

using inventory::SourceState;
using model::GrantedPin;
using model::Rule;
using policy::GrantChange;

// "read of "/sys/fs/bpf/flows" for 0:0, 0440".
std::string rights_of(const GrantedPin& grant) {
  return access_text(grant) + " of " + quoted(grant.source) + " for " + std::to_string(grant.uid) +
         ":" + std::to_string(grant.gid) + ", " + model::mode_text(grant.mode);
}

// Only what differs of two that have one source.
std::string difference(const GrantedPin& given, const GrantedPin& now) {
  std::vector<std::string> parts;
  const auto add = [&](const char* what, const std::string& has, const std::string& would) {
    if (has != would) parts.push_back(what + has + ", and would be " + would);
  };
  const auto owner = [](const GrantedPin& grant) {
    return std::to_string(grant.uid) + ":" + std::to_string(grant.gid);
  };
  if (given.follow != now.follow)
    parts.push_back(given.follow ? "followed, and would not be" : "not followed, and would be");
  add("called ", quoted(given.name), quoted(now.name));
  add("for ", access_text(given), access_text(now));
  if (given.values && now.values) add("shown as ", values_text(given), values_text(now));
  add("owned by ", owner(given), owner(now));
  add("mode ", model::mode_text(given.mode), model::mode_text(now.mode));
  return joined(parts, "; ");
}

class Grants {
 public:
  explicit Grants(const Running& container)
      : record_(container.record), live_(container.live), restart_(container.restart) {}

  std::vector<Entry> take() {
    if (restart_.decision && restart_.decision->selected()) compare_grants();
    look_at_sources();
    return std::move(entries_);
  }

 private:
  Entry& add(Kind kind, std::string text, const Rule& rule) {
    return entries_.emplace_back(
        Entry{.kind = kind, .subject = {}, .text = std::move(text), .rule = rule});
  }

  // Of what would be left out only that which was given: the source says what became of it.
  [[nodiscard]] std::vector<GrantedPin> now(const std::vector<GrantedPin>& given) const {
    std::vector<GrantedPin> grants;
    const auto& decided = restart_.decision->grants;
    for (size_t i = 0; i < decided.size(); ++i) {
      const bool is_left_out =
          i < restart_.left_out.size() && restart_.left_out[i] != LeftOut::kNot;
      const auto is_its = [&](const GrantedPin& other) {
        return other.source == decided[i].source && other.name == decided[i].name;
      };
      if (is_left_out && std::ranges::none_of(given, is_its)) continue;
      grants.push_back(bare(decided[i]));
      if (is_no_map(decided[i])) grants.back().values.reset();
    }
    return grants;
  }

  // What was given is no map: it has no values, whatever the policies say.
  [[nodiscard]] bool is_no_map(const GrantedPin& grant) const {
    return std::ranges::any_of(record_.given.pins, [&](const auto& pin) {
      return pin.grant.source == grant.source && !pin.skipped &&
             pin.object.kind != model::ObjectKind::kMap;
    });
  }

  // From what the policies say to what there is: where both differ in more than one way, it is what
  // the container can do more that counts.
  void compare_grants() {
    const auto has = given_by(record_);
    for (auto& one : policy::compare_grants(now(has), has))
      take_over(one.change, one.before, one.after);
  }

  void take_over(GrantChange change, std::optional<GrantedPin>& now,
                 std::optional<GrantedPin>& given) {
    const auto differs = [&](Kind kind) {
      add(kind, quoted(given->name) + " is " + difference(*given, *now), now->rule);
    };
    switch (change) {
      case GrantChange::kSame:
        return;
      case GrantChange::kGained:
        add_surplus(*given);
        break;
      case GrantChange::kLost:
        add(Kind::kMissing,
            quoted(now->name) + ": the policies give " + rights_of(*now) +
                (was_skipped(*now) ? "; when it started, the source was missing" : ""),
            now->rule);
        break;
      case GrantChange::kWidened:
        differs(Kind::kWider);
        break;
      case GrantChange::kNarrowed:
        differs(Kind::kNarrower);
        break;
      case GrantChange::kChanged:
        differs(Kind::kChanged);
        break;
    }
    entries_.back().given = std::move(given);
    entries_.back().now = std::move(now);
  }

  // What it has and the decision does not.
  void add_surplus(const GrantedPin& grant) {
    told_.push_back(grant.name);
    // A glob does not match a pin that is gone: that is about its source, not about the policies.
    const bool still_selects =
        std::ranges::find(restart_.decision->selected_by, grant.rule.policy, &Rule::policy) !=
        restart_.decision->selected_by.end();
    if (still_selects && source_of(grant) == SourceState::kGone) {
      add(Kind::kSourceGone, gone_text(grant), grant.rule);
      return;
    }
    const auto& refusals = restart_.decision->refusals;
    const auto denied = std::ranges::find_if(refusals, [&](const model::RefusedPin& refusal) {
      return refusal.source == grant.source && refusal.name == grant.name;
    });
    std::string text = quoted(grant.name) + ": it has " + rights_of(grant) + ", which ";
    if (denied != refusals.end())
      text += to_string(denied->denied_by) + " denies now";
    else if (model::exception_behind(grant.rule, record_.exceptions) != nullptr)
      text += "ran out and is not undone yet";
    else
      text += "no policy gives it now";
    add(Kind::kExtra, std::move(text), grant.rule);
  }

  [[nodiscard]] bool was_skipped(const GrantedPin& grant) const {
    return std::ranges::any_of(record_.given.pins, [&](const auto& pin) {
      return pin.skipped && pin.grant.name == grant.name && pin.grant.source == grant.source;
    });
  }

  [[nodiscard]] SourceState source_of(const GrantedPin& grant) const {
    const auto& pins = record_.given.pins;
    for (size_t i = 0; i < pins.size() && i < live_.pins.size(); ++i)
      if (!pins[i].skipped && pins[i].grant.name == grant.name) return live_.pins[i].source;
    return SourceState::kUnknown;
  }

  static std::string gone_text(const GrantedPin& grant) {
    return quoted(grant.name) + ": its source " + quoted(grant.source) +
           " is gone; the container keeps the object";
  }

  void look_at_sources() {
    const auto& pins = record_.given.pins;
    for (size_t i = 0; i < pins.size() && i < live_.pins.size(); ++i) {
      const auto& grant = pins[i].grant;
      const auto& state = live_.pins[i];
      if (std::ranges::find(told_, grant.name) != told_.end()) continue;
      std::string text;
      switch (state.source) {
        case SourceState::kCurrent:
        case SourceState::kSkipped:
        case SourceState::kWaiting:
          continue;
        case SourceState::kStale:
          text = quoted(grant.name) + ": its source " + quoted(grant.source) +
                 " names another object now; the container has " +
                 model::name_of(pins[i].object.kind) + " " + std::to_string(pins[i].object.id);
          break;
        case SourceState::kGone:
          text = gone_text(grant);
          break;
        case SourceState::kUnknown:
          text = quoted(grant.name) + ": its source: " + state.problem;
          break;
      }
      const Kind kind = state.source == SourceState::kStale  ? Kind::kStale
                        : state.source == SourceState::kGone ? Kind::kSourceGone
                                                             : Kind::kUnknown;
      add(kind, std::move(text), grant.rule).given = bare(grant);
    }
  }

  const model::Record& record_;
  const inventory::Live& live_;
  const Restart& restart_;
  std::vector<Entry> entries_;
  std::vector<std::string> told_;  // names of grants of which there is nothing more to say
};

}  // namespace

std::vector<Entry> drift_of_grants(const Running& container) {
  return Grants(container).take();
}

std::vector<Waiting> waiting_of(const Running& container) {
  const auto& given = container.record.given;
  const auto& restart = container.restart;
  if (!restart.decision) return {};
  std::vector<Waiting> waiting;
  for (size_t i = 0; i < restart.left_out.size(); ++i) {
    const GrantedPin& grant = restart.decision->grants[i];
    const auto is_it = [&](const model::PinnedObject& pin) {
      return pin.waits() && pin.grant.source == grant.source && pin.grant.name == grant.name;
    };
    if (restart.left_out[i] == LeftOut::kMissing && std::ranges::any_of(given.pins, is_it))
      waiting.push_back({.subject = {given.id, given.engine, given.pid, given.bundle},
                         .name = grant.name,
                         .source = grant.source,
                         .rule = grant.rule});
  }
  return waiting;
}

}  // namespace pinscope::drift
