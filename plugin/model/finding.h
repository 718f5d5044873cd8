// A finding: what somebody who looked at a part of the machine has to say of it, and what to do.
#pragma once

#include <string>
#include <vector>

namespace pinscope::model {

struct Finding {
  enum class Level { kOk, kWarn, kFail } level = Level::kOk;
  std::string area;    // kernel, host, rootless, runtime, engine, policy, state, audit
  std::string name;    // of what was looked at: "detached mount trees", "docker"
  std::string detail;  // what was found
  std::string action;  // what to do about it; empty if nothing
};
using Findings = std::vector<Finding>;

const char* name_of(Finding::Level level);  // "ok", "warn", "fail"

}  // namespace pinscope::model
