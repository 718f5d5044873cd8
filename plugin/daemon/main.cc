// pinscoped: the resident service. Reads its options, turns signals into a descriptor, and runs the
// parts that were asked for: one in this thread, the others beside it.
#include <sys/signalfd.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "plugin/daemon/follow.h"
#include "plugin/daemon/hold.h"
#include "plugin/daemon/log.h"
#include "plugin/daemon/metrics.h"
#include "plugin/daemon/nri.h"
#include "plugin/daemon/options.h"
#include "plugin/daemon/part.h"
#include "plugin/daemon/values.h"
#include "plugin/daemon/values_worker.h"
#include "plugin/host/streams.h"
#include "plugin/kernel/process/concealment.h"

namespace pinscope::daemon {
namespace {

constexpr int kFailed = 1;
constexpr int kUsage = 2;

// Readable when SIGTERM or SIGINT has arrived.
Result<Fd> termination() {
  sigset_t signals;
  ::sigemptyset(&signals);
  ::sigaddset(&signals, SIGTERM);
  ::sigaddset(&signals, SIGINT);
  if (::sigprocmask(SIG_BLOCK, &signals, nullptr) != 0)
    return std::unexpected(Error::system("block signals", errno));
  Fd fd(::signalfd(-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK));
  if (!fd.valid()) return std::unexpected(Error::system("make a signalfd", errno));
  return fd;
}

int report(int status, const Error& error) {
  std::fprintf(stderr, "pinscoped: %s\n", error.sentence().c_str());
  return status;
}

// The end of the part that this thread has run.
int end_of(const Status& ended, const Log& log) {
  if (!ended) log.write(Severity::kError, ended.error().sentence());
  return ended ? 0 : kFailed;
}

int hold_values(const Options& options) {
  // Whoever started it may have left descriptors open, of which leases need the numbers.
  (void)::close_range(STDERR_FILENO + 1, ~0U, 0);
  auto stop = termination();
  if (!stop) return report(kFailed, stop.error());
  const Log log(false);
  return end_of(run_holder(options, log, stop->get()), log);
}

int serve(const Options& options, nri::RunOptions how) {
  auto stop = termination();
  if (!stop) return report(kFailed, stop.error());
  how.stop_fd = stop->get();
  const Log log(how.connection.valid());
  std::vector<std::unique_ptr<Part>> parts;
  for (const auto& [is_wanted, open_part] : {
           std::pair{!options.metrics.empty(), &open_metrics},
           std::pair{options.follow, &open_follow},
           std::pair{options.values, &open_values},
       }) {
    if (!is_wanted) continue;
    auto part = open_part(options, log);
    if (!part) return report(kFailed, part.error());
    parts.push_back(*std::move(part));
  }
  std::unique_ptr<Part> here;
  if (!options.nri) {
    here = std::move(parts.back());
    parts.pop_back();
  }
  std::vector<PartBeside> beside;
  for (auto& part : parts) {
    auto started = PartBeside::start(std::move(part), log);
    if (!started) return report(kFailed, started.error());
    beside.push_back(*std::move(started));
  }
  return end_of(here ? here->run(how.stop_fd) : run_nri(options, log, std::move(how)), log);
}

int run(const std::vector<std::string>& arguments) {
  if (const auto concealed = kernel::conceal_process(); !concealed)
    return report(kFailed, concealed.error());
  if (!fill_standard_descriptors()) return kFailed;
  ::signal(SIGPIPE, SIG_IGN);
  ::signal(SIGXFSZ, SIG_IGN);
  if (arguments.size() == 2 && arguments[0] == kWorkerWord) {
    const Log log(false);
    return end_of(run_worker(Fd(kWorkerSocket), arguments[1], log), log);
  }
  auto line = parse_command_line(arguments, default_options());
  if (!line) return report(kUsage, line.error());
  if (line->output) {
    std::fputs(line->output->c_str(), stdout);
    return 0;
  }
  Options& options = line->options;
  auto how = nri_connection(options);
  if (!how) return report(kUsage, how.error());
  if (auto valid = check_parts(options); !valid) return report(kUsage, valid.error());
  if (options.hold) return hold_values(options);
  return serve(options, *std::move(how));
}

}  // namespace
}  // namespace pinscope::daemon

int main(int argc, char** argv) {
  return pinscope::daemon::run(std::vector<std::string>(argv + 1, argv + argc));
}
