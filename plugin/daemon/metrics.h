// Metrics over a socket, beside the NRI plugin or alone. What they are, `pinscope metrics` says,
// which is run for each scrape: it looks into containers and reads what others wrote, and neither
// its memory nor its end is this process's.
#pragma once

#include <memory>
#include <thread>

#include "plugin/base/fd.h"
#include "plugin/base/result.h"
#include "plugin/daemon/log.h"
#include "plugin/daemon/options.h"
#include "plugin/metrics/serve/server.h"

namespace pinscope::daemon {

class MetricsService {
 public:
  // Listens at options.metrics. `options` and `log` must outlive it. The address is here first,
  // before an engine is served, so that one that is wrong shows.
  static Result<MetricsService> open(const Options& options, const Log& log);

  MetricsService(MetricsService&&) noexcept = default;
  MetricsService& operator=(MetricsService&&) = delete;
  ~MetricsService();

  // Serves in a thread of its own, until this object goes.
  void start();
  // Serves in this thread until `stop_fd` is readable.
  Status run(int stop_fd);

 private:
  MetricsService(const Options& options, const Log& log, Fd listener, Fd stop);
  [[nodiscard]] metrics::ServeOptions serve_options(int stop_fd) const;

  const Options* options_;
  const Log* log_;
  Fd listener_;
  Fd stop_;  // an eventfd
  std::thread thread_;
};

}  // namespace pinscope::daemon
