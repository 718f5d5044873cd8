// What `pinscope revoke` and `pinscope grant` have in common: the words of the command line, and
// what is done with containers.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "plugin/base/result.h"
#include "plugin/cli/apply/repair.h"
#include "plugin/cli/term/command.h"
#include "plugin/model/exception.h"
#include "plugin/pipeline/change/plan_exceptions.h"

namespace pinscope::cli {

struct ExceptionOptions {
  std::string container;
  std::vector<std::string> pins;
  std::string reason;
  std::string duration;  // empty: none was given
  bool undo = false;
};

// "90s", "10m", "2h", "1d" or "1w", in nanoseconds. kUsage: anything else, nothing, or more than
// 52 weeks.
Result<uint64_t> read_duration(std::string_view text);
// The reason, if it is one: kUsage if it is empty or longer than model::kLongestReason.
Result<std::string> read_reason(const std::string& text);
// With what every exception has: who, why, from now until when.
Result<model::Exception> new_exception(model::Exception::Kind kind,
                                       const ExceptionOptions& options);

// kSystem without root.
Status check_root(const char* what);
// The records of the containers that are meant: all that run, if `container` is empty. kRecord:
// there is none.
Result<RecordFiles> files_for(const Settings& settings, const std::string& container);

// The policies by which an exception is judged, or why there are none.
struct Judges {
  std::vector<model::Policy> policies;
  std::optional<Error> none = {};
};
// For what takes away, which is done whatever became of the policy files: the set in force, or else
// no policies. Says so to whoever asked.
Judges policies_to_take_away(const Settings& settings);

// Does it. kProcessGone: the one container that was meant has ended meanwhile.
Result<Application> carry_out(const Settings& settings, const RecordFiles& files,
                              const Judges& judges, const char* stage,
                              const ExceptionOrder& exceptions);

// 1 where something could not be done, or not in everything; 0 otherwise.
ExitStatus status_of_exceptions(const Application& application);

// What policies would give again at the next start of such a container though revocations take it
// away: their rules, each once.
std::vector<model::Rule> granted_still(const Application& application,
                                       const std::vector<model::Policy>& policies);

}  // namespace pinscope::cli
