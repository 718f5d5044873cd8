#include "tests/bench/contenders.h"

#include "plugin/base/text.h"
#include "tests/bench/spawn.h"

namespace pinscope::bench {

std::vector<std::string> hook_arguments(const std::string& programs, const Site& site,
                                        const std::string& stage) {
  return {programs + "/bin/pinscope-hook",
          "--policy",
          site.policies,
          "--cache-dir",
          site.cache,
          "--state-dir",
          site.state,
          "--audit",
          site.audit,
          "--engine",
          kEngine,
          stage};
}

Status compile_policies(const std::string& programs, const Site& site) {
  PINSCOPE_TRY(const Run done, run({programs + "/bin/pinscope", "compile", "--policy",
                                    site.policies, "--cache-dir", site.cache},
                                   ""));
  if (done.exit_status == 0) return {};
  return std::unexpected(Error(ErrorCode::kInternal, "compile " + quoted(site.policies))
                             .reason("exit status " + std::to_string(done.exit_status) + ", " +
                                     one_line(done.errors)));
}

}  // namespace pinscope::bench
