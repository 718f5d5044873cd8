// The records as one start uses them: whose they are, what is written before and after the machine
// is changed, and what is taken back. An id is unique in one root of one runtime only, and for one
// start at a time.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "plugin/base/result.h"
#include "plugin/kernel/process/process.h"
#include "plugin/model/decision.h"
#include "plugin/model/record.h"
#include "plugin/record/store.h"

namespace pinscope {

// How a record of the same id and bundle relates to a start that finds it.
enum class Earlier {
  kThisStart,  // its very process has its view already: some runtimes run a hook twice
  kEnded,      // its process is gone, or has left the mount namespace in which the view is
  kRunning,    // another container's, or not to be told from one
};
// `is_alive`: whether the process of `earlier` is.
Earlier compare(const model::Record& earlier, const model::Record& now, bool is_alive);

// kPolicyConflict: a policy selects the container now that did not when an earlier hook of this
// start made the view. Two hooks may know different things of a container; what the first one left
// out, nobody adds.
Status check_same_view(const std::vector<model::Rule>& wanted,
                       const std::vector<model::Rule>& present);

// Whether the record's process runs.
bool is_alive(const model::Record& record);
// Whether a record's process has ended for certain; by a glance at its file, no if that does not
// say whose it is.
bool has_ended(const model::Record& record);
bool has_ended(const Result<record::Store::Glance>& glance);
// Its process, in the mount namespace that has the view. kProcessGone: it has ended, or left it.
Result<kernel::ContainerProcess> process_of(const model::Record& record);

class Ledger {
 public:
  explicit Ledger(std::string state_directory) : state_directory_(std::move(state_directory)) {}

  // Writes the intent. False if there is nothing to do, because this very process has its view
  // already. kRecordConflict: a container of this id and bundle runs, and nothing shows that this
  // is another one. The records stay open: what follows works in whatever mount namespace.
  Result<bool> begin(const model::Record& record);

  // Writes the record of what was done.
  Status keep(const model::Record& record);

  // After a failure: removes what begin() wrote, and what a child of this process wrote before it
  // was killed. Without a begin(): what an earlier hook of this start of a container wrote, because
  // crun runs no poststop for a container that a hook refused.
  void take_back(const std::string& id, const kernel::ContainerProcess& process);

  [[nodiscard]] const record::Store& records() const { return *records_; }
  [[nodiscard]] bool has_begun() const { return held_.has_value(); }

 private:
  Result<std::optional<record::Store::Held>> claim(const model::Record& record);

  std::string state_directory_;
  std::optional<record::Store> records_;
  std::optional<record::Store::Held> held_;
};

}  // namespace pinscope
