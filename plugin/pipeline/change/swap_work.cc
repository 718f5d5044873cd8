#include "plugin/pipeline/change/swap_work.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <iterator>
#include <optional>
#include <utility>

#include "plugin/apply/apply.h"
#include "plugin/apply/swap.h"
#include "plugin/base/clock.h"
#include "plugin/base/text.h"
#include "plugin/host/file.h"
#include "plugin/kernel/bpf/source.h"
#include "plugin/kernel/mount/ways_out.h"
#include "plugin/kernel/process/child.h"
#include "plugin/kernel/sys.h"
#include "plugin/model/reach.h"
#include "plugin/model/view_names.h"
#include "plugin/pipeline/change/exceptions.h"
#include "plugin/pipeline/host_view.h"
#include "plugin/pipeline/ledger.h"
#include "plugin/pipeline/run_log.h"
#include "plugin/plan/build.h"
#include "plugin/policy/decide/bypass.h"
#include "plugin/policy/decide/grantable.h"
#include "plugin/policy/decide/reach.h"

namespace pinscope {
namespace {

using namespace model;

// A file system of the container's may never answer on the way to its view.
constexpr std::chrono::seconds kTimeout{10};
constexpr mode_t kMask = 022;  // the modes of new pins and directories depend on it

// Values have a file system of their own, which stays where nothing is different of them; so has
// what gives tokens, which stays in any case.
enum class Part { kView, kValues, kTokens };

Part part_of(const ViewInstance& instance) {
  if (instance.type == InstanceType::kDelegated) return Part::kTokens;
  return instance.type == InstanceType::kFuse ? Part::kValues : Part::kView;
}

void take_from(const std::vector<ViewInstance>& from, Part part, std::vector<ViewInstance>& to) {
  std::ranges::copy_if(from, std::back_inserter(to),
                       [&](const ViewInstance& instance) { return part_of(instance) == part; });
}

std::vector<ViewInstance> part_of(const std::vector<ViewInstance>& instances, Part part) {
  std::vector<ViewInstance> some;
  take_from(instances, part, some);
  return some;
}

// All that may be at the place of the view, or of the values; what the record has now comes first.
std::vector<ViewInstance> all_of(const Record& record, Part part) {
  auto all = part_of(record.instances, part);
  take_from(record.beneath, part, all);
  take_from(record.unfinished, part, all);
  return all;
}

// Where mounts may be in the view of a record, relative to it.
std::vector<std::string> below(const Record& record) {
  if (record.layout == Layout::kShared) return {kReadWriteDirectory};
  std::vector<std::string> names;
  for (const auto& pin : record.given.pins)
    if (!pin.skipped && pin.grant.pin) names.push_back(pin.grant.name);
  return names;
}

const std::string& place_of(const Record& record) {
  return record.given.delegation ? record.given.delegation->grants_at : record.at;
}

// The record that is to be: what was given, without what was made.
Record outcome_of(const SwapJob& job, const Decision& decision) {
  Record record = job.found.record;
  record.given.selected_by = decision.selected_by;
  // They are no policies.
  std::erase_if(record.given.selected_by, [&](const Rule& rule) {
    return exception_behind(rule, job.plan.exceptions.all) != nullptr;
  });
  record.exceptions = job.plan.exceptions.all;
  take_refusals(decision, record.given);
  record.followed = decision.followed;
  // What a policy said that is gone holds until another one selects the container.
  if (decision.selected()) {
    record.on_change = decision.on_change;
    record.host_bpffs = decision.host_bpffs;
  }
  if (decision.has_pins()) record.layout = decision.layout;
  record.version = PINSCOPE_VERSION;
  record.changed_ns = wall_clock_ns();
  record.changed_by = job.order.by.login_uid.value_or(job.order.by.uid);
  record.unfinished.clear();
  return record;
}

// Those that there are, and those that are made.
std::vector<Exception> with_made(std::vector<Exception> all, const PlannedExceptions& planned) {
  for (const auto& change : planned.changes) {
    // Whoever is killed at undoing one leaves it to whoever undoes what has run out.
    if (change.what == ExceptionChange::What::kUndone)
      for (auto& one : all)
        if (one == change.exception) one.until_ns = wall_clock_ns();
    if (change.what != ExceptionChange::What::kMade) continue;
    std::erase_if(all, [&](const Exception& one) { return is_same_matter(one, change.exception); });
    all.push_back(change.exception);
  }
  return all;
}

// The values that were shown before are still.
void keep_values(const Record& before, std::vector<PinnedObject>& pins) {
  for (const auto& old : before.given.pins) {
    if (!old.grant.values || old.skipped) continue;
    const auto same = std::ranges::find_if(pins, [&](const PinnedObject& pin) {
      return pin.grant.name == old.grant.name && pin.object.kind == old.object.kind &&
             pin.object.id == old.object.id;
    });
    if (same != pins.end()) {
      same->grant.values = old.grant.values;
    } else {
      pins.push_back(old);
      pins.back().grant.pin = false;
    }
  }
}

// What makes the view void by now, the bpffs of the container that it was left with among it.
Status judge_bypasses(const SwapJob& job, const Decision& decision,
                      const policy::Surroundings& around, const std::vector<PinnedObject>& pins,
                      Record& record) {
  const auto& before = job.found.record.given.bypasses;
  const bool has_bpffs = std::ranges::find(before, Bypass::kHostBpffs) != before.end();
  auto found = policy::find_bypasses(decision, job.plan.container, around, objects_of(pins));
  if (has_bpffs) found.push_back({Bypass::kHostBpffs});
  record.given.bypasses = policy::kinds_of(found);
  if (!job.plan.is_judged) return {};
  return policy::check_void(decision, record.given.bypasses);
}

class Worker {
 public:
  explicit Worker(const SwapJob& job)
      : job_(job),
        old_(job.found.record),
        log_(job.order.options, job.order.stage),
        process_(process_of(old_)),
        host_(host_at_start(process_)) {}

  // Gives what could not be brought about, a clause each.
  Result<std::vector<std::string>> run() {
    ::umask(kMask);
    if (!process_) return std::unexpected(process_.error());
    const Decision decision =
        swaps_values() ? present(job_.plan.becomes) : pins_of(present(job_.plan.becomes));
    PINSCOPE_TRY(const Fd descriptors, kernel::open_descriptor_directory());
    PINSCOPE_TRY(const Fd proc, open_at(AT_FDCWD, "/proc", O_RDONLY | O_DIRECTORY));
    // What is asked of the host is asked while paths are the host's.
    log_.open();
    const auto shared = policy::shared_namespaces(job_.plan.container, host_);
    const auto around = surroundings_of(job_.plan.container, is_session(old_), *process_, host_);
    PINSCOPE_TRY(auto made, make(decision, descriptors.get()));
    Record after = outcome_of(job_, decision);
    after.given.pins = made.pins;
    if (!swaps_values()) keep_values(old_, after.given.pins);
    add_left_out(job_.plan.becomes, after.given.pins);
    PINSCOPE_CHECK(judge_bypasses(job_, decision, around, made.pins, after));

    const auto places = places_in(proc.get(), descriptors.get());
    if (swaps_values())
      after.given.values_at = made.values.valid() ? std::optional(places.values->at) : std::nullopt;
    PINSCOPE_TRY(auto swap, apply::Swap::enter(places, job_.features));
    PINSCOPE_CHECK(check_reach(decision, swap, shared, made.pins));
    if (!decision.has_pins() && !swap.has_old_view()) leave_out_view(made);
    return carry_out(swap, made, std::move(after));
  }

 private:
  // Also if an earlier swap of them was cut short.
  [[nodiscard]] bool swaps_values() const {
    return job_.plan.changes.of_values || job_.makes_values ||
           !part_of(old_.unfinished, Part::kValues).empty();
  }

  // An empty one only hides another one.
  static void leave_out_view(apply::Unattached& made) {
    made.tree = Fd();
    made.instances = part_of(made.instances, Part::kValues);
  }

  Result<apply::Unattached> make(const Decision& decision, int descriptors) const {
    kernel::SourceOpener sources(descriptors, policy::ObjectJudge(), job_.features.pin_by_fd);
    // Where the view is now, wherever the next start would have it.
    Decision here = decision;
    here.delegation.reset();
    here.at = place_of(old_);
    PINSCOPE_TRY(auto planned, plan::build_unattached(here, job_.plan.container, job_.features));
    const apply::Target target{&*process_,
                               job_.plan.container.id,
                               job_.order.options.state_directory,
                               job_.plan.container.rootfs,
                               is_session(old_),
                               descriptors,
                               &sources,
                               {}};
    return apply::make_unattached(std::move(planned.plan), {planned.view, planned.values}, target,
                                  job_.features);
  }

  [[nodiscard]] apply::Places places_in(int proc, int descriptors) const {
    apply::Places places{.around = {.process = &*process_,
                                    .uid = map_to_host(job_.plan.container.uid_map, 0).value_or(0),
                                    .gid = map_to_host(job_.plan.container.gid_map, 0).value_or(0),
                                    .proc = proc,
                                    .proc_self_fd = descriptors,
                                    .is_session = is_session(old_)},
                         .view = {.at = place_of(old_),
                                  .known = all_of(old_, Part::kView),
                                  .unfinished = part_of(old_.unfinished, Part::kView),
                                  .below = below(old_)},
                         .values = {}};
    if (swaps_values())
      places.values = {.at = old_.given.values_at.value_or(job_.plan.becomes.decision->values_at),
                       .known = all_of(old_, Part::kValues),
                       .unfinished = part_of(old_.unfinished, Part::kValues),
                       .below = {},
                       .is_of_values = true};
    return places;
  }

  // As the hook looks, once the objects are known.
  Status check_reach(const Decision& decision, const apply::Swap& swap,
                     const std::vector<WayOut>& shared,
                     const std::vector<PinnedObject>& pins) const {
    if (!has_programs(decision) || !job_.plan.is_judged) return {};
    PINSCOPE_TRY(auto ways, kernel::ways_out(swap.table(), swap.root(), job_.plan.container.rootfs,
                                             *process_));
    ways.insert(ways.end(), shared.begin(), shared.end());
    return policy::check_reach(decision, objects_of(pins), ways);
  }

  Result<std::vector<std::string>> carry_out(apply::Swap& swap, const apply::Unattached& made,
                                             Record after) {
    // The record of what is there, and of what is about to be.
    const auto spare = swap.with_spare();
    Record both = with_spare(spare);
    both.unfinished.insert(both.unfinished.end(), made.instances.begin(), made.instances.end());
    // Whoever is killed leaves what is to be undone on time, and what is undone is so at the end.
    both.exceptions = with_made(old_.exceptions, job_.plan.exceptions);
    PINSCOPE_CHECK(job_.store.update(both, job_.found.held));

    if (auto put = swap.put(made); !put) {
      take_back(swap, made, spare);
      return std::unexpected(std::move(put).error());
    }
    after.instances = made.instances;
    take_from(old_.instances, Part::kTokens, after.instances);
    if (!swaps_values()) take_from(old_.instances, Part::kValues, after.instances);
    after.beneath = part_of(old_.beneath, Part::kView);
    if (swap.left_view_beneath()) after.beneath = all_of(old_, Part::kView);
    take_from(old_.beneath, Part::kValues, after.beneath);
    if (swap.left_values_beneath()) {
      std::erase_if(after.beneath, [](const ViewInstance& instance) {
        return part_of(instance) == Part::kValues;
      });
      const auto values = all_of(old_, Part::kValues);
      after.beneath.insert(after.beneath.end(), values.begin(), values.end());
    }
    if (auto told = tell(after); !told) {
      take_back(swap, made, spare);
      return std::unexpected(std::move(told).error());
    }
    return swap.keep(made);
  }

  void take_back(apply::Swap& swap, const apply::Unattached& made,
                 const apply::Swap::Spare& spare) {
    if (swap.take_back(made)) (void)job_.store.update(with_spare(spare), job_.found.held);
  }

  // The record as it is, with the mounts that show the same again.
  [[nodiscard]] Record with_spare(const apply::Swap::Spare& spare) const {
    Record record = old_;
    const auto take = [](const std::vector<ViewInstance>& from, size_t count, auto& to) {
      to.insert(to.end(), from.begin(), from.begin() + static_cast<ptrdiff_t>(count));
    };
    const auto values = part_of(old_.instances, Part::kValues);
    record.instances = part_of(old_.instances, Part::kTokens);
    take(spare.view, part_of(old_.instances, Part::kView).size(), record.instances);
    take(swaps_values() ? spare.values : values, values.size(), record.instances);
    return record;
  }

  Status tell(const Record& after) {
    PINSCOPE_CHECK(job_.store.update(after, job_.found.held));
    auto& event = log_.event();
    event.given = after.given;
    event.by = job_.order.by;
    event.exceptions = job_.plan.exceptions.changes;
    add_notes(event, job_.plan.changes.made);
    return log_.write(AuditEvent::Outcome::kChanged);
  }

  const SwapJob& job_;
  const Record& old_;
  RunLog log_;
  const Result<kernel::ContainerProcess> process_;
  const policy::HostView host_;
};

}  // namespace

// Everything that is done is done in there.
Result<std::vector<std::string>> swap_in_child(const SwapJob& job) {
  auto answer = kernel::run_in_child(
      [&]() -> Result<std::string> {
        PINSCOPE_TRY(const auto left, Worker(job).run());
        return joined(left, "\n");
      },
      kTimeout);
  if (!answer && answer.error().errnum() == ETIME)
    return std::unexpected(std::move(answer).error().hint(
        "a file system of the container's does not answer on the way to its view"));
  if (!answer) return std::unexpected(std::move(answer).error());
  std::vector<std::string> left;
  if (!answer->empty())
    for (const auto line : split(*answer, '\n')) left.emplace_back(line);
  return left;
}

void add_notes(AuditEvent& event, const std::vector<Change>& changes, const char* prefix) {
  for (const auto& change : changes) event.notes.push_back(prefix + to_string(change));
}

}  // namespace pinscope
