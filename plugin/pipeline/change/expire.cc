#include "plugin/pipeline/change/expire.h"

#include <algorithm>
#include <cerrno>
#include <utility>

#include "plugin/base/clock.h"
#include "plugin/pipeline/change/exceptions.h"
#include "plugin/pipeline/ledger.h"
#include "plugin/record/store.h"

namespace pinscope {

using namespace model;

std::optional<uint64_t> next_end(const std::vector<Exception>& exceptions, uint64_t now_ns) {
  std::optional<uint64_t> next;
  for (const auto& one : exceptions)
    if (one.until_ns != 0 && is_in_force(one, now_ns))
      next = std::min(next.value_or(one.until_ns), one.until_ns);
  return next;
}

Result<Expiry> expire_exceptions(const std::vector<Policy>& policies, const Features& features,
                                 const std::vector<std::string>& files, const SwapOrder& order) {
  PINSCOPE_TRY(const auto store, record::Store::open(order.options.state_directory, false));
  Expiry expiry;
  for (const auto& file : files) {
    const auto found = store.read(file);
    if (!found) {
      if (found.error().errnum() != ENOENT) expiry.unreadable.push_back(found.error());
      continue;
    }
    const Record& record = found->record;
    if (has_ended(record)) continue;
    const uint64_t now = wall_clock_ns();
    if (const auto next = next_end(record.exceptions, now))
      expiry.next_ns = std::min(expiry.next_ns.value_or(*next), *next);
    // What was taken by one that is over may be given back now.
    const bool is_whole = record.unfinished.empty() && !remembers(record.given, record.exceptions);
    if (is_whole && in_force(record.exceptions, now).size() == record.exceptions.size()) continue;
    auto swapped = swap_view(policies, features, file, order);
    if (!swapped && swapped.error().errnum() != ENOENT)
      expiry.unreadable.push_back(std::move(swapped).error());
    else if (swapped && swapped->outcome != Swapped::Outcome::kEnded)
      expiry.containers.push_back(*std::move(swapped));
  }
  return expiry;
}

}  // namespace pinscope
