// What is to become of the view of a container that runs: its record, the policies, its exceptions
// and what was ordered, beside each other. Nothing is done here. Internal to the room.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "plugin/base/result.h"
#include "plugin/model/container.h"
#include "plugin/model/features.h"
#include "plugin/model/policy.h"
#include "plugin/model/record.h"
#include "plugin/pipeline/change/changes.h"
#include "plugin/pipeline/change/decide_again.h"
#include "plugin/pipeline/change/plan_exceptions.h"
#include "plugin/pipeline/change/swap.h"
#include "plugin/pipeline/change/what_stays.h"

namespace pinscope {

// A view that is to be made, as far as the decision came.
struct SwapPlan {
  model::Container container;
  PlannedExceptions exceptions;
  Restart becomes;                   // what it is to have
  Changes changes;                   // from what it has
  bool changes_view = false;         // and not its exceptions alone
  bool is_judged = true;             // false: less is given, whether or not it would start now
  bool notes_reasons = false;        // nothing changes but why it has what it has
  std::vector<std::string> remarks;  // what could not be looked at, a clause each
  bool is_of_policy = false;         // the policies are others, and not only what is followed
};

class SwapDecision {
 public:
  // `repair`: what has to be made anew though nothing in it would change, a clause; empty: nothing.
  // All of them must outlive it.
  SwapDecision(const std::vector<model::Policy>& policies, const model::Features& features,
               const model::Record& record, const SwapOrder& order, std::string repair);

  // kChanged: the plan is to be carried out. kRefused, kFailed: see error(). Changes the working
  // directory (see kernel::SourceOpener).
  Swapped::Outcome decide();
  // What was planned cannot be: what is taken away is still, alone. False: nothing is, or it was
  // that already, or somebody asked for something to be given.
  bool take_away_alone();

  SwapPlan& plan() { return plan_; }
  [[nodiscard]] const std::optional<Error>& error() const { return error_; }

 private:
  using Outcome = Swapped::Outcome;

  Outcome go_on_without_start(const Restart& now);
  Outcome carry_out_exceptions(const Restart& now);
  Outcome follow_policies(const Restart& now);
  bool keep_to(const Restart& now, Giving giving);
  void compare(Restart becomes);
  void tell_exceptions();
  Outcome refuse(Outcome outcome, Error error);

  [[nodiscard]] bool gives_something() const;
  [[nodiscard]] model::OnChange on_change(const Restart& restart) const;
  std::optional<Outcome> leave_to_people(const Restart& now);

  const std::vector<model::Policy>& policies_;
  const model::Features& features_;
  const model::Record& record_;
  const SwapOrder& order_;
  const std::string repair_;
  const ExceptionOrder wanted_;
  std::optional<Restart> now_;  // by the policies, whatever is made of it
  SwapPlan plan_;
  std::optional<Error> error_;
};

}  // namespace pinscope
