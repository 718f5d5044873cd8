// Serves metrics over one socket that listens, from one thread, until it is told to stop. A client
// that is slow or says nothing holds up no other: none is waited for alone, each has a time and a
// maximum of bytes, and when there are too many the one that has said nothing for longest goes.
#pragma once

#include <chrono>
#include <functional>
#include <string>

#include "plugin/base/result.h"
#include "plugin/metrics/serve/http.h"

namespace pinscope::metrics {

struct ServeOptions {
  HostRule host_rule = HostRule::kAny;
  // Makes the text; called by the serving thread, for everybody who waits together.
  std::function<Result<std::string>(Text)> make;
  // Told an error of `make` or of the socket.
  std::function<void(const Error&)> report;
  int stop_fd = -1;  // readable: end
  size_t max_clients = 16;
  std::chrono::milliseconds time_to_ask{5000};
  std::chrono::milliseconds time_to_take{10000};
  // A text that is not older is given to others as well: however many ask, it is made once in this
  // time.
  std::chrono::milliseconds fresh_for{1000};
};

// `listener` stays the caller's. An error: the socket cannot be served any more.
Status serve(int listener, const ServeOptions& options);

}  // namespace pinscope::metrics
