// What the lines of the audit trail add up to. Programs that run for milliseconds have no memory;
// their lines are one. Pure: a line is a text.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace pinscope::metrics {

// The words of labels are known before a line is read; what is none of them counts under this one,
// so that no line makes a series.
inline constexpr const char* kOther = "other";

// Upper bounds of the hook's time in seconds; the last bucket has what took longer.
inline constexpr std::array<double, 14> kHookTimeBounds = {
    0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10};

struct HookTime {
  std::array<uint64_t, kHookTimeBounds.size() + 1> counts{};
  uint64_t sum_us = 0;
};

// The words that a series may have, in the order in which they are shown.
const std::vector<std::string>& outcomes();       // of a line
const std::vector<std::string>& failure_codes();  // of a refused start; with kOther
const std::vector<std::string>& bypass_codes();   // of a void view; with kOther
const std::vector<std::string>& stages();         // of the hook; with kOther
const std::vector<std::string>& accesses();       // of a grant

class Counters {
 public:
  using Counts = std::map<std::string, uint64_t, std::less<>>;
  using HookTimes = std::map<std::string, HookTime, std::less<>>;

  Counters();

  // A whole line, without its newline. One that is empty is none; what is no line of an audit
  // trail, or says another digest than its own, is counted as damaged, and for nothing else.
  void take(std::string_view line);
  // What is no line at all: too long, or never finished.
  void take_damaged() { ++damaged; }

  // Calls `visit` with a name that is stable over versions and with the number, for each number:
  // so that they can be kept.
  void visit(const std::function<void(const std::string& name, uint64_t& number)>& visit);

  Counts lines;          // by outcome
  Counts failed;         // by code: refused starts
  Counts granted;        // by access
  Counts void_views;     // by bypass: starts with such a view
  uint64_t skipped = 0;  // grants whose source was missing
  uint64_t denied = 0;   // grants that a denial took away
  uint64_t damaged = 0;  // lines
  uint64_t lost = 0;     // times at which the trail could not be followed
  HookTimes hook_times;  // by stage

 private:
  [[nodiscard]] bool take_sound(std::string_view line);
};

}  // namespace pinscope::metrics
