#include "plugin/daemon/metrics.h"

#include <sys/eventfd.h>

#include <cerrno>
#include <chrono>
#include <string>
#include <utility>
#include <vector>

#include "plugin/base/text.h"
#include "plugin/host/run_program.h"
#include "plugin/metrics/serve/address.h"

namespace pinscope::daemon {
namespace {

constexpr size_t kMaxText = size_t{4} << 20;
// Prometheus waits ten seconds if nothing is said.
constexpr std::chrono::seconds kTimeToLook{8};

Result<std::string> take_metrics(const Options& options, metrics::Text text) {
  const std::string& program = options.hook.policy.compiler;
  const std::string& trail = options.hook.audit.path;
  ProgramCall call{.path = program,
                   .arguments = {program, "metrics", "--format",
                                 text == metrics::Text::kOpenMetrics ? "openmetrics" : "prometheus",
                                 "--policy", options.hook.policy.policy_path, "--cache-dir",
                                 options.hook.policy.cache_directory, "--state-dir",
                                 options.hook.state_directory}};
  // One that is given has to have its directory, which the hook makes with the first line.
  if (trail != HookOptions().audit.path) {
    call.arguments.emplace_back("--audit");
    call.arguments.push_back(trail);
  }
  call.listen = ProgramCall::Listen::kOutput;
  call.max_output = kMaxText;
  PINSCOPE_TRY(auto end, run_program(call, std::chrono::steady_clock::now() + kTimeToLook));
  const Error refusal(ErrorCode::kSystem, "take metrics with " + quoted(program));
  // With a part that could not be looked at, its status is 1, and the text says which.
  if (!end.has_exited() || !end.output.starts_with("# HELP "))
    return std::unexpected(Error(refusal).reason(end.what_happened()));
  if (end.output.size() >= kMaxText)
    return std::unexpected(Error(refusal).reason("the text is too long"));
  return std::move(end.output);
}

}  // namespace

MetricsService::MetricsService(const Options& options, const Log& log, Fd listener, Fd stop)
    : options_(&options), log_(&log), listener_(std::move(listener)), stop_(std::move(stop)) {
}

Result<MetricsService> MetricsService::open(const Options& options, const Log& log) {
  PINSCOPE_TRY(const auto address, metrics::parse_address(options.metrics));
  PINSCOPE_TRY(Fd listener, metrics::listen_at(address, options.metrics_group));
  Fd stop(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (!stop.valid()) return std::unexpected(Error::system("make an eventfd", errno));
  log.write(Severity::kInfo, "serving metrics at " + options.metrics);
  return MetricsService(options, log, std::move(listener), std::move(stop));
}

MetricsService::~MetricsService() {
  if (!thread_.joinable()) return;
  (void)::eventfd_write(stop_.get(), 1);
  thread_.join();
}

metrics::ServeOptions MetricsService::serve_options(int stop_fd) const {
  metrics::ServeOptions how;
  how.host_rule = options_->metrics.starts_with("unix:") ? metrics::HostRule::kAny
                                                         : metrics::HostRule::kLoopback;
  how.make = [options = options_](metrics::Text text) { return take_metrics(*options, text); };
  how.report = [log = log_, last = std::string()](const Error& error) mutable {
    std::string sentence = error.sentence();
    if (sentence == last) return;  // at each scrape
    log->write(Severity::kError, sentence);
    last = std::move(sentence);
  };
  how.stop_fd = stop_fd;
  return how;
}

void MetricsService::start() {
  // What the thread uses does not move with this object.
  thread_ = std::thread([how = serve_options(stop_.get()), listener = listener_.get(), log = log_] {
    if (const auto ended = metrics::serve(listener, how); !ended)
      log->write(Severity::kError, ended.error().sentence());
  });
}

Status MetricsService::run(int stop_fd) {
  return metrics::serve(listener_.get(), serve_options(stop_fd));
}

}  // namespace pinscope::daemon
