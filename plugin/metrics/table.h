// Samples in the making: numbers by the values of their labels. Internal to metrics/.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "plugin/metrics/family.h"

namespace pinscope::metrics {

// Values that are known beforehand are declared and have a sample with 0, because a series that
// appears with its first event hides that event from rate().
class Table {
 public:
  explicit Table(std::vector<std::string> names) : names_(std::move(names)) {}

  void declare(std::vector<std::string> values) { counts_.try_emplace(std::move(values), 0); }
  void add(std::vector<std::string> values, double count = 1) {
    counts_[std::move(values)] += count;
  }
  [[nodiscard]] std::vector<Sample> samples() const {
    std::vector<Sample> all;
    all.reserve(counts_.size());
    for (const auto& [values, count] : counts_) {
      Sample sample{{}, count};
      for (size_t i = 0; i < names_.size(); ++i) sample.labels.emplace_back(names_[i], values[i]);
      all.push_back(std::move(sample));
    }
    return all;
  }

 private:
  std::vector<std::string> names_;
  std::map<std::vector<std::string>, double> counts_;
};

}  // namespace pinscope::metrics
