#include "plugin/daemon/run_pinscope.h"

#include <utility>

#include "plugin/base/text.h"

namespace pinscope::daemon {

Result<ProgramEnd> run_pinscope(const Options& options, std::vector<std::string> words,
                                size_t max_output, std::chrono::milliseconds time) {
  const auto& policy = options.hook.policy;
  const std::string& trail = options.hook.audit.path;
  const std::string what = "run " + quoted(policy.compiler + " " + words.front());
  words.insert(words.begin(), policy.compiler);
  words.insert(words.end(), {"--policy", policy.policy_path, "--cache-dir", policy.cache_directory,
                             "--state-dir", options.hook.state_directory});
  // One that is given has to have its directory, which the hook makes with the first line.
  if (trail != HookOptions().audit.path) words.insert(words.end(), {"--audit", trail});
  ProgramCall call{.path = policy.compiler, .arguments = std::move(words)};
  call.listen = ProgramCall::Listen::kOutput;
  call.max_output = max_output;
  PINSCOPE_TRY(auto end, run_program(call, std::chrono::steady_clock::now() + time));
  if (!end.has_exited())
    return std::unexpected(Error(ErrorCode::kSystem, what).reason(end.what_happened()));
  return end;
}

}  // namespace pinscope::daemon
