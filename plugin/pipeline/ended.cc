#include "plugin/pipeline/ended.h"

#include <algorithm>
#include <chrono>

#include "plugin/base/clock.h"
#include "plugin/pipeline/ledger.h"
#include "plugin/pipeline/run_log.h"

namespace pinscope {
namespace {

using namespace std::chrono_literals;

constexpr std::chrono::nanoseconds kBetweenLooks = 1s;
constexpr std::chrono::nanoseconds kTimeForPoststop = 3s;
constexpr size_t kMaxLooks = 16;

// Told before it is done, as gc does.
void collect(const HookOptions& options, const record::Store& records, const std::string& stage,
             const record::Store::Found& found) {
  RunLog log(options, stage);
  log.event().given = found.record.given;
  if (log.write(model::AuditEvent::Outcome::kCollected)) (void)records.remove(found.held);
}

}  // namespace

void collect_ended(const HookOptions& options, const record::Store& records,
                   const std::string& stage) {
  if (!records.is_due(kBetweenLooks)) return;
  const auto files = records.files();
  if (!files || files->empty()) return;
  const size_t looks = std::min(kMaxLooks, files->size());
  const uint64_t now = wall_clock_ns();
  // Others each time, where they are more.
  const size_t first = now / static_cast<uint64_t>(kBetweenLooks.count()) * kMaxLooks;
  for (size_t i = 0; i < looks; ++i) {
    const std::string& file = (*files)[(first + i) % files->size()];
    const auto glance = records.glance(file);
    if (!has_ended(glance)) continue;
    if (!glance->noted_gone) {
      records.note_gone(file);
    } else if (glance->changed_ns + static_cast<uint64_t>(kTimeForPoststop.count()) <= now) {
      const auto found = records.read(file);
      if (found && has_ended(found->record)) collect(options, records, stage, *found);
    }
  }
}

}  // namespace pinscope
