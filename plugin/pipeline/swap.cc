#include "plugin/pipeline/swap.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <iterator>
#include <limits>
#include <utility>

#include "plugin/base/clock.h"
#include "plugin/base/text.h"
#include "plugin/host/file.h"
#include "plugin/kernel/process/process.h"
#include "plugin/pipeline/beside_view.h"
#include "plugin/pipeline/decide_again.h"
#include "plugin/pipeline/exceptions.h"
#include "plugin/pipeline/follows_only.h"
#include "plugin/pipeline/ledger.h"
#include "plugin/pipeline/not_reported.h"
#include "plugin/pipeline/run_log.h"
#include "plugin/pipeline/swap_work.h"
#include "plugin/record/change_lock.h"
#include "plugin/record/store.h"

namespace pinscope {
namespace {

using namespace model;
using record::Store;

constexpr std::chrono::milliseconds kForOthers{5000};

void tell_failure(const SwapOrder& order, const Record& record, const std::vector<Change>& not_made,
                  const Error& error) {
  RunLog log(order.options, order.stage);
  log.event().given = record.given;
  log.event().by = order.by;
  add_notes(log.event(), not_made, "not done: ");
  log.tell_not_changed(error);
}

// Of a view that stays as it is.
Swapped unchanged(Swapped::Outcome outcome, const Record& record, std::optional<Error> error) {
  return {.outcome = outcome,
          .before = record,
          .record = record,
          .changes = {},
          .error = std::move(error)};
}

// A record that cannot be changed now.
std::optional<Swapped> look_at_record(const Record& record) {
  if (has_ended(record)) return unchanged(Swapped::Outcome::kEnded, record, std::nullopt);
  if (record.state == Record::State::kApplied) return std::nullopt;
  return unchanged(
      Swapped::Outcome::kFailed, record,
      Error(ErrorCode::kRecord, "change the view of container " + quoted(record.given.id))
          .reason("its hook is still at work, or was killed at it"));
}

Result<record::Trace> process_in(const Store& store, const std::string& file) {
  PINSCOPE_TRY(const auto glance, store.glance(file));
  if (glance.trace) return *glance.trace;
  PINSCOPE_TRY(const auto found, store.read(file));
  return record::Trace{.pid = found.record.given.pid, .process_start = found.record.process_start};
}

class Swapping {
 public:
  Swapping(const std::vector<Policy>& policies, const Features& features, const Store& store,
           Store::Found& found, const SwapOrder& order)
      : policies_(policies),
        features_(features),
        store_(store),
        found_(found),
        order_(order),
        beside_(store, found, order) {
    swapped_.before = swapped_.record = found.record;
    if (order.exceptions != nullptr) wanted_ = *order.exceptions;
  }

  Swapped run() {
    auto masked = beside_.look_and_mask();
    swapped_.outcome = decide();
    take(std::move(masked));
    return std::move(swapped_);
  }

 private:
  using Outcome = Swapped::Outcome;

  Outcome decide() {
    auto planned = plan_exceptions(found_.record, wanted_, wall_clock_ns());
    if (!planned) return fail(Outcome::kRefused, std::move(planned).error());
    exceptions_ = *std::move(planned);
    auto container = container_of(found_.record);
    if (!container) return fail(Outcome::kFailed, std::move(container).error());
    auto decided =
        decide_again(policies_, *container, is_session(found_.record), features_, exceptions_.all);
    if (!decided) return fail(Outcome::kFailed, std::move(decided).error());
    const auto* restart = &now_.emplace(*std::move(decided));
    // That a grant is denied says more than that the container would not start.
    if (restart->decision || !exceptions_.asks_to_give())
      if (auto effect = check_effect(exceptions_, wanted_, found_.record, *restart); !effect)
        return fail(Outcome::kRefused, std::move(effect).error());
    const bool is_ordered = order_.exceptions != nullptr || order_.exceptions_alone;
    if (is_ordered && exceptions_.changes.empty()) return Outcome::kUnchanged;
    if (restart->refusal) return go_on_without_start(*container, *restart);
    if (is_ordered) return carry_out_exceptions(*container, *restart);
    compare(*restart);
    tell_exceptions();
    if (swapped_.changes.made.empty()) return Outcome::kUnchanged;
    swapped_.is_of_policy = !follows_only(found_.record, *restart);
    if (is_to_be_reported(*restart)) {
      auto differences = swapped_.changes;
      if (keep_to(*restart, Giving::kByPolicy)) return change_if_wanted(*container, kept_);
      swapped_.changes = std::move(differences);
      return Outcome::kDiffers;
    }
    if (const auto left = leave_to_people(*restart)) return *left;
    return change_if_wanted(*container, *restart);
  }

  // What is taken away is taken in any case. Who follows a source is not to be stopped by another
  // one.
  Outcome go_on_without_start(Container& container, const Restart& now) {
    const bool is_of_source = now.refusal->code() == ErrorCode::kSourceMissing ||
                              now.refusal->code() == ErrorCode::kSourceMismatch;
    const bool follows = is_of_source && now.decision && order_.automatic &&
                         on_change(now) == OnChange::kReport && exceptions_.changes.empty();
    const bool goes_on = follows || (exceptions_.takes_away() && !exceptions_.asks_to_give());
    if (!goes_on || !keep_to(now, follows ? Giving::kByPolicy : Giving::kNothing))
      return fail(Outcome::kRefused, *now.refusal);
    return change_if_wanted(container, kept_);
  }

  // Its policies may be others by now: that is no matter of these.
  Outcome carry_out_exceptions(Container& container, const Restart& now) {
    if (!keep_to(now, Giving::kByPolicy)) return Outcome::kUnchanged;
    if (auto given = check_given(exceptions_, *kept_.decision); !given)
      return fail(Outcome::kRefused, std::move(given).error());
    return change_if_wanted(container, kept_);
  }

  // What the container comes to have beside what its policies are to make of it. False: nothing.
  bool keep_to(const Restart& now, Giving giving) {
    auto rest = what_is_not_reported(found_.record, now, features_, exceptions_, giving);
    if (!rest) return false;
    kept_ = *std::move(rest);
    if (giving == Giving::kNothing) kept_.refusal = now.refusal;
    swapped_.changes = {};
    compare(kept_);
    tell_exceptions();
    // What takes away is to be stopped by nothing.
    is_judged_ = gives_something() || !exceptions_.takes_away();
    return !swapped_.changes.made.empty();
  }

  [[nodiscard]] bool gives_something() const {
    using Kind = Change::Kind;
    return std::ranges::any_of(swapped_.changes.made, [](const Change& change) {
      return change.kind == Kind::kAdded || change.kind == Kind::kWidened ||
             change.kind == Kind::kChanged || change.kind == Kind::kReplaced;
    });
  }

  Outcome change_if_wanted(Container& container, const Restart& restart) {
    if (order_.dry_run) return Outcome::kChanged;
    return changes_view_ ? change(container, restart) : note_exceptions(restart);
  }

  void take(Result<std::vector<Change>> masked) {
    auto& made = swapped_.changes.made;
    auto stays = beside_.take_what_stays();
    if (!masked) {
      stays = std::move(masked).error();
    } else if (!masked->empty()) {
      made.insert(made.begin(), masked->begin(), masked->end());
      if (swapped_.outcome == Outcome::kUnchanged) swapped_.outcome = Outcome::kChanged;
    }
    if (!stays) return;
    swapped_.changes.left.push_back("a bpffs beside its view stays: " + stays->sentence());
    // Whoever asked, or the service, is to hear of it, and to try it again.
    if (swapped_.outcome == Outcome::kUnchanged || swapped_.outcome == Outcome::kChanged)
      swapped_.outcome = tell(Outcome::kFailed, *std::move(stays));
  }

  // Fills in the changes.
  void compare(const Restart& restart) {
    auto& changes = swapped_.changes;
    changes = changes_of(found_.record, restart);
    if (restart.refusal)
      changes.left.push_back("it would not start now, so that nothing is added: " +
                             restart.refusal->sentence());
    if (changes.made.empty())
      if (auto repaired = to_repair(); !repaired.empty())
        changes.made.push_back({.kind = Change::Kind::kRepaired, .text = std::move(repaired)});
    changes_view_ = !changes.made.empty();
  }

  // Empty: it stays if nothing in it would change.
  [[nodiscard]] std::string to_repair() const {
    if (!found_.record.unfinished.empty())
      return "the view: whoever changed it last was killed at it";
    if (beside_.lacks_values() || order_.repair_values) return "the view and the values";
    return beside_.lacks_view() || beside_.is_beneath_view() || order_.repair ? "the view" : "";
  }

  void tell_exceptions() {
    for (const auto& change : exceptions_.changes) {
      std::string text = text_of(change);
      if (change.what == ExceptionChange::What::kUndone && wanted_.undone)
        text += "; undone: " + quoted(wanted_.undone->reason);
      swapped_.changes.made.push_back({.kind = Change::Kind::kException, .text = std::move(text)});
    }
  }

  // The view stays as it is.
  Outcome note_exceptions(const Restart& restart) {
    Record after = found_.record;
    after.exceptions = exceptions_.all;
    note_rules(*restart.decision, after.given);
    after.changed_ns = wall_clock_ns();
    after.changed_by = order_.by.login_uid.value_or(order_.by.uid);
    if (auto updated = store_.update(after, found_.held); !updated)
      return fail(Outcome::kFailed, std::move(updated).error());
    RunLog log(order_.options, order_.stage);
    log.event().given = after.given;
    log.event().by = order_.by;
    log.event().exceptions = exceptions_.changes;
    add_notes(log.event(), swapped_.changes.made);
    auto told = log.write(AuditEvent::Outcome::kChanged);
    if (told) return Outcome::kChanged;
    (void)store_.update(found_.record, found_.held);
    return fail(Outcome::kFailed, std::move(told).error());
  }

  // Of a container that no policy selects any more, the last one that did is asked.
  [[nodiscard]] OnChange on_change(const Restart& restart) const {
    // An exception selects as well, and says nothing of it.
    const auto& now = *restart.decision;
    const bool is_selected =
        !std::ranges::all_of(now.selected_by, [](const Rule& rule) { return is_exception(rule); });
    return is_selected ? now.on_change : found_.record.on_change;
  }

  // Policies that are others, where nobody has asked for it, and they do not say so.
  [[nodiscard]] bool is_to_be_reported(const Restart& restart) const {
    return order_.automatic && swapped_.is_of_policy && on_change(restart) == OnChange::kReport;
  }

  // Who loses everything may have been meant to or not. Nothing: the view may be changed.
  std::optional<Outcome> leave_to_people(const Restart& restart) {
    if (!swapped_.is_of_policy) return std::nullopt;
    if (order_.last_grant == SwapOrder::LastGrant::kTake || !swapped_.changes.to_nothing ||
        on_change(restart) == OnChange::kApplyAlways)
      return std::nullopt;
    if (order_.last_grant == SwapOrder::LastGrant::kHold) return Outcome::kHeld;
    return fail(Outcome::kRefused,
                Error(ErrorCode::kUsage, "change the view")
                    .reason("it would have no grant left, and so would many others")
                    .hint("if that is meant: pinscope apply --all --yes"));
  }

  // What its policies let it keep and do not any more, and what is beneath its view.
  Status mask_the_rest(const Restart& restart) {
    auto& made = swapped_.changes.made;
    const auto& now = *restart.decision;
    if (found_.record.host_bpffs == HostBpffs::kAllow && now.selected() &&
        now.host_bpffs != HostBpffs::kAllow) {
      PINSCOPE_TRY(const auto masked, beside_.mask_left());
      made.insert(made.end(), masked.begin(), masked.end());
      std::erase(found_.record.given.bypasses, Bypass::kHostBpffs);
    }
    PINSCOPE_TRY(const auto masked, beside_.mask_beneath());
    made.insert(made.end(), masked.begin(), masked.end());
    return {};
  }

  // For what is taken away, where what was to come with it is judged by the container's mounts, or
  // something of it went meanwhile.
  Outcome change(Container& container, const Restart& restart) {
    auto left = put_in_place(container, restart);
    if (!left && is_judged_ && exceptions_.takes_away() && !exceptions_.asks_to_give() &&
        left.error().errnum() != ETIME && keep_to(*now_, Giving::kNothing)) {
      swapped_.changes.left.push_back("nothing is given back: " + left.error().sentence());
      left = put_in_place(container, kept_);
    }
    if (!left && beside_.took_view())
      swapped_.changes.left.emplace_back(
          "its view, which was taken away from over a bpffs, is not there yet");
    if (!left) return fail(Outcome::kFailed, std::move(left).error());
    auto& all = swapped_.changes.left;
    all.insert(all.end(), left->begin(), left->end());
    return Outcome::kChanged;
  }

  // What could not be brought about, a clause each.
  Result<std::vector<std::string>> put_in_place(Container& container, const Restart& restart) {
    PINSCOPE_CHECK(mask_the_rest(restart));
    const auto process = kernel::ContainerProcess::open(found_.record.given.pid);
    if (!process) return std::unexpected(process.error());
    PINSCOPE_CHECK(take_id_maps(*process, container));
    return swap_in_child({order_, features_, store_, found_, container, restart, swapped_.changes,
                          exceptions_, is_judged_, beside_.lacks_values() || order_.repair_values});
  }

  // Nothing of what was to be made is, but for what was masked beforehand.
  Outcome fail(Outcome outcome, Error error) {
    auto& made = swapped_.changes.made;
    auto& not_made = swapped_.changes.not_made;
    if (made.empty()) tell_exceptions();
    const auto rest = std::ranges::stable_partition(
        made, [](const Change& change) { return change.kind == Change::Kind::kMasked; });
    not_made.assign(std::make_move_iterator(rest.begin()), std::make_move_iterator(rest.end()));
    made.erase(rest.begin(), rest.end());
    return tell(outcome, std::move(error));
  }

  Outcome tell(Outcome outcome, Error error) {
    if (has_ended(found_.record)) return Outcome::kEnded;
    error = std::move(error).in("container " + quoted(found_.record.given.id));
    if (!order_.dry_run) tell_failure(order_, found_.record, swapped_.changes.not_made, error);
    swapped_.error = std::move(error);
    return outcome;
  }

  const std::vector<Policy>& policies_;
  const Features& features_;
  const Store& store_;
  Store::Found& found_;
  const SwapOrder& order_;
  ExceptionOrder wanted_;
  PlannedExceptions exceptions_;
  std::optional<Restart> now_;  // by the policies
  Restart kept_;                // in its place, where that is not what is to be
  bool is_judged_ = true;
  bool changes_view_ = false;  // and not the exceptions alone
  BesideView beside_;
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
    case Swapped::Outcome::kHeld:
      return "held";
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
  record::Trace process;
  Result<Fd> lock;
  if (!order.dry_run) {
    PINSCOPE_TRY(process, process_in(store, file));
    lock = record::lock_change(order.options.state_directory, process.pid, process.process_start,
                               kForOthers);
  }
  // As whoever changed it before has left it.
  PINSCOPE_TRY(auto found, store.read(file));
  if (!lock)
    return unchanged(Swapped::Outcome::kFailed, found.record,
                     std::move(lock).error().in("container " + quoted(found.record.given.id)));
  if (!order.dry_run && found.record.given.pid != process.pid)
    return unchanged(Swapped::Outcome::kEnded, found.record, std::nullopt);
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
