// The comparison of drift.h: one container, what it was given and what it would be given now.
#include <algorithm>
#include <utility>

#include "plugin/base/text.h"
#include "plugin/drift/drift.h"
#include "plugin/drift/grants.h"
#include "plugin/pipeline/change/later_bpffs.h"

namespace pinscope::drift {
namespace {

using model::Record;
using model::Rule;

class Comparison {
 public:
  explicit Comparison(const Running& container)
      : container_(container),
        record_(container.record),
        live_(container.live),
        mounts_(container.mounts),
        restart_(container.restart),
        subject_{record_.given.id, record_.given.engine, record_.given.pid, record_.given.bundle} {}

  std::vector<Entry> take() {
    look_at_view();
    look_at_mounts();
    if (!record_.unfinished.empty())
      add(Kind::kIncomplete, "whoever changed its view last was killed at it");
    if (restart_.refusal) add(Kind::kRefused, restart_.refusal->sentence());
    if (restart_.decision && !restart_.decision->selected()) {
      unselected();
    } else if (restart_.decision) {
      compare_place();
      compare_tokens();
    }
    for (auto& entry : drift_of_grants(container_)) {
      entry.subject = subject_;
      entries_.push_back(std::move(entry));
    }
    std::ranges::stable_sort(entries_, {}, &Entry::kind);
    return std::move(entries_);
  }

 private:
  Entry& add(Kind kind, std::string text, std::optional<Rule> rule = std::nullopt) {
    return entries_.emplace_back(
        Entry{.kind = kind, .subject = subject_, .text = std::move(text), .rule = std::move(rule)});
  }

  void look_at_view() {
    using inventory::ViewState;
    if (live_.view == ViewState::kUnknown)
      add(Kind::kUnknown, "its view could not be looked at: a file system in it does not answer");
    if (live_.values_missing) {
      add(Kind::kViewMissing,
          "the values at " + quoted(*record_.given.values_at) + " are not there any more")
          .of_values = true;
    } else if (live_.view == ViewState::kMissing && record_.unfinished.empty()) {
      std::vector<std::string> names;
      names.reserve(live_.missing_names.size());
      for (const auto& name : live_.missing_names) names.push_back(quoted(name));
      add(Kind::kViewMissing, (names.empty() ? "the view" : joined(names, ", ")) + " at " +
                                  quoted(place()) + " is not there any more");
    }
    if (live_.serving == inventory::ServingState::kWaiting)
      add(Kind::kUnserved, "whoever reads its values at " + quoted(*record_.given.values_at) +
                               " waits: the service is away");
    if (live_.serving == inventory::ServingState::kLost)
      add(Kind::kUnserved, "whoever reads its values at " + quoted(*record_.given.values_at) +
                               " gets an error: nobody serves them")
          .of_values = true;
    if (live_.seal_is_broken())
      add(Kind::kSealBroken,
          "what was granted for reading can be written: its superblock is "
          "writable now");
  }

  [[nodiscard]] const std::string& place() const {
    return record_.given.delegation ? record_.given.delegation->grants_at : record_.at;
  }

  void look_at_mounts() {
    if (!mounts_) {
      add(Kind::kUnknown, "what is mounted in it could not be listed");
      return;
    }
    const ViewMounts view(record_, *mounts_);
    for (const auto& mount : *mounts_) {
      using Part = ViewMounts::Part;
      const auto part = view.part(mount);
      if (part == Part::kLater || part == Part::kBeside)
        add(Kind::kLaterMount,
            "a bpffs at " + quoted(mount.mount_point) +
                (part == Part::kLater
                     ? " was mounted after its view"
                     : " is beside its view, and the hook did not leave it there"));
    }
  }

  void unselected() {
    const auto& pins = record_.given.pins;
    // Its view was taken away since.
    if (pins.empty() && record_.given.selected_by.empty()) return;
    const auto count =
        static_cast<size_t>(std::ranges::count(pins, false, &model::PinnedObject::skipped));
    add(Kind::kUnselected,
        "it has a view with " + count_of(count, "grant", "grants") + " at " + quoted(place()) +
            ", and no policy selects it now",
        record_.given.selected_by.empty() ? std::nullopt
                                          : std::optional(record_.given.selected_by.front()));
  }

  void compare_place() {
    const auto& decision = *restart_.decision;
    const Rule& rule = decision.selected_by.front();
    if (place() != decision.grants_at())
      add(Kind::kChanged,
          "its view is at " + quoted(place()) + ", and would be at " + quoted(decision.grants_at()),
          rule);
    const auto& values_at = record_.given.values_at;
    if (values_at && decision.shows_values() && *values_at != decision.values_at)
      add(Kind::kChanged,
          "its values are at " + quoted(*values_at) + ", and would be at " +
              quoted(decision.values_at),
          rule);
    if (record_.layout != decision.layout && !record_.given.pins.empty())
      add(Kind::kChanged,
          std::string("its view has the layout ") + model::name_of(record_.layout) +
              ", and would have " + model::name_of(decision.layout),
          rule);
    const bool has_bpffs = std::ranges::find(record_.given.bypasses, model::Bypass::kHostBpffs) !=
                           record_.given.bypasses.end();
    if (has_bpffs && decision.host_bpffs != model::HostBpffs::kAllow)
      add(Kind::kWider,
          std::string("it has a bpffs beside its view, and the policies say hostBpffs: ") +
              model::name_of(decision.host_bpffs) + " now",
          rule);
  }

  void compare_tokens() {
    const auto& has = record_.given.delegation;
    const auto& would = restart_.decision->delegation;
    if (has && !would)
      add(Kind::kExtra, "it may make BPF tokens, which no policy lets it now", has->rules.front());
    else if (!has && would)
      add(Kind::kMissing, "the policies let it make BPF tokens", would->rules.front());
    else if (has && has->rights != would->rights) {
      auto both = has->rights;
      both.add(would->rights);
      const bool is_narrower = both == would->rights;
      add(is_narrower ? Kind::kNarrower : Kind::kWider,
          is_narrower ? "its BPF tokens allow less than the policies say now"
                      : "its BPF tokens allow what the policies do not say now",
          would->rules.front());
    }
  }

  const Running& container_;
  const Record& record_;
  const inventory::Live& live_;
  const std::optional<std::vector<kernel::BpffsMount>>& mounts_;
  const Restart& restart_;
  Subject subject_;
  std::vector<Entry> entries_;
};

}  // namespace

std::vector<Entry> compare(const Running& container) {
  return Comparison(container).take();
}

std::optional<Entry> compare_without_view(const Subject& subject, bool has_hook,
                                          const Restart& restart) {
  const bool is_selected = !restart.decision || restart.decision->selected();
  Entry entry{.subject = subject, .text = {}, .rule = {}};
  if (restart.decision && restart.decision->selected())
    entry.rule = restart.decision->selected_by.front();
  if (restart.refusal && is_selected) {
    entry.kind = Kind::kRefused;
    entry.text = "it has no view; " + restart.refusal->sentence();
    return entry;
  }
  if (!is_selected || !restart.makes_view) return std::nullopt;
  entry.kind = Kind::kNoView;
  entry.text = has_hook ? "a policy selects it, and none did when it started"
                        : "a policy selects it, and it was started without the hook";
  return entry;
}

}  // namespace pinscope::drift
