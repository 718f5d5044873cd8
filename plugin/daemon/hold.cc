#include "plugin/daemon/hold.h"

#include <algorithm>
#include <string>

#include "plugin/base/text.h"
#include "plugin/daemon/confine.h"
#include "plugin/daemon/notify.h"
#include "plugin/values/hold/holder.h"

namespace pinscope::daemon {

Status run_holder(const Options& options, const Log& log, int stop_fd) {
  const std::string& state = options.hook.state_directory;
  PINSCOPE_TRY(const std::string root, make_empty_root(state));
  PINSCOPE_TRY(const auto place, hold::take_place(hold::socket_path(state)));
  const Notifier manager;
  hold::raise_descriptor_limit();
  PINSCOPE_CHECK(confine(kHolderUser, root));
  hold::HolderOptions how{.stop_fd = stop_fd};
  if (manager.pace()) how.time_to_look = std::min(how.time_to_look, *manager.pace());
  how.alive = [&] { manager.tell("WATCHDOG=1"); };
  how.changed = [&](size_t leases, bool is_served) {
    manager.tell("STATUS=" + count_of(leases, "container", "containers") + ", " +
                 (is_served ? "served" : "not served now"));
  };
  log.write(Severity::kInfo, "holding values for " + quoted(state));
  manager.tell("READY=1");
  return hold::hold(place.listener.get(), how);
}

}  // namespace pinscope::daemon
