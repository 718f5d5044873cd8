#include "plugin/policy/set/run_compiler.h"

#include <spawn.h>
#include <sys/wait.h>

#include "plugin/base/text.h"
#include "plugin/host/installed.h"
#include "plugin/host/spawn.h"

namespace pinscope::policy {
Status run_compiler(const StoreOptions& options, std::chrono::steady_clock::time_point deadline) {
  std::string compiler = options.compiler.empty() ? program_beside("pinscope") : options.compiler;
  const auto cannot = [&] {
    return Error(ErrorCode::kPolicyUnavailable, "compile the policies with " + quoted(compiler));
  };
  const SpawnSettings settings(SpawnSettings::kNull, SpawnSettings::kNull, SpawnSettings::kNull);
  std::string arguments[] = {
      compiler, "compile", "--policy", options.policy_path, "--cache-dir", options.cache_directory};
  char* argv[std::size(arguments) + 1] = {};
  for (size_t i = 0; i < std::size(arguments); ++i) argv[i] = arguments[i].data();
  char* environment[] = {nullptr};
  pid_t child = 0;
  if (const int error = ::posix_spawn(&child, compiler.c_str(), settings.actions(),
                                      settings.attributes(), argv, environment);
      error != 0)
    return std::unexpected(
        Error::system("run " + quoted(compiler), error, ErrorCode::kPolicyUnavailable));
  const Ended ended = wait_for_end(child, deadline);
  if (!ended.in_time) return std::unexpected(cannot().reason("it did not end in time"));
  // Whoever started us may have had children reaped for us: what it wrote will tell.
  if (!ended.status || (WIFEXITED(*ended.status) && WEXITSTATUS(*ended.status) == 0)) return {};
  return std::unexpected(
      cannot().reason(WIFEXITED(*ended.status)
                          ? "it ended with status " + std::to_string(WEXITSTATUS(*ended.status))
                          : "it was ended by signal " + std::to_string(WTERMSIG(*ended.status))));
}

}  // namespace pinscope::policy
