// A report as one HTML page that needs nothing besides itself: no network, no other file, and no
// JavaScript but for search.
#pragma once

#include <string>

#include "plugin/cli/report/matrix.h"
#include "plugin/inventory/machine/judge.h"

namespace pinscope::cli {

struct Report {
  inventory::Machine machine;
  std::vector<inventory::Notice> notices;
  Matrix matrix;
  std::string node;    // the machine's name
  std::string kernel;  // "6.18.5"
  std::string time;    // when it was looked at, in UTC
};

std::string page_of(const Report& report);

}  // namespace pinscope::cli
