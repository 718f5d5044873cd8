// What was measured, and how it is shown.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace pinscope::bench {

// All runs of one program in one scenario.
struct Series {
  std::string program;
  std::vector<uint64_t> wall_ns{};
  std::vector<uint64_t> cpu_ns{};
  uint64_t peak_kib = 0;  // 0: not measured
};

// A p50 that is asked to be at most (or at least) a multiple of another one of its scenario.
struct Goal {
  std::string program;
  std::string reference;
  double limit = 0;
  bool at_least = false;  // the reference takes at least `limit` times as long as the program
};

struct Scenario {
  std::string name;
  std::vector<Series> series{};
  std::vector<Goal> goals{};
};

// Nearest rank; 0 of nothing.
uint64_t percentile(std::vector<uint64_t> values, unsigned percent);

// p50 of `program` divided by p50 of `reference`; nothing if one of them was not run.
std::optional<double> ratio(const Scenario& scenario, const std::string& program,
                            const std::string& reference);

std::string to_table(const std::vector<Scenario>& scenarios);
std::string to_json(const std::vector<Scenario>& scenarios);

}  // namespace pinscope::bench
