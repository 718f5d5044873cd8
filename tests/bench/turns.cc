#include "tests/bench/turns.h"

#include <utility>

#include "plugin/base/text.h"
#include "tests/bench/spawn.h"

namespace pinscope::bench {

Result<Scenario> measure_in_turns(const std::string& name, std::vector<Contender> contenders,
                                  const Options& options) {
  const int rounds = options.quick ? 1 : options.inventory_iterations;
  for (int round = options.quick ? 0 : -1; round < rounds; ++round) {
    for (size_t turn = 0; turn < contenders.size(); ++turn) {
      // Another one begins in each round.
      auto& contender = contenders[(turn + static_cast<size_t>(round + 1)) % contenders.size()];
      PINSCOPE_TRY(const Run done, run(contender.arguments, ""));
      if (done.exit_status != 0)
        return std::unexpected(
            Error(ErrorCode::kInternal, "measure " + quoted(contender.series.program))
                .reason("exit status " + std::to_string(done.exit_status) + ", " +
                        one_line(done.errors))
                .in(name));
      if (round < 0) continue;  // thrown away
      contender.series.wall_ns.push_back(done.wall_ns);
      contender.series.cpu_ns.push_back(done.cpu_ns);
    }
  }
  Scenario scenario{.name = name};
  for (auto& contender : contenders) scenario.series.push_back(std::move(contender.series));
  return scenario;
}

}  // namespace pinscope::bench
