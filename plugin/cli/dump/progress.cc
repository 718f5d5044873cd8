#include "plugin/cli/dump/progress.h"

#include <unistd.h>

#include <algorithm>
#include <bit>
#include <cstdint>
#include <cstdio>
#include <cstring>

#include "plugin/base/text.h"
#include "plugin/model/bpf_names.h"

namespace pinscope::cli {
namespace {

using std::chrono::milliseconds;
constexpr milliseconds kFirst{1000};
constexpr milliseconds kBetween{200};
constexpr size_t kWidth = 20;

bool is_hash(uint32_t type) {
  const std::string name = model::map_type_name(type);
  return name == "hash" || name == "lru_hash" || name == "percpu_hash" ||
         name == "lru_percpu_hash" || name == "hash_of_maps";
}

}  // namespace

double share_of(const values::Place& place, const values::MapFacts& facts) {
  if (place.state == values::Place::State::kEnd) return 1;
  if (is_hash(facts.type)) {
    // The token of a batch is the next bucket (kernel/bpf/hashtab.c).
    if (place.state != values::Place::State::kBatches) return -1;
    uint32_t bucket = 0;
    std::memcpy(&bucket, place.token.data(), sizeof bucket);
    return std::min(1.0, double(bucket) / double(std::bit_ceil(uint64_t{facts.max_entries})));
  }
  if (model::map_type_name(facts.type).find("array") == std::string::npos) return -1;
  return std::min(1.0, double(place.seen) / double(std::max(1U, facts.max_entries)));
}

std::string progress_line(double share, uint64_t entries) {
  std::string count = count_of(entries, "entry", "entries");
  if (share < 0) return count;
  constexpr double kHundred = 100;
  const auto full = static_cast<size_t>(share * kWidth);
  return "[" + std::string(full, '#') + std::string(kWidth - full, '-') + "] " +
         std::to_string(static_cast<int>(share * kHundred)) + " %, " + count;
}

Progress::Progress()
    : enabled_(::isatty(STDERR_FILENO) == 1 && ::isatty(STDOUT_FILENO) == 0),
      next_(std::chrono::steady_clock::now() + kFirst) {
}

void Progress::at(const values::Place& place, const values::MapFacts& facts) {
  if (!enabled_) return;
  const auto now = std::chrono::steady_clock::now();
  if (now < next_) return;
  next_ = now + kBetween;
  shown_ = true;
  // To the start of the line, and what was there away.
  std::fprintf(stderr, "\r\x1b[K%s", progress_line(share_of(place, facts), place.seen).c_str());
}

void Progress::clear() {
  if (shown_) std::fputs("\r\x1b[K", stderr);
  shown_ = false;
}

}  // namespace pinscope::cli
