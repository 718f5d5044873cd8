#include "plugin/policy/set/run_compiler.h"

#include "plugin/base/text.h"
#include "plugin/host/installed.h"
#include "plugin/host/run_program.h"

namespace pinscope::policy {

Status run_compiler(const StoreOptions& options, std::chrono::steady_clock::time_point deadline) {
  ProgramCall call;
  call.path = options.compiler.empty() ? program_beside("pinscope") : options.compiler;
  call.arguments = {call.path,           "compile",     "--policy",
                    options.policy_path, "--cache-dir", options.cache_directory};
  const auto end = run_program(call, deadline);
  if (!end) return std::unexpected(Error(end.error()).with_code(ErrorCode::kPolicyUnavailable));
  // Where somebody else has had it reaped, what it wrote will tell.
  if (end->ok()) return {};
  return std::unexpected(
      Error(ErrorCode::kPolicyUnavailable, "compile the policies with " + quoted(call.path))
          .reason(end->what_happened()));
}

}  // namespace pinscope::policy
