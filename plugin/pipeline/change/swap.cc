#include "plugin/pipeline/change/swap.h"

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
#include "plugin/pipeline/change/beside_view.h"
#include "plugin/pipeline/change/decide_again.h"
#include "plugin/pipeline/change/exceptions.h"
#include "plugin/pipeline/change/swap_decision.h"
#include "plugin/pipeline/change/swap_work.h"
#include "plugin/pipeline/ledger.h"
#include "plugin/pipeline/run_log.h"
#include "plugin/record/change_lock.h"
#include "plugin/record/record_json.h"
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
  Swapping(const Store& store, const std::string& file, Store::Found& found, const SwapOrder& order,
           const Features& features)
      : store_(store),
        file_(file),
        found_(found),
        order_(order),
        features_(features),
        beside_(store, found, order) {
    swapped_.before = swapped_.record = found.record;
  }

  Swapped run(const std::vector<Policy>& policies) {
    auto masked = beside_.look_and_mask();
    SwapDecision decision(policies, features_, found_.record, order_, to_repair());
    swapped_.outcome = decision.decide();
    if (swapped_.outcome == Outcome::kChanged && !order_.dry_run)
      swapped_.outcome = carry_out(decision);
    else if (decision.plan().notes_reasons && !order_.dry_run)
      swapped_.outcome = note_reasons_of(decision);
    else if (decision.error())
      swapped_.outcome = fail(swapped_.outcome, decision, *decision.error());
    take(decision.plan());
    take(std::move(masked));
    return std::move(swapped_);
  }

 private:
  using Outcome = Swapped::Outcome;

  // Empty: it stays if nothing in it would change.
  [[nodiscard]] std::string to_repair() const {
    if (!found_.record.unfinished.empty())
      return "the view: whoever changed it last was killed at it";
    if (makes_values()) return "the view and the values";
    return beside_.lacks_view() || beside_.is_beneath_view() || order_.repair ? "the view" : "";
  }

  [[nodiscard]] bool makes_values() const { return beside_.lacks_values() || order_.repair_values; }

  Outcome carry_out(SwapDecision& decision) {
    if (!decision.plan().changes_view) return note_exceptions(decision);
    auto left = put_in_place(decision.plan());
    // What was to come with what is taken away may be judged by the container's mounts, or be gone
    // by now.
    if (!left && left.error().errnum() != ETIME && decision.take_away_alone()) {
      decision.plan().changes.left.push_back("nothing is given back: " + left.error().sentence());
      left = put_in_place(decision.plan());
    }
    auto& all = decision.plan().changes.left;
    if (left) {
      all.insert(all.end(), left->begin(), left->end());
      return Outcome::kChanged;
    }
    if (beside_.took_view())
      all.emplace_back("its view, which was taken away from over a bpffs, is not there yet");
    auto error = std::move(left).error();
    // As one does that was killed in the middle.
    if (const auto now = store_.read(file_); now && !now->record.unfinished.empty())
      error = std::move(error).hint("its view is the old one or the new one: see pinscope drift");
    return fail(Outcome::kFailed, decision, std::move(error));
  }

  // What could not be brought about, a clause each.
  Result<std::vector<std::string>> put_in_place(SwapPlan& plan) {
    PINSCOPE_CHECK(mask_the_rest(*plan.becomes.decision));
    const auto process = kernel::ContainerProcess::open(found_.record.given.pid);
    if (!process) return std::unexpected(process.error());
    PINSCOPE_CHECK(take_id_maps(*process, plan.container));
    return swap_in_child({order_, features_, store_, found_, plan, makes_values()});
  }

  // What its policies let it keep and do not any more, and what is beneath its view.
  Status mask_the_rest(const Decision& now) {
    if (found_.record.host_bpffs == HostBpffs::kAllow && now.selected() &&
        now.host_bpffs != HostBpffs::kAllow) {
      PINSCOPE_TRY(const auto masked, beside_.mask_left());
      masked_.insert(masked_.end(), masked.begin(), masked.end());
      std::erase(found_.record.given.bypasses, Bypass::kHostBpffs);
    }
    PINSCOPE_TRY(const auto masked, beside_.mask_beneath());
    masked_.insert(masked_.end(), masked.begin(), masked.end());
    return {};
  }

  // The view stays as it is.
  Outcome note_exceptions(SwapDecision& decision) {
    const auto& plan = decision.plan();
    Record after = found_.record;
    after.exceptions = plan.exceptions.all;
    note_reasons(plan.becomes, after.given);
    after.changed_ns = wall_clock_ns();
    after.changed_by = order_.by.login_uid.value_or(order_.by.uid);
    if (auto updated = store_.update(after, found_.held); !updated)
      return fail(Outcome::kFailed, decision, std::move(updated).error());
    RunLog log(order_.options, order_.stage);
    log.event().given = after.given;
    log.event().by = order_.by;
    log.event().exceptions = plan.exceptions.changes;
    add_notes(log.event(), plan.changes.made);
    auto told = log.write(AuditEvent::Outcome::kChanged);
    if (told) return Outcome::kChanged;
    (void)store_.update(found_.record, found_.held);
    return fail(Outcome::kFailed, decision, std::move(told).error());
  }

  // It has the same by other rules: the end of an exception is to find what gives it by now.
  Outcome note_reasons_of(SwapDecision& decision) {
    Record after = found_.record;
    const auto& now = *decision.plan().becomes.decision;
    note_reasons(decision.plan().becomes, after.given);
    after.followed = now.followed;
    if (now.selected()) after.on_change = now.on_change;
    if (record::to_json(after) == record::to_json(found_.record)) return Outcome::kUnchanged;
    if (auto updated = store_.update(after, found_.held); !updated)
      return fail(Outcome::kFailed, decision, std::move(updated).error());
    swapped_.record = std::move(after);
    return Outcome::kUnchanged;
  }

  void take(SwapPlan& plan) {
    swapped_.changes = std::move(plan.changes);
    swapped_.is_of_policy = plan.is_of_policy;
  }

  // What was masked is, whatever became of the rest.
  void take(Result<std::vector<Change>> masked) {
    auto& made = swapped_.changes.made;
    made.insert(made.begin(), masked_.begin(), masked_.end());
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
      swapped_.outcome = tell(Outcome::kFailed, {}, *std::move(stays));
  }

  // Nothing of what was to be made is.
  Outcome fail(Outcome outcome, SwapDecision& decision, Error error) {
    auto& changes = decision.plan().changes;
    changes.not_made = std::exchange(changes.made, {});
    return tell(outcome, changes.not_made, std::move(error));
  }

  Outcome tell(Outcome outcome, const std::vector<Change>& not_made, Error error) {
    if (has_ended(found_.record)) return Outcome::kEnded;
    error = std::move(error).in("container " + quoted(found_.record.given.id));
    if (!order_.dry_run) tell_failure(order_, found_.record, not_made, error);
    swapped_.error = std::move(error);
    return outcome;
  }

  const Store& store_;
  const std::string& file_;
  Store::Found& found_;
  const SwapOrder& order_;
  const Features& features_;
  BesideView beside_;
  std::vector<Change> masked_;  // on the way, and told in audit lines of their own
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
  auto swapped = Swapping(store, file, found, order, features).run(policies);
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
