// Metrics as values: what OpenMetrics calls a metric family, with its samples. Numbers only; the
// text is exposition.h's.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace pinscope::metrics {

enum class Type { kGauge, kCounter, kHistogram };

// Names are literals of ours. Values may be anything: who writes them escapes them.
using Label = std::pair<std::string, std::string>;
using Labels = std::vector<Label>;

struct Sample {
  Labels labels;
  double value = 0;
};

struct Bucket {
  double up_to = 0;    // inclusive
  uint64_t count = 0;  // of the observations that are not in a bucket before
};

struct HistogramSample {
  Labels labels;
  std::vector<Bucket> buckets;  // ascending; the one for everything else is the last, infinite
  double sum = 0;
};

struct Family {
  // With the unit at its end, and without the "_total" of a counter.
  std::string name;
  Type type = Type::kGauge;
  std::string help;
  std::vector<Sample> samples = {};
  std::vector<HistogramSample> histograms = {};
};

}  // namespace pinscope::metrics
