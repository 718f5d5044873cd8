#include "plugin/daemon/metrics.h"

#include <chrono>
#include <string>
#include <utility>

#include "plugin/base/text.h"
#include "plugin/daemon/run_pinscope.h"
#include "plugin/metrics/serve/address.h"
#include "plugin/metrics/serve/server.h"

namespace pinscope::daemon {
namespace {

constexpr size_t kMaxText = size_t{4} << 20;
// Prometheus waits ten seconds if nothing is said.
constexpr std::chrono::seconds kTimeToLook{8};

Result<std::string> take_metrics(const Options& options, metrics::Text text) {
  const std::string& program = options.hook.policy.compiler;
  const Error refusal(ErrorCode::kSystem, "take metrics with " + quoted(program));
  const char* format = text == metrics::Text::kOpenMetrics ? "openmetrics" : "prometheus";
  PINSCOPE_TRY(auto end,
               run_pinscope(options, {"metrics", "--format", format}, kMaxText, kTimeToLook));
  // With a part that could not be looked at, its status is 1, and the text says which.
  if (!end.output.starts_with("# HELP "))
    return std::unexpected(Error(refusal).reason(end.what_happened()));
  if (end.output.size() >= kMaxText)
    return std::unexpected(Error(refusal).reason("the text is too long"));
  return std::move(end.output);
}

class Metrics : public Part {
 public:
  Metrics(const Options& options, const Log& log, Fd listener)
      : options_(options), log_(log), listener_(std::move(listener)) {}

  Status run(int stop_fd) override {
    metrics::ServeOptions how;
    how.host_rule = options_.metrics.starts_with("unix:") ? metrics::HostRule::kAny
                                                          : metrics::HostRule::kLoopback;
    how.make = [this](metrics::Text text) { return take_metrics(options_, text); };
    how.report = [this, last = std::string()](const Error& error) mutable {
      std::string sentence = error.sentence();
      if (sentence == last) return;  // at each scrape
      log_.write(Severity::kError, sentence);
      last = std::move(sentence);
    };
    how.stop_fd = stop_fd;
    return metrics::serve(listener_.get(), how);
  }

 private:
  const Options& options_;
  const Log& log_;
  Fd listener_;
};

}  // namespace

Result<std::unique_ptr<Part>> open_metrics(const Options& options, const Log& log) {
  PINSCOPE_TRY(const auto address, metrics::parse_address(options.metrics));
  PINSCOPE_TRY(Fd listener, metrics::listen_at(address, options.metrics_group));
  log.write(Severity::kInfo, "serving metrics at " + options.metrics);
  return std::make_unique<Metrics>(options, log, std::move(listener));
}

}  // namespace pinscope::daemon
