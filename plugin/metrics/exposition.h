// The two texts in which scrapers read metrics: that of Prometheus (version 0.0.4) and OpenMetrics
// (1.0.0). docs/adr/0028-metrics.md says why they are written here and not by a library.
#pragma once

#include <string>
#include <vector>

#include "plugin/metrics/family.h"

namespace pinscope::metrics {

enum class Format { kPrometheus, kOpenMetrics };

// Families in their order. In the values of labels, what is not UTF-8 becomes U+FFFD, because a
// scraper refuses the whole text otherwise.
std::string to_text(const std::vector<Family>& families, Format format);

// The name under which a scraper stores a family's samples: with "_total" if it is a counter.
std::string stored_name(const Family& family);

// "gauge", "counter", "histogram".
const char* name_of(Type type);

}  // namespace pinscope::metrics
