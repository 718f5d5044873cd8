// What a service manager is told that asked for it (sd_notify(3)), without its library.
#pragma once

#include <chrono>
#include <optional>
#include <string_view>

#include "plugin/base/fd.h"

namespace pinscope::daemon {

class Notifier {
 public:
  // Connects to $NOTIFY_SOCKET, and takes the variable out of the environment. A manager that
  // cannot be reached is as none.
  Notifier();

  // "READY=1". Lost if nobody listens.
  void tell(std::string_view text) const;
  // Half the time after which the manager gives this process up; nothing: it never does.
  [[nodiscard]] std::optional<std::chrono::milliseconds> pace() const { return pace_; }

 private:
  Fd socket_;
  std::optional<std::chrono::milliseconds> pace_;
};

}  // namespace pinscope::daemon
