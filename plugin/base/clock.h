// The two clocks, in nanoseconds, and times as people read them.
#pragma once

#include <cstdint>
#include <ctime>
#include <string>

namespace pinscope {

inline uint64_t nanoseconds_of(const timespec& time) {
  return static_cast<uint64_t>(time.tv_sec) * 1'000'000'000U + static_cast<uint64_t>(time.tv_nsec);
}

inline uint64_t read_clock_ns(clockid_t clock) {
  timespec now{};
  ::clock_gettime(clock, &now);
  return nanoseconds_of(now);
}

// CLOCK_REALTIME: since 1970, for records and for comparing with the times of files.
inline uint64_t wall_clock_ns() {
  return read_clock_ns(CLOCK_REALTIME);
}

// CLOCK_MONOTONIC: for how long something took.
inline uint64_t monotonic_ns() {
  return read_clock_ns(CLOCK_MONOTONIC);
}

// "2026-01-31T12:00:00Z" for nanoseconds since 1970, for people and with microseconds
// ("2026-01-31T12:00:00.000000Z") for programs: every JSON output, audit lines among them. RFC
// 3339.
std::string utc_time(uint64_t time_ns);
std::string exact_utc_time(uint64_t time_ns);

}  // namespace pinscope
