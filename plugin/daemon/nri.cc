#include "plugin/daemon/nri.h"

#include <cstdlib>
#include <utility>

#include "plugin/daemon/view_plugin.h"
#include "plugin/host/status_file.h"
#include "plugin/kernel/process/concealment.h"

namespace pinscope::daemon {

Result<nri::RunOptions> nri_connection(Options& options) {
  PINSCOPE_TRY(auto preinstalled,
               nri::preinstalled([](const char* name) { return std::getenv(name); }));
  nri::RunOptions how;
  if (preinstalled) {
    options.nri = true;
    how.identity = preinstalled->identity;
    how.connection = std::move(preinstalled->connection);
  } else {
    how.identity = {options.nri_name, options.nri_index};
    how.socket_path = options.nri_socket;
  }
  PINSCOPE_CHECK(nri::check_identity(how.identity));
  return how;
}

Status run_nri(const Options& options, const Log& log, nri::RunOptions how) {
  if (!kernel::is_set_apart())
    log.write(Severity::kWarning,
              "without CAP_SETGID and CAP_SYS_PTRACE at the start, a container that sees the "
              "host's processes may reach this one for a moment");
  StatusFile status;
  if (!options.status_file.empty()) {
    PINSCOPE_TRY(status, StatusFile::open(options.status_file));
    PINSCOPE_CHECK(status.write("not ready: no engine has connected yet"));
  }
  ViewPlugin plugin(options, log, std::move(status));
  return nri::run(plugin, std::move(how));
}

}  // namespace pinscope::daemon
