#include "plugin/cli/suggest/suggestion.h"

#include <algorithm>
#include <map>
#include <optional>
#include <set>
#include <utility>

#include "plugin/advice/bypass_text.h"
#include "plugin/base/path.h"
#include "plugin/base/text.h"
#include "plugin/inventory/machine/judge.h"
#include "plugin/policy/decide/grantable.h"
#include "plugin/policy/glob.h"

namespace pinscope::cli {
namespace {

using inventory::Instance;
using inventory::Machine;
using inventory::Object;
using model::Access;
using model::ObjectKind;

constexpr size_t kMaxPlaces = 8;    // comments on places at which it sees the host's bpffs
constexpr size_t kMaxNotHeld = 20;  // comments on pins that it sees and does not hold

// Whether a scalar of YAML in double quotes says exactly this: quotes and backslashes alone are
// escaped there as quoted() does it.
bool can_be_written(const std::string& text) {
  return one_line(text) == text;
}

std::string last_of(const std::string& path) {
  return path.substr(path.rfind('/') + 1);
}

// A pin of the host's by its path there, and by its path in the container where it sees it.
struct Place {
  std::string source;
  std::string inside;  // empty: it does not
  // All paths in the container, by the mounts that show it.
  std::map<std::string, std::string> seen;
};

class Maker {
 public:
  Maker(const SuggestFor& whom, const Machine& machine) : whom_(whom), machine_(machine) {}

  Suggestion make() {
    suggestion_.title = whom_.title;
    name();
    warn();
    select();
    find_places();
    choose_at();
    for (const auto& object : machine_.objects)
      if (!object.holders.empty()) held(object);
    std::ranges::sort(suggestion_.grants, {}, &Suggestion::Grant::pin);
    not_held();
    other_places();
    for (const auto& what : machine_.not_seen) comment("not seen: " + what);
    return std::move(suggestion_);
  }

 private:
  void comment(std::string text) { suggestion_.comments.push_back(std::move(text)); }

  void name() {
    for (const char byte : whom_.name) {
      const bool is_plain = (byte >= 'a' && byte <= 'z') || (byte >= '0' && byte <= '9');
      if (is_plain)
        suggestion_.name += byte;
      else if (!suggestion_.name.empty() && suggestion_.name.back() != '-')
        suggestion_.name += '-';
      if (suggestion_.name.size() >= 40) break;
    }
    while (suggestion_.name.ends_with('-')) suggestion_.name.pop_back();
    // A number alone is no text in YAML.
    if (suggestion_.name.find_first_not_of("0123456789-") == std::string::npos)
      suggestion_.name = "suggested" + (suggestion_.name.empty() ? "" : "-" + suggestion_.name);
  }

  // The host's bpffs goes by the policy itself: hostBpffs is mask where it says nothing.
  void warn() {
    for (const auto bypass : whom_.bypasses) {
      if (bypass == model::Bypass::kHostBpffs) continue;
      const auto& [text, action] = advice::text_of(bypass);
      suggestion_.warnings.push_back("void: " + std::string(text) + ": " + action);
    }
  }

  static bool is_exact(const std::string& text) {
    return can_be_written(text) && !policy::is_glob(text) && !text.empty();
  }

  void select() {
    auto& lines = suggestion_.select;
    auto& comments = suggestion_.select_comments;
    const std::string engine = model::engine_name(whom_.engine);
    if (!engine.empty()) lines.push_back("engine: " + engine);
    const auto& identity = whom_.identity;
    std::string kubernetes;
    const auto add = [&](const char* key, const std::optional<model::Fact>& fact) {
      if (fact && is_exact(fact->value))
        kubernetes +=
            (kubernetes.empty() ? "" : ", ") + std::string(key) + ": " + quoted(fact->value);
    };
    add("namespace", identity.kubernetes_namespace);
    add("container", identity.kubernetes_container);
    std::string labels;
    for (const auto& [key, fact] : identity.kubernetes_labels)
      if (is_exact(key) && is_exact(fact.value))
        labels += (labels.empty() ? "" : ", ") + quoted(key) + ": " + quoted(fact.value);
    if (!kubernetes.empty() && !labels.empty()) kubernetes += ", labels: {" + labels + "}";
    if (!kubernetes.empty()) {
      lines.push_back("kubernetes: {" + kubernetes + "}");
      if (identity.kubernetes_pod)
        comments.push_back("the pod was " + quoted(identity.kubernetes_pod->value) +
                           "; labels of it tell its containers from others of this name");
    } else {
      without_kubernetes(lines, comments);
    }
    if (identity.image) comments.push_back("its image is " + quoted(identity.image->value));
  }

  void without_kubernetes(std::vector<std::string>& lines, std::vector<std::string>& comments) {
    const bool is_known = whom_.engine != model::Engine::kUnknown;
    if (is_known) {
      if (whom_.has_own_network) lines.emplace_back("namespaces: {net: private}");
      comments.emplace_back(
          "every container of this engine that is so is selected: its engine vouches for nothing "
          "that tells this one from the others; add what you know (annotations, user, bundle)");
    } else if (is_exact(whom_.bundle)) {
      lines.push_back("bundle: " + quoted(whom_.bundle));
    } else {
      lines.emplace_back("bundle: \"/write/here/whom/this/is/for\"");
      comments.emplace_back("whom this is for could not be told: as it is, it selects nobody");
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

  // One that the container sees goes before others.
  [[nodiscard]] const Place* place_of(const Object& object) const {
    const Place* best = nullptr;
    for (const size_t pin : object.pins) {
      const auto found = places_.find(pin);
      if (found == places_.end()) continue;
      const bool is_better =
          best == nullptr || (best->inside.empty() && !found->second.inside.empty());
      if (is_better) best = &found->second;
    }
    return best;
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
      text +=
          (text.empty() ? "" : ", ") + holder.command + " (pid " + std::to_string(holder.pid) + ")";
    return text;
  }

  void held(const Object& object) {
    const std::string what = inventory::text_of(object.info) + ", held by " + holders_of(object);
    const auto* place = place_of(object);
    if (place == nullptr)
      return comment(what +
                     ": no pin of the host names it, so it cannot be granted; if the "
                     "container made it, `delegate` may be what it needs");
    if (!is_exact(place->source))
      return comment(what + ": the name of its pin " + quoted(place->source) +
                     " cannot be written in a policy; pin it under another one");
    Suggestion::Grant grant{place->source, "", access_of(object), {what}};
    auto name = name_in_view(*place, grant);
    if (!names_.insert(name).second)
      return comment(what + ": its name in the view, " + quoted(name) + ", is taken already");
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
  policy::ObjectJudge beside_others_;
};

}  // namespace

Suggestion suggest_for(const SuggestFor& whom, const Machine& machine) {
  return Maker(whom, machine).make();
}

}  // namespace pinscope::cli
