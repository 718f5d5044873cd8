#include "plugin/metrics/exposition.h"

#include <gtest/gtest.h>

#include <limits>

namespace pinscope::metrics {
namespace {

std::vector<Family> one_of_each() {
  return {{"a_bytes", Type::kGauge, "A gauge.", {{{}, 0.5}}},
          {"b", Type::kCounter, "A counter.", {{{{"kind", "x"}, {"of", "y"}}, 3}}},
          {"c_seconds",
           Type::kHistogram,
           "A histogram.",
           {},
           {{{{"stage", "s"}},
             {{0.25, 1}, {1, 2}, {std::numeric_limits<double>::infinity(), 4}},
             2.5}}},
          {"d", Type::kGauge, "Nothing is known."}};
}

TEST(Exposition, WritesWhatPrometheusReads) {
  EXPECT_EQ(to_text(one_of_each(), Format::kPrometheus), R"(# HELP a_bytes A gauge.
# TYPE a_bytes gauge
a_bytes 0.5
# HELP b_total A counter.
# TYPE b_total counter
b_total{kind="x",of="y"} 3
# HELP c_seconds A histogram.
# TYPE c_seconds histogram
c_seconds_bucket{stage="s",le="0.25"} 1
c_seconds_bucket{stage="s",le="1.0"} 3
c_seconds_bucket{stage="s",le="+Inf"} 7
c_seconds_sum{stage="s"} 2.5
c_seconds_count{stage="s"} 7
# HELP d Nothing is known.
# TYPE d gauge
)");
}

TEST(Exposition, WritesOpenMetricsWithUnitsAndAnEnd) {
  EXPECT_EQ(to_text(one_of_each(), Format::kOpenMetrics), R"(# HELP a_bytes A gauge.
# TYPE a_bytes gauge
# UNIT a_bytes bytes
a_bytes 0.5
# HELP b A counter.
# TYPE b counter
b_total{kind="x",of="y"} 3
# HELP c_seconds A histogram.
# TYPE c_seconds histogram
# UNIT c_seconds seconds
c_seconds_bucket{stage="s",le="0.25"} 1
c_seconds_bucket{stage="s",le="1.0"} 3
c_seconds_bucket{stage="s",le="+Inf"} 7
c_seconds_sum{stage="s"} 2.5
c_seconds_count{stage="s"} 7
# HELP d Nothing is known.
# TYPE d gauge
# EOF
)");
}

TEST(Exposition, KeepsAValueWithinItsQuotes) {
  const std::vector<Family> families = {
      {"a", Type::kGauge, "A.", {{{{"name", "x\"} 1\nb\\ \xff"}}, 1}}}};
  EXPECT_EQ(to_text(families, Format::kPrometheus),
            "# HELP a A.\n# TYPE a gauge\n"
            "a{name=\"x\\\"} 1\\nb\\\\ \xef\xbf\xbd\"} 1\n");
}

TEST(Exposition, WritesLargeNumbersExactly) {
  const std::vector<Family> families = {
      {"a", Type::kGauge, "A.", {{{}, 9007199254740991.0}, {{{"x", "y"}}, 1e300}}}};
  EXPECT_EQ(to_text(families, Format::kPrometheus),
            "# HELP a A.\n# TYPE a gauge\na 9007199254740991\na{x=\"y\"} 1e+300\n");
}

}  // namespace
}  // namespace pinscope::metrics
