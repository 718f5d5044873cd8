#include "plugin/pipeline/change/beside_view.h"

#include <fcntl.h>

#include <algorithm>
#include <string>

#include "plugin/base/fd.h"
#include "plugin/base/text.h"
#include "plugin/host/file.h"
#include "plugin/pipeline/change/decide_again.h"
#include "plugin/pipeline/change/later_bpffs.h"
#include "plugin/pipeline/change/swap_work.h"
#include "plugin/pipeline/run_log.h"

namespace pinscope {
namespace {

using namespace model;

constexpr size_t kMaxHidden = 64;  // places that a record keeps; the audit trail has all

}  // namespace

Status BesideView::look() {
  PINSCOPE_TRY(const Fd proc, open_at(AT_FDCWD, "/proc", O_RDONLY | O_DIRECTORY));
  if (!is_set_up(proc.get(), found_.record)) return {};
  PINSCOPE_TRY(bpffs_, bpffs_of(proc.get(), found_.record));
  // The number of its superblock is soon another one's.
  std::erase_if(found_.record.instances,
                [&](const ViewInstance& one) { return lacks_tokens(one, bpffs_); });
  lacks_view_ = pinscope::lacks_view(found_.record, bpffs_);
  lacks_values_ = pinscope::lacks_values(proc.get(), found_.record);
  return {};
}

Result<std::vector<Change>> BesideView::look_and_mask() {
  if (is_session(found_.record)) return {};
  PINSCOPE_CHECK(look());
  if (found_.record.host_bpffs == HostBpffs::kAllow) return {};
  return mask(false);
}

Result<std::vector<Change>> BesideView::mask_left() {
  left_goes_ = true;
  return mask(false);
}

Result<std::vector<Change>> BesideView::mask_beneath() {
  if (!is_beneath_) return {};
  stays_.reset();
  return mask(true);
}

Result<std::vector<Change>> BesideView::mask(bool uncover) {
  const Record& record = found_.record;
  std::vector<std::string> places;
  for (const auto& mount : bpffs_to_mask(record, bpffs_, left_goes_))
    places.push_back(mount.mount_point);
  if (!places.empty() && !order_.dry_run) {
    PINSCOPE_TRY(auto masked, mask_bpffs(record, left_goes_, uncover));
    places = std::move(masked.places);
    is_beneath_ = masked.is_beneath;
    took_view_ = took_view_ || masked.took_view;
    lacks_view_ = lacks_view_ || masked.took_view;
    if (!masked.stays.empty())
      stays_ = Error(ErrorCode::kHostBpffs, "take every bpffs away").reason(masked.stays);
  }
  std::vector<Change> changes;
  changes.reserve(places.size());
  for (const auto& place : places)
    changes.push_back({.kind = Change::Kind::kMasked, .text = "the bpffs at " + quoted(place)});
  if (!places.empty() && !order_.dry_run) PINSCOPE_CHECK(tell(places, changes));
  return changes;
}

Status BesideView::tell(const std::vector<std::string>& places,
                        const std::vector<Change>& changes) {
  Record after = found_.record;
  auto& hidden = after.given.hidden;
  for (const auto& place : places)
    if (std::ranges::find(hidden, place) == hidden.end()) hidden.push_back(place);
  if (hidden.size() > kMaxHidden)
    hidden.erase(hidden.begin(), hidden.end() - static_cast<ptrdiff_t>(kMaxHidden));
  PINSCOPE_CHECK(store_.update(after, found_.held));
  found_.record = std::move(after);
  RunLog log(order_.options, order_.stage);
  log.event().given = found_.record.given;
  log.event().by = order_.by;
  add_notes(log.event(), changes);
  return log.write(AuditEvent::Outcome::kChanged);
}

}  // namespace pinscope
