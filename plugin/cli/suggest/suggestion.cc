#include "plugin/cli/suggest/suggestion.h"

#include <algorithm>
#include <map>
#include <set>
#include <tuple>
#include <utility>

#include "plugin/advice/bypass_text.h"
#include "plugin/base/path.h"
#include "plugin/base/text.h"
#include "plugin/cli/suggest/select.h"
#include "plugin/inventory/machine/judge.h"
#include "plugin/policy/decide/grantable.h"

namespace pinscope::cli {
namespace {

using inventory::Instance;
using inventory::Machine;
using inventory::Object;
using model::Access;
using model::ObjectKind;

constexpr size_t kMaxPlaces = 8;     // comments on places at which it sees the host's bpffs
constexpr size_t kMaxNotHeld = 20;   // comments on pins that it sees and does not hold
constexpr size_t kMaxOtherPins = 4;  // names of further pins of one object

std::string last_of(const std::string& path) {
  return path.substr(path.rfind('/') + 1);
}

// A pin of the host's by its path there, and by its path in the container where it sees it.
struct Place {
  std::string source;
  std::string inside;   // empty: it does not
  PinTrust trust = {};  // where an object that it holds has this pin
  // All paths in the container, by the mounts that show it.
  std::map<std::string, std::string> seen;
};

class Maker {
 public:
  Maker(const SuggestFor& whom, const Machine& machine) : whom_(whom), machine_(machine) {}

  Suggestion make() {
    suggestion_.title = whom_.title;
    suggestion_.name = policy_name(whom_.name);
    warn();
    select_for(whom_, suggestion_);
    find_places();
    choose_at();
    for (const auto& object : machine_.objects)
      if (!object.holders.empty()) held(object);
    std::ranges::sort(suggestion_.grants, {}, &Suggestion::Grant::pin);
    for (const auto& why : open_directories_)
      comment(why +
              ": nobody can replace a pin above that is there, but take its name once it is "
              "removed; let only root write there (mode=700), or say expect in each grant");
    not_held();
    other_places();
    for (const auto& what : machine_.not_seen) comment("not seen: " + what);
    return std::move(suggestion_);
  }

 private:
  void comment(std::string text) { suggestion_.comments.push_back(std::move(text)); }

  // The host's bpffs goes by the policy itself: hostBpffs is mask where it says nothing.
  void warn() {
    for (const auto bypass : whom_.bypasses) {
      if (bypass == model::Bypass::kHostBpffs) continue;
      const auto& [text, action] = advice::text_of(bypass);
      suggestion_.warnings.push_back("void: " + std::string(text) + ": " + action);
    }
  }

  // Where each pin of a bpffs of the host is: there, and in the container.
  void find_places() {
    for (size_t i = 0; i < machine_.pins.size(); ++i) {
      const auto& pin = machine_.pins[i];
      if (machine_.instances[pin.instance].origin != Instance::Origin::kHost) continue;
      Place place;
      for (const auto& mount : machine_.mounts) {
        if (mount.instance != pin.instance) continue;
        const auto& space = machine_.spaces[mount.space];
        const std::string at = inventory::place_of(mount.mount, pin.pin.path);
        if (space.is_host && place.source.empty()) place.source = at;
        if (space.number == whom_.space && !at.empty())
          place.seen.try_emplace(mount.mount.mount_point, at);
      }
      if (!place.source.empty()) places_[i] = std::move(place);
    }
  }

  // The mount by which most of what it holds is seen; of several the usual one.
  void choose_at() {
    std::map<std::string, size_t> counts;
    for (const auto& object : machine_.objects)
      if (!object.holders.empty())
        for (const size_t pin : object.pins)
          if (const auto place = places_.find(pin); place != places_.end())
            for (const auto& [mount, inside] : place->second.seen) ++counts[mount];
    suggestion_.at = model::kDefaultViewAt;
    size_t most = counts[suggestion_.at];
    for (const auto& [mount, count] : counts)
      if (count > most && can_be_written(mount) && mount != "/") {
        most = count;
        suggestion_.at = mount;
      }
    for (auto& [pin, place] : places_)
      if (const auto by_view = place.seen.find(suggestion_.at); by_view != place.seen.end())
        place.inside = by_view->second;
      else if (!place.seen.empty())
        place.inside = place.seen.begin()->second;
  }

  void other_places() {
    std::set<std::string> mounts;
    for (const auto& mount : machine_.mounts)
      if (machine_.spaces[mount.space].number == whom_.space &&
          machine_.instances[mount.instance].origin == Instance::Origin::kHost &&
          mount.mount.mount_point != suggestion_.at)
        mounts.insert(mount.mount.mount_point);
    const bool sees_it_there = std::ranges::any_of(machine_.mounts, [&](const auto& mount) {
      return machine_.spaces[mount.space].number == whom_.space &&
             mount.mount.mount_point == suggestion_.at;
    });
    size_t told = 0;
    for (const auto& at : mounts) {
      if (told++ == kMaxPlaces)
        return comment("and at " + count_of(mounts.size() - kMaxPlaces, "place", "places") +
                       " more");
      comment(std::string("it ") + (sees_it_there ? "also " : "") + "sees the host's bpffs at " +
              quoted(at) + "; a view has one place, " + quoted(suggestion_.at) +
              ": let the program open its pins there, or link the other path to it");
    }
  }

  // The pins of an object, the best to grant first: nobody but root can change what it names, it
  // can be written, and the container sees it, at best where its view will be.
  [[nodiscard]] std::vector<const Place*> places_of(const Object& object) {
    std::vector<const Place*> places;
    places.reserve(object.pins.size());
    for (const size_t pin : object.pins)
      if (const auto found = places_.find(pin); found != places_.end()) {
        found->second.trust = whom_.trust_of(found->second.source);
        places.push_back(&found->second);
      }
    const std::string view = suggestion_.at + "/";
    std::ranges::sort(places, {}, [&](const Place* place) {
      return std::tuple(place->trust.kind, !is_exact(place->source), place->inside.empty(),
                        !place->inside.starts_with(view), place->source.size(), place->source);
    });
    return places;
  }

  // Of the further pins, `places` but the first, those that would do as well; others are counted.
  static std::string other_pins(const std::vector<const Place*>& places) {
    std::string text;
    size_t more = 0;
    size_t untrusted = 0;
    for (size_t i = 1; i < places.size(); ++i) {
      if (places[i]->trust.kind == PinTrust::Kind::kOthers)
        ++untrusted;
      else if (i > kMaxOtherPins)
        ++more;
      else
        text += (text.empty() ? "it is also pinned as " : ", ") + quoted(places[i]->source);
    }
    if (more > 0) text += " and " + count_of(more, "other", "others");
    if (untrusted > 0)
      text += (text.empty() ? "" : "; ") + count_of(untrusted, "pin", "pins") +
              " of it, which others than root can replace, left out: the first is " +
              quoted(places[places.size() - untrusted]->source);
    return text;
  }

  static Access access_of(const Object& object) {
    switch (object.info.kind) {
      case ObjectKind::kMap:
        break;
      case ObjectKind::kProgram:
        return Access::kUse;
      case ObjectKind::kLink:
        return Access::kReadWrite;
    }
    const bool writes = std::ranges::any_of(object.holders, &inventory::Holder::for_writing);
    return writes ? Access::kReadWrite : Access::kRead;
  }

  static std::string holders_of(const Object& object) {
    std::string text;
    for (const auto& holder : object.holders)
      text += (text.empty() ? "" : ", ") + inventory::process_text(holder.command, holder.pid);
    return text;
  }

  void held(const Object& object) {
    const std::string what = inventory::text_of(object.info) + ", held by " + holders_of(object);
    const auto places = places_of(object);
    if (places.empty())
      return comment(what +
                     ": no pin of the host names it, so it cannot be granted; if the "
                     "container made it, `delegate` may be what it needs");
    const auto* place = places.front();
    if (place->trust.kind == PinTrust::Kind::kOthers)
      return comment(what + ": not granted, because others than root can put another object in " +
                     "place of its pin " + quoted(place->source) + ": " + place->trust.why +
                     "; pin it where only root may write");
    if (!is_exact(place->source))
      return comment(what + ": the name of its pin " + quoted(place->source) +
                     " cannot be written in a policy; pin it under another one");
    Suggestion::Grant grant{place->source, "", access_of(object), {what}};
    auto name = name_in_view(*place, grant);
    if (!names_.insert(name).second)
      return comment(what + ": its name in the view, " + quoted(name) + ", is taken already");
    if (place->trust.kind == PinTrust::Kind::kWhileItIsThere)
      open_directories_.insert(place->trust.why);
    if (auto others = other_pins(places); !others.empty())
      grant.comments.push_back(std::move(others));
    if (name != last_of(place->source)) grant.as = std::move(name);
    judge(object, std::move(grant));
  }

  std::string name_in_view(const Place& place, Suggestion::Grant& grant) const {
    const std::string below = suggestion_.at + "/";
    if (place.inside.starts_with(below)) return place.inside.substr(below.size());
    grant.comments.push_back(
        place.inside.empty()
            ? "the container does not see this pin: it has the object by its id, or was handed it"
            : "in the container it was " + quoted(place.inside));
    return last_of(place.source);
  }

  // Whether it can be granted so, with the judgement of a start.
  void judge(const Object& object, Suggestion::Grant grant) {
    model::GrantedPin asked;
    asked.source = grant.pin;
    asked.access = grant.access;
    auto answer = policy::check_grantable(asked, object.info);
    if (!answer && grant.access == Access::kRead) {
      asked.access = grant.access = Access::kReadWrite;
      grant.comments.push_back("it is held for reading; that cannot be granted: " +
                               answer.error().sentence());
      answer = policy::check_grantable(asked, object.info);
    } else if (answer && grant.access == Access::kReadWrite &&
               object.info.kind == ObjectKind::kMap) {
      grant.comments.emplace_back(
          "it is open for writing, as every library asks by default: if the program only reads, "
          "let it open with BPF_F_RDONLY, and say read");
    }
    if (answer) answer = beside_others_(asked, object.info);
    if (!answer) return comment(grant.comments.front() + ": " + answer.error().sentence());
    suggestion_.grants.push_back(std::move(grant));
  }

  void not_held() {
    size_t more = 0;
    size_t told = 0;
    for (const auto& [at, place] : places_) {
      const auto object = machine_.find(machine_.pins[at].pin.object);
      if (place.inside.empty() || !object || !machine_.objects[*object].holders.empty()) continue;
      if (told == kMaxNotHeld) {
        ++more;
        continue;
      }
      ++told;
      comment("it sees and does not hold " + quoted(place.inside) + ", " +
              inventory::text_of(machine_.objects[*object].info) +
              ": grant it if it opens that from time to time");
    }
    if (more > 0) comment("and " + count_of(more, "pin", "pins") + " more like these");
  }

  const SuggestFor& whom_;
  const Machine& machine_;
  Suggestion suggestion_;
  std::map<size_t, Place> places_;  // by Machine::pins
  std::set<std::string> names_;     // in the view
  std::set<std::string> open_directories_;
  policy::ObjectJudge beside_others_;
};

}  // namespace

Suggestion suggest_for(const SuggestFor& whom, const Machine& machine) {
  return Maker(whom, machine).make();
}

}  // namespace pinscope::cli
