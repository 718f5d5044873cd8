// What is mounted in a container that runs beside its view, while that is changed: what its
// policies keep from it is taken away, and its record and the audit trail say so.
#pragma once

#include <optional>
#include <utility>
#include <vector>

#include "plugin/base/result.h"
#include "plugin/kernel/mount/mountinfo.h"
#include "plugin/pipeline/change/changes.h"
#include "plugin/pipeline/change/swap.h"
#include "plugin/record/store.h"

namespace pinscope {

class BesideView {
 public:
  // All of them must outlive it.
  BesideView(const record::Store& store, record::Store::Found& found, const SwapOrder& order)
      : store_(store), found_(found), order_(order) {}

  // What was mounted in it that its policies keep from it goes, whatever else comes of it: the
  // policies as they were when its view was made. Nothing is looked at in a session, whose
  // namespace is a copy of the host's, with all that is mounted there.
  Result<std::vector<Change>> look_and_mask();
  // As well what they let it keep then, from now on.
  Result<std::vector<Change>> mask_left();
  // A bpffs right beneath its view: that goes first, and has to be made again.
  Result<std::vector<Change>> mask_beneath();

  [[nodiscard]] bool lacks_view() const { return lacks_view_; }
  [[nodiscard]] bool lacks_values() const { return lacks_values_; }
  [[nodiscard]] bool is_beneath_view() const { return is_beneath_; }
  [[nodiscard]] bool took_view() const { return took_view_; }
  // Why a bpffs that is to go is there still; once.
  [[nodiscard]] std::optional<Error> take_what_stays() {
    return std::exchange(stays_, std::nullopt);
  }

 private:
  Status look();
  Result<std::vector<Change>> mask(bool uncover);
  Status tell(const std::vector<std::string>& places, const std::vector<Change>& changes);

  const record::Store& store_;
  record::Store::Found& found_;
  const SwapOrder& order_;
  std::vector<kernel::BpffsMount> bpffs_;  // in the container
  bool left_goes_ = false;                 // what its policies let it keep
  bool lacks_view_ = false;
  bool lacks_values_ = false;
  bool is_beneath_ = false;  // one that could go is right below its view
  bool took_view_ = false;   // from over one
  std::optional<Error> stays_;
};

}  // namespace pinscope
