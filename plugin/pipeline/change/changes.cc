#include "plugin/pipeline/change/changes.h"

#include <algorithm>
#include <map>
#include <utility>

#include "plugin/base/text.h"
#include "plugin/model/policy.h"
#include "plugin/model/shapes.h"
#include "plugin/policy/decide/compare.h"

namespace pinscope {
namespace {

using namespace model;
using policy::GrantChange;

std::string rights_of(const GrantedPin& grant) {
  return quoted(grant.name) + ": " + name_of(grant.access) + " of " + quoted(grant.source);
}

Change::Kind kind_of(GrantChange change) {
  switch (change) {
    case GrantChange::kWidened:
      return Change::Kind::kWidened;
    case GrantChange::kGained:
      return Change::Kind::kAdded;
    case GrantChange::kNarrowed:
      return Change::Kind::kNarrowed;
    case GrantChange::kLost:
      return Change::Kind::kRemoved;
    case GrantChange::kChanged:
    case GrantChange::kSame:
      break;
  }
  return Change::Kind::kChanged;
}

std::string owner_of(const GrantedPin& grant) {
  return std::to_string(grant.uid) + ":" + std::to_string(grant.gid) + " " + mode_text(grant.mode);
}

// Of one that stays: what is different of it.
std::string difference(const GrantedPin& before, const GrantedPin& after) {
  std::vector<std::string> parts;
  const auto add = [&](const std::string& was, const std::string& is) {
    if (was != is) parts.push_back(was + " becomes " + is);
  };
  add(quoted(before.name), quoted(after.name));
  add(name_of(before.access), name_of(after.access));
  add(owner_of(before), owner_of(after));
  const auto followed = [](const GrantedPin& grant) {
    return grant.follow ? "followed" : "not followed";
  };
  add(followed(before), followed(after));
  return quoted(after.name) + ": " + joined(parts, ", ");
}

// As a pin in the view, without its values.
GrantedPin as_pin(GrantedPin grant) {
  grant = bare(grant);
  grant.values.reset();
  return grant;
}

bool is_pin(const PinnedObject& pin) {
  return !pin.skipped && pin.grant.pin;
}

class Compared {
 public:
  Compared(const Record& record, const Restart& restart)
      : record_(record), decision_(*restart.decision), restart_(restart) {
    for (size_t i = 0; i < decision_.grants.size(); ++i)
      if (restart.left_out[i] == LeftOut::kNot && decision_.grants[i].pin)
        now_.push_back({.grant = as_pin(decision_.grants[i]),
                        .object = restart.objects[i].value_or(ObjectInfo())});
  }

  Changes take() {
    std::vector<GrantedPin> has;
    for (const auto& pin : record_.given.pins)
      if (is_pin(pin)) has.push_back(as_pin(pin.grant));
    std::vector<GrantedPin> grants;
    grants.reserve(now_.size());
    for (const auto& pin : now_) grants.push_back(pin.grant);
    for (auto& one : policy::compare_grants(has, grants)) compare(one);
    if (!has.empty() && !now_.empty() && record_.layout != decision_.layout)
      add(Change::Kind::kLayout, std::string("layout ") + model::name_of(record_.layout) +
                                     " becomes " + model::name_of(decision_.layout));
    compare_host_bpffs();
    changes_.to_nothing = !has.empty() && now_.empty();
    look_for_lost();
    compare_values();
    look_at_rest();
    return std::move(changes_);
  }

 private:
  Change& add(Change::Kind kind, std::string text) {
    return changes_.made.emplace_back(Change{.kind = kind, .text = std::move(text)});
  }

  void compare_host_bpffs() {
    if (decision_.selected() && !record_.given.selected_by.empty() &&
        record_.host_bpffs != decision_.host_bpffs)
      add(Change::Kind::kChanged, std::string("view.hostBpffs ") +
                                      model::name_of(record_.host_bpffs) + " becomes " +
                                      model::name_of(decision_.host_bpffs));
  }

  void compare(policy::ComparedGrant& one) {
    const auto kind = kind_of(one.change);
    if (one.change == GrantChange::kSame) {
      const auto* before = pin_of(record_.given.pins, *one.before);
      const auto* after = pin_of(now_, *one.after);
      if (before == nullptr || after == nullptr ||
          (before->object.kind == after->object.kind && before->object.id == after->object.id))
        return;
      add(Change::Kind::kReplaced,
          quoted(one.after->name) + ": " + model::name_of(before->object.kind) + " " +
              std::to_string(before->object.id) + " becomes " + model::name_of(after->object.kind) +
              " " + std::to_string(after->object.id));
    } else if (one.before && one.after) {
      add(kind, difference(*one.before, *one.after));
    } else {
      add(kind, rights_of(one.after ? *one.after : *one.before));
    }
    changes_.made.back().before = std::move(one.before);
    changes_.made.back().after = std::move(one.after);
  }

  static const PinnedObject* pin_of(const std::vector<PinnedObject>& pins,
                                    const GrantedPin& grant) {
    const auto found = std::ranges::find_if(pins, [&](const PinnedObject& pin) {
      return is_pin(pin) && pin.grant.name == grant.name && pin.grant.source == grant.source;
    });
    return found == pins.end() ? nullptr : &*found;
  }

  // By objects and not by names: one that is granted under another name is not lost.
  void look_for_lost() {
    for (const auto& pin : record_.given.pins) {
      if (!is_pin(pin) || pin.object.id == 0) continue;
      bool reads = false;
      bool writes = false;
      for (const auto& other : now_)
        if (other.object.kind == pin.object.kind && other.object.id == pin.object.id) {
          reads = true;
          writes = writes || opens_for_writing(other.grant.access);
        }
      if (reads && (writes || !opens_for_writing(pin.grant.access))) continue;
      changes_.lost.push_back({pin.object.identity(), pin.grant.name, reads});
    }
  }

  // What is no matter of the grants' view.
  void look_at_rest() {
    const auto leave = [&](std::string text) {
      changes_.left.push_back(std::move(text) + "; start the container anew");
    };
    if (!decision_.selected()) {
      if (record_.given.delegation) leave("its BPF tokens cannot be taken back");
      return;
    }
    const auto& has = record_.given.delegation;
    const auto& would = decision_.delegation;
    if (has && !would)
      leave("its BPF tokens cannot be taken back");
    else if (!has && would)
      leave("a bpffs that gives BPF tokens is mounted at a start only");
    else if (has && (has->rights != would->rights || has->pinning != would->pinning))
      leave("what its BPF tokens allow cannot be changed");
    const std::string& place = has ? has->grants_at : record_.at;
    if (place != decision_.grants_at())
      leave("its view is at " + quoted(place) + ", and would be at " +
            quoted(decision_.grants_at()));
    const auto& shown_at = record_.given.values_at;
    if (shown_at && decision_.shows_values() && *shown_at != decision_.values_at)
      leave("its values are at " + quoted(*shown_at) + ", and would be at " +
            quoted(decision_.values_at));
    if (has)
      for (const auto& change : changes_.made)
        if (change.kind == Change::Kind::kAdded)
          changes_.left.push_back(quoted(change.after->name) + " is at " + quoted(place) +
                                  " alone: the bpffs that gives tokens gets no link to it");
  }

  // Whose values are shown: by the grant's name, of which map, and how.
  struct Shown {
    uint32_t map = 0;
    std::string source;
    std::string how;
    friend bool operator==(const Shown&, const Shown&) = default;
  };
  using AllShown = std::map<std::string, Shown>;
  static void note(const GrantedPin& grant, uint32_t map, AllShown& shown) {
    if (grant.values)
      shown.emplace(grant.name,
                    Shown{map, grant.source, owner_of(grant) + ", " + values_text(grant)});
  }

  [[nodiscard]] AllShown values_of_record() const {
    AllShown shown;
    for (const auto& pin : record_.given.pins)
      if (!pin.skipped && pin.object.kind == ObjectKind::kMap)
        note(pin.grant, pin.object.id, shown);
    return shown;
  }
  [[nodiscard]] AllShown values_of_decision() const {
    AllShown shown;
    for (size_t i = 0; i < decision_.grants.size(); ++i) {
      const auto& object = restart_.objects[i];
      if (restart_.left_out[i] == LeftOut::kNot && object && object->kind == ObjectKind::kMap)
        note(decision_.grants[i], object->id, shown);
    }
    return shown;
  }

  void compare_values() {
    const auto before = values_of_record();
    const auto after = values_of_decision();
    const size_t of_pins = changes_.made.size();
    for (const auto& [name, shown] : before) {
      const std::string values = "the values of " + quoted(name);
      const auto now = after.find(name);
      if (now == after.end())
        add(Change::Kind::kRemoved, values);
      else if (now->second.map != shown.map)
        add(Change::Kind::kReplaced, values + ": map " + std::to_string(shown.map) +
                                         " becomes map " + std::to_string(now->second.map));
      else if (now->second != shown)
        add(Change::Kind::kChanged, values + ": " + shown.how + " becomes " + now->second.how);
    }
    for (const auto& [name, shown] : after)
      if (!before.contains(name))
        add(Change::Kind::kAdded,
            "the values of " + quoted(name) + ": of " + quoted(shown.source) + ", " + shown.how);
    changes_.of_values = changes_.made.size() > of_pins;
    changes_.to_nothing = changes_.to_nothing || (!before.empty() && after.empty());
    changes_.to_nothing = changes_.to_nothing && now_.empty() && after.empty();
  }

  const Record& record_;
  const Decision& decision_;
  const Restart& restart_;
  std::vector<PinnedObject> now_;
  Changes changes_;
};

}  // namespace

GrantedPin bare(const GrantedPin& grant) {
  GrantedPin rest = grant;
  rest.expect = {};
  rest.missing = {};
  rest.object.reset();
  return rest;
}

Decision pins_of(const Decision& decision) {
  Decision pins = decision;
  std::erase_if(pins.grants, [](const GrantedPin& grant) { return !grant.pin; });
  for (auto& grant : pins.grants) grant.values.reset();
  return pins;
}

std::vector<GrantedPin> given_by(const Record& record) {
  std::vector<GrantedPin> grants;
  for (const auto& pin : record.given.pins)
    if (!pin.skipped) grants.push_back(bare(pin.grant));
  return grants;
}

const char* name_of(Change::Kind kind) {
  switch (kind) {
    case Change::Kind::kAdded:
      return "added";
    case Change::Kind::kRemoved:
      return "removed";
    case Change::Kind::kWidened:
      return "widened";
    case Change::Kind::kNarrowed:
      return "narrowed";
    case Change::Kind::kChanged:
      return "changed";
    case Change::Kind::kReplaced:
      return "replaced";
    case Change::Kind::kLayout:
      return "layout";
    case Change::Kind::kMasked:
      return "masked";
    case Change::Kind::kRepaired:
      return "repaired";
    case Change::Kind::kException:
      return "exception";
  }
  return "";
}

std::string to_string(const Change& change) {
  return std::string(name_of(change.kind)) + " " + change.text;
}

Changes changes_of(const Record& record, const Restart& restart) {
  return Compared(record, restart).take();
}

}  // namespace pinscope
