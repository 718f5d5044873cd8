// Values as a part of pinscoped (`pinscoped --values`): starts the process that serves them
// (values_worker.h), starts it again when it ends or hangs, finds or starts a holder for it, and
// says at a socket how it all is. It touches no container's data itself.
#pragma once

#include <memory>
#include <string>
#include <thread>

#include "plugin/base/fd.h"
#include "plugin/base/result.h"
#include "plugin/daemon/log.h"
#include "plugin/daemon/options.h"
#include "plugin/daemon/status_socket.h"

namespace pinscope::daemon {

class ValuesService {
 public:
  // Takes its place in the state directory. `options` and `log` must outlive it. An error says if
  // another service is there.
  static Result<ValuesService> open(const Options& options, const Log& log);

  ValuesService(ValuesService&&) noexcept = default;
  ValuesService& operator=(ValuesService&&) = delete;
  ~ValuesService();

  // Serves in a thread of its own, until this object goes.
  void start();
  // Serves in this thread until `stop_fd` is readable. The worker has ended when it returns; the
  // holder goes on.
  Status run(int stop_fd);

 private:
  ValuesService(const Options& options, const Log& log, StatusSocket status, Fd stop,
                std::string root);

  const Options* options_;
  const Log* log_;
  std::unique_ptr<StatusSocket> status_;  // does not move with this object
  Fd stop_;                               // an eventfd
  std::string root_;                      // an empty directory
  std::thread thread_;
};

}  // namespace pinscope::daemon
