#include "plugin/pipeline/swap.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <iterator>
#include <limits>
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
#include "plugin/pipeline/exceptions.h"
#include "plugin/pipeline/follows_only.h"
#include "plugin/pipeline/host_view.h"
#include "plugin/pipeline/ledger.h"
#include "plugin/pipeline/run_log.h"
#include "plugin/plan/build.h"
#include "plugin/policy/decide/bypass.h"
#include "plugin/policy/decide/grantable.h"
#include "plugin/policy/decide/reach.h"
#include "plugin/record/change_lock.h"
#include "plugin/record/store.h"

namespace pinscope {
namespace {

using namespace model;
using record::Store;

// A file system of the container's may never answer on the way to its view.
constexpr std::chrono::seconds kTimeout{10};
constexpr std::chrono::milliseconds kForOthers{5000};
constexpr mode_t kMask = 022;  // the modes of new pins and directories depend on it

// Values have a file system of their own, which stays where nothing is different of them.
bool is_of_values(const ViewInstance& instance) {
  return instance.type == InstanceType::kFuse;
}

void take_from(const std::vector<ViewInstance>& from, bool values, std::vector<ViewInstance>& to) {
  std::ranges::copy_if(from, std::back_inserter(to), [&](const ViewInstance& instance) {
    return is_of_values(instance) == values;
  });
}

std::vector<ViewInstance> part_of(const std::vector<ViewInstance>& instances, bool values) {
  std::vector<ViewInstance> part;
  take_from(instances, values, part);
  return part;
}

// All that may be at the place of the view, or of the values; what the record has now comes first.
std::vector<ViewInstance> all_of(const Record& record, bool values) {
  auto all = part_of(record.instances, values);
  take_from(record.beneath, values, all);
  take_from(record.unfinished, values, all);
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

// What the child works with. It has the parent's descriptors, and its own way to the container.
struct Job {
  const SwapOrder& order;
  const Features& features;
  const Store& store;
  Store::Found& found;  // the record as it is, and its file
  const Container& container;
  const Restart& restart;
  const Changes& changes;
  const PlannedExceptions& exceptions;
  bool is_judged = true;  // less is given, whether or not it would start now
};

void add_notes(AuditEvent& event, const Changes& changes) {
  for (const auto& change : changes.made)
    event.notes.push_back(std::string(name_of(change.kind)) + " " + change.text);
}

// The record that is to be: what was given, without what was made.
Record outcome_of(const Job& job, const Decision& decision) {
  Record record = job.found.record;
  record.given.selected_by = decision.selected_by;
  // They are no policies.
  std::erase_if(record.given.selected_by, [&](const Rule& rule) {
    return exception_behind(rule, job.exceptions.all) != nullptr;
  });
  record.exceptions = job.exceptions.all;
  record.given.refusals = decision.refusals;
  record.followed = decision.followed;
  // What a policy said that is gone holds until another one selects the container.
  if (decision.selected()) record.on_change = decision.on_change;
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

// And what is left out.
void add_left_out(const Restart& restart, std::vector<PinnedObject>& pins) {
  for (size_t i = 0; i < restart.left_out.size(); ++i)
    if (restart.left_out[i] == LeftOut::kMissing)
      pins.push_back({restart.decision->grants[i], {}, true});
}

// What makes the view void by now, the bpffs of the container that it was left with among it.
Status judge_bypasses(const Job& job, const Decision& decision, const policy::Surroundings& around,
                      const std::vector<PinnedObject>& pins, Record& record) {
  const auto& before = job.found.record.given.bypasses;
  const bool has_bpffs = std::ranges::find(before, Bypass::kHostBpffs) != before.end();
  auto found = policy::find_bypasses(decision, job.container, around, objects_of(pins));
  if (has_bpffs) found.push_back({Bypass::kHostBpffs});
  record.given.bypasses = policy::kinds_of(found);
  if (!job.is_judged) return {};
  return policy::check_void(decision, record.given.bypasses);
}

class Worker {
 public:
  explicit Worker(const Job& job)
      : job_(job),
        old_(job.found.record),
        log_(job.order.options, job.order.stage),
        process_(kernel::ContainerProcess::open(old_.given.pid)),
        host_(host_at_start(process_)) {}

  // Gives what could not be brought about, a clause each.
  Result<std::vector<std::string>> run() {
    ::umask(kMask);
    PINSCOPE_CHECK(check_process());
    const Decision decision =
        swaps_values() ? present(job_.restart) : pins_of(present(job_.restart));
    PINSCOPE_TRY(const Fd descriptors, kernel::open_descriptor_directory());
    PINSCOPE_TRY(const Fd proc, open_at(AT_FDCWD, "/proc", O_RDONLY | O_DIRECTORY));
    // What is asked of the host is asked while paths are the host's.
    log_.open();
    const auto shared = policy::shared_namespaces(job_.container, host_);
    const auto around = surroundings_of(job_.container, is_session(old_), *process_, host_);
    PINSCOPE_TRY(auto made, make(decision, descriptors.get()));
    Record after = outcome_of(job_, decision);
    after.given.pins = made.pins;
    if (!swaps_values()) keep_values(old_, after.given.pins);
    add_left_out(job_.restart, after.given.pins);
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
    return job_.changes.of_values || job_.order.repair_values ||
           std::ranges::any_of(old_.unfinished, is_of_values);
  }

  // An empty one only hides another one.
  static void leave_out_view(apply::Unattached& made) {
    made.tree = Fd();
    made.instances = part_of(made.instances, true);
  }

  [[nodiscard]] Status check_process() const {
    if (!process_) return std::unexpected(process_.error());
    if (process_->start_time() == old_.process_start &&
        process_->mount_namespace() == old_.mount_namespace)
      return {};
    return std::unexpected(Error(ErrorCode::kProcessGone,
                                 "change the view of process " + std::to_string(old_.given.pid))
                               .reason("it has ended, or gone to another mount namespace"));
  }

  Result<apply::Unattached> make(const Decision& decision, int descriptors) const {
    kernel::SourceOpener sources(descriptors, policy::ObjectJudge(), job_.features.pin_by_fd);
    // Where the view is now, wherever the next start would have it.
    Decision here = decision;
    here.delegation.reset();
    here.at = place_of(old_);
    PINSCOPE_TRY(auto planned, plan::build_unattached(here, job_.container, job_.features));
    const apply::Target target{&*process_,
                               job_.container.id,
                               job_.order.options.state_directory,
                               job_.container.rootfs,
                               is_session(old_),
                               descriptors,
                               &sources,
                               {}};
    return apply::make_unattached(std::move(planned.plan), {planned.view, planned.values}, target,
                                  job_.features);
  }

  [[nodiscard]] apply::Places places_in(int proc, int descriptors) const {
    apply::Places places{.around = {.process = &*process_,
                                    .uid = map_to_host(job_.container.uid_map, 0).value_or(0),
                                    .gid = map_to_host(job_.container.gid_map, 0).value_or(0),
                                    .proc = proc,
                                    .proc_self_fd = descriptors},
                         .view = {.at = place_of(old_),
                                  .known = all_of(old_, false),
                                  .unfinished = part_of(old_.unfinished, false),
                                  .below = below(old_)},
                         .values = {}};
    if (swaps_values())
      places.values = {.at = old_.given.values_at.value_or(job_.restart.decision->values_at),
                       .known = all_of(old_, true),
                       .unfinished = part_of(old_.unfinished, true),
                       .below = {},
                       .is_of_values = true};
    return places;
  }

  // As the hook looks, once the objects are known.
  Status check_reach(const Decision& decision, const apply::Swap& swap,
                     const std::vector<WayOut>& shared,
                     const std::vector<PinnedObject>& pins) const {
    if (!has_programs(decision) || !job_.is_judged) return {};
    PINSCOPE_TRY(auto ways,
                 kernel::ways_out(swap.table(), swap.root(), job_.container.rootfs, *process_));
    ways.insert(ways.end(), shared.begin(), shared.end());
    return policy::check_reach(decision, objects_of(pins), ways);
  }

  Result<std::vector<std::string>> carry_out(apply::Swap& swap, const apply::Unattached& made,
                                             Record after) {
    // The record of what is there if nothing comes of it, and of what is about to be.
    const Record back = with_spare(swap.with_spare());
    Record both = back;
    both.unfinished.insert(both.unfinished.end(), made.instances.begin(), made.instances.end());
    // Whoever is killed leaves what is to be undone on time, and what is undone is so at the end.
    both.exceptions = with_made(old_.exceptions, job_.exceptions);
    PINSCOPE_CHECK(job_.store.update(both, job_.found.held));

    if (auto put = swap.put(made); !put) {
      if (swap.take_back(made)) (void)job_.store.update(back, job_.found.held);
      return std::unexpected(std::move(put).error());
    }
    after.instances = made.instances;
    if (!swaps_values()) take_from(old_.instances, true, after.instances);
    after.beneath = part_of(old_.beneath, false);
    if (swap.left_view_beneath()) after.beneath = all_of(old_, false);
    take_from(old_.beneath, true, after.beneath);
    if (swap.left_values_beneath()) {
      std::erase_if(after.beneath, is_of_values);
      const auto values = all_of(old_, true);
      after.beneath.insert(after.beneath.end(), values.begin(), values.end());
    }
    if (auto told = tell(after); !told) {
      if (swap.take_back(made)) (void)job_.store.update(back, job_.found.held);
      return std::unexpected(std::move(told).error());
    }
    return swap.keep(made);
  }

  // The record as it is, with the mounts that show the same again.
  [[nodiscard]] Record with_spare(const apply::Swap::Spare& spare) const {
    Record record = old_;
    const auto take = [](const std::vector<ViewInstance>& from, size_t count, auto& to) {
      to.insert(to.end(), from.begin(), from.begin() + static_cast<ptrdiff_t>(count));
    };
    const auto values = part_of(old_.instances, true);
    record.instances.clear();
    take(spare.view, old_.instances.size() - values.size(), record.instances);
    take(swaps_values() ? spare.values : values, values.size(), record.instances);
    return record;
  }

  Status tell(const Record& after) {
    PINSCOPE_CHECK(job_.store.update(after, job_.found.held));
    auto& event = log_.event();
    event.given = after.given;
    event.by = job_.order.by;
    event.exceptions = job_.exceptions.changes;
    add_notes(event, job_.changes);
    return log_.write(AuditEvent::Outcome::kChanged);
  }

  const Job& job_;
  const Record old_;
  RunLog log_;
  const Result<kernel::ContainerProcess> process_;
  const policy::HostView host_;
};

// Everything that is done is done in there.
Result<std::vector<std::string>> work_in_child(const Job& job) {
  PINSCOPE_TRY(const std::string answer, kernel::run_in_child(
                                             [&]() -> Result<std::string> {
                                               PINSCOPE_TRY(const auto left, Worker(job).run());
                                               return joined(left, "\n");
                                             },
                                             kTimeout));
  std::vector<std::string> left;
  if (!answer.empty())
    for (const auto line : split(answer, '\n')) left.emplace_back(line);
  return left;
}

void tell_failure(const SwapOrder& order, const Record& record, const Error& error) {
  RunLog log(order.options, order.stage);
  log.event().given = record.given;
  log.event().by = order.by;
  log.refuse(error);
}

// A record that cannot be changed now.
std::optional<Swapped> look_at_record(const Record& record) {
  if (has_ended(record))
    return Swapped{
        .outcome = Swapped::Outcome::kEnded, .record = record, .changes = {}, .error = {}};
  if (record.state == Record::State::kApplied) return std::nullopt;
  return Swapped{
      .outcome = Swapped::Outcome::kFailed,
      .record = record,
      .changes = {},
      .error = Error(ErrorCode::kRecord, "change the view of container " + quoted(record.given.id))
                   .reason("its hook is still at work, or was killed at it")};
}

class Swapping {
 public:
  Swapping(const std::vector<Policy>& policies, const Features& features, const Store& store,
           Store::Found& found, const SwapOrder& order)
      : policies_(policies), features_(features), store_(store), found_(found), order_(order) {
    swapped_.record = found.record;
  }

  Swapped run() {
    if (auto outcome = decide(); outcome) return finish(*outcome, std::nullopt);
    return std::move(swapped_);
  }

 private:
  Swapped finish(Swapped::Outcome outcome, std::optional<Error> error) {
    swapped_.outcome = outcome;
    if (error) swapped_.error = std::move(error);
    return std::move(swapped_);
  }

  // Nothing if swapped_ is whole already.
  std::optional<Swapped::Outcome> decide() {
    using Outcome = Swapped::Outcome;
    const ExceptionOrder wanted =
        order_.exceptions != nullptr ? *order_.exceptions : ExceptionOrder();
    auto planned = plan_exceptions(found_.record, wanted, wall_clock_ns());
    if (!planned) return fail(Outcome::kRefused, std::move(planned).error());
    exceptions_ = *std::move(planned);
    auto container = container_of(found_.record);
    if (!container) return fail(Outcome::kFailed, std::move(container).error());
    auto restart =
        decide_again(policies_, *container, is_session(found_.record), features_, exceptions_.all);
    if (!restart) return fail(Outcome::kFailed, std::move(restart).error());
    // That a grant is denied says more than that the container would not start.
    if (restart->decision || exceptions_.only_takes_away())
      if (auto effect = check_effect(exceptions_, wanted, found_.record, *restart); !effect)
        return fail(Outcome::kRefused, std::move(effect).error());
    if (restart->refusal) {
      if (!exceptions_.only_takes_away()) return fail(Outcome::kRefused, *restart->refusal);
      take_only_away(*restart);
    }
    compare(*restart);
    tell_exceptions(wanted);
    if (swapped_.changes.made.empty()) return Outcome::kUnchanged;
    swapped_.is_of_policy = !follows_only(found_.record, *restart);
    if (const auto left = leave_to_people(*restart); left) return left;
    if (order_.dry_run) return Outcome::kChanged;
    return changes_view_ ? change(*container, *restart) : note_exceptions();
  }

  void take_only_away(Restart& restart) {
    is_judged_ = false;
    if (!restart.decision) {
      restart = what_is_left(found_.record, exceptions_, *restart.refusal);
      look_at_sources(features_, restart);
    }
    keep_to(found_.record, restart);
  }

  // Fills in the changes.
  void compare(const Restart& restart) {
    auto& changes = swapped_.changes;
    changes = changes_of(found_.record, restart);
    if (restart.refusal)
      changes.left.push_back("it would not start now, so that nothing is added: " +
                             restart.refusal->sentence());
    const bool is_unfinished = !found_.record.unfinished.empty();
    if (changes.made.empty() && (order_.repair || is_unfinished))
      changes.made.push_back({.kind = Change::Kind::kRepaired,
                              .text = is_unfinished
                                          ? "the view: whoever changed it last was killed at it"
                                      : order_.repair_values ? "the view and the values"
                                                             : "the view"});
    changes_view_ = !changes.made.empty();
  }

  void tell_exceptions(const ExceptionOrder& order) {
    for (const auto& change : exceptions_.changes) {
      std::string text = text_of(change);
      if (change.what == ExceptionChange::What::kUndone && order.undone)
        text += "; undone: " + quoted(order.undone->reason);
      swapped_.changes.made.push_back({.kind = Change::Kind::kException, .text = std::move(text)});
    }
  }

  // The view stays as it is.
  std::optional<Swapped::Outcome> note_exceptions() {
    using Outcome = Swapped::Outcome;
    Record after = found_.record;
    after.exceptions = exceptions_.all;
    after.changed_ns = wall_clock_ns();
    after.changed_by = order_.by.login_uid.value_or(order_.by.uid);
    if (auto updated = store_.update(after, found_.held); !updated)
      return fail(Outcome::kFailed, std::move(updated).error());
    RunLog log(order_.options, order_.stage);
    log.event().given = after.given;
    log.event().by = order_.by;
    log.event().exceptions = exceptions_.changes;
    add_notes(log.event(), swapped_.changes);
    auto told = log.write(AuditEvent::Outcome::kChanged);
    if (told) return Outcome::kChanged;
    (void)store_.update(found_.record, found_.held);
    return fail(Outcome::kFailed, std::move(told).error());
  }

  // Policies that are others, where nobody has asked for it. Nothing: the view may be changed.
  std::optional<Swapped::Outcome> leave_to_people(const Restart& restart) {
    using Outcome = Swapped::Outcome;
    if (!swapped_.is_of_policy) return std::nullopt;
    // Of a container that no policy selects any more, the last one that did is asked.
    const auto& now = *restart.decision;
    const auto on_change = now.selected() ? now.on_change : found_.record.on_change;
    if (order_.automatic && on_change != model::OnChange::kApply) return Outcome::kDiffers;
    if (!order_.keep_last_grant || !swapped_.changes.to_nothing) return std::nullopt;
    return fail(Outcome::kRefused,
                Error(ErrorCode::kUsage, "change the view")
                    .reason("it would have no grant left, and so would many others")
                    .hint("if that is meant: pinscope apply --all --yes"));
  }

  std::optional<Swapped::Outcome> change(Container& container, const Restart& restart) {
    using Outcome = Swapped::Outcome;
    const auto process = kernel::ContainerProcess::open(found_.record.given.pid);
    const auto uids = process ? process->uid_map() : std::unexpected(process.error());
    const auto gids = process ? process->gid_map() : std::unexpected(process.error());
    if (!uids || !gids) return fail(Outcome::kFailed, uids ? gids.error() : uids.error());
    container.uid_map = *uids;
    container.gid_map = *gids;
    auto left = work_in_child({order_, features_, store_, found_, container, restart,
                               swapped_.changes, exceptions_, is_judged_});
    if (!left) return fail(Outcome::kFailed, std::move(left).error());
    auto& all = swapped_.changes.left;
    all.insert(all.end(), left->begin(), left->end());
    return Outcome::kChanged;
  }

  std::optional<Swapped::Outcome> fail(Swapped::Outcome outcome, Error error) {
    if (error.code() == ErrorCode::kProcessGone || has_ended(found_.record))
      return Swapped::Outcome::kEnded;
    error = std::move(error).in("container " + quoted(found_.record.given.id));
    if (!order_.dry_run) tell_failure(order_, found_.record, error);
    swapped_.error = std::move(error);
    return outcome;
  }

  const std::vector<Policy>& policies_;
  const Features& features_;
  const Store& store_;
  Store::Found& found_;
  const SwapOrder& order_;
  PlannedExceptions exceptions_;
  bool is_judged_ = true;
  bool changes_view_ = false;  // and not the exceptions alone
  Swapped swapped_;
};

}  // namespace

const char* name_of(Swapped::Outcome outcome) {
  switch (outcome) {
    case Swapped::Outcome::kUnchanged:
      return "unchanged";
    case Swapped::Outcome::kChanged:
      return "changed";
    case Swapped::Outcome::kDiffers:
      return "differs";
    case Swapped::Outcome::kRefused:
      return "refused";
    case Swapped::Outcome::kFailed:
      return "failed";
    case Swapped::Outcome::kEnded:
      return "ended";
  }
  return "";
}

Result<Swapped> swap_view(const std::vector<Policy>& policies, const Features& features,
                          const std::string& file, const SwapOrder& order) {
  PINSCOPE_TRY(const auto store, Store::open(order.options.state_directory, false));
  PINSCOPE_TRY(auto found, store.read(file));
  Fd lock;
  if (!order.dry_run) {
    PINSCOPE_TRY(lock, record::lock_change(order.options.state_directory, found.record.given.pid,
                                           kForOthers));
    PINSCOPE_TRY(found, store.read(file));
  }
  if (auto cannot = look_at_record(found.record)) return *std::move(cannot);
  auto swapped = Swapping(policies, features, store, found, order).run();
  if (swapped.outcome == Swapped::Outcome::kChanged && !order.dry_run)
    if (auto now = store.read(file)) swapped.record = std::move(now->record);
  return swapped;
}

Caller this_caller() {
  Caller caller{.uid = ::getuid()};
  const auto text = text_of_file("/proc/self/loginuid");
  const auto login = text ? parse_unsigned(*text) : std::nullopt;
  if (login && *login < std::numeric_limits<uint32_t>::max())
    caller.login_uid = static_cast<uint32_t>(*login);
  return caller;
}

}  // namespace pinscope
