// pinscoped: the resident service. Reads its options, turns signals into a descriptor, and hands
// over to the part that was asked for.
#include <sys/signalfd.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <optional>
#include <string>

#include "plugin/daemon/log.h"
#include "plugin/daemon/metrics.h"
#include "plugin/daemon/options.h"
#include "plugin/daemon/view_plugin.h"
#include "plugin/host/streams.h"
#include "plugin/kernel/process/concealment.h"
#include "plugin/nri/plugin.h"

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

Status check_what_to_do(const Options& options) {
  const Error refusal(ErrorCode::kUsage, "tell what to do");
  if (!options.nri && options.metrics.empty())
    return std::unexpected(
        Error(refusal).reason("neither --nri nor --metrics is there").hint("see pinscoped --help"));
  if (options.metrics_group && !options.metrics.starts_with("unix:"))
    return std::unexpected(Error(ErrorCode::kUsage, "let a group read the metrics")
                               .reason("--metrics names no Unix socket")
                               .hint("see pinscoped --help"));
  return {};
}

int run(const std::vector<std::string>& arguments) {
  if (const auto concealed = kernel::conceal_process(); !concealed)
    return report(kFailed, concealed.error());
  if (!fill_standard_descriptors()) return kFailed;
  ::signal(SIGPIPE, SIG_IGN);
  ::signal(SIGXFSZ, SIG_IGN);
  auto line = parse_command_line(arguments, default_options());
  if (!line) return report(kUsage, line.error());
  if (line->output) {
    std::fputs(line->output->c_str(), stdout);
    return 0;
  }
  auto preinstalled = nri::preinstalled([](const char* name) { return std::getenv(name); });
  if (!preinstalled) return report(kUsage, preinstalled.error());
  Options& options = line->options;
  nri::RunOptions how;
  if (*preinstalled) {
    options.nri = true;
    how.identity = (*preinstalled)->identity;
    how.connection = std::move((*preinstalled)->connection);
  } else {
    how.identity = {options.nri_name, options.nri_index};
    how.socket_path = options.nri_socket;
  }
  if (auto valid = check_what_to_do(options); !valid) return report(kUsage, valid.error());
  if (auto valid = nri::check_identity(how.identity); !valid) return report(kUsage, valid.error());
  auto stop = termination();
  if (!stop) return report(kFailed, stop.error());
  how.stop_fd = stop->get();

  const Log log(how.connection.valid());
  std::optional<MetricsService> metrics;
  if (!options.metrics.empty()) {
    auto opened = MetricsService::open(options, log);
    if (!opened) return report(kFailed, opened.error());
    metrics.emplace(*std::move(opened));
  }
  if (!options.nri) {
    const auto ended = metrics->run(how.stop_fd);
    if (!ended) log.write(Severity::kError, ended.error().sentence());
    return ended ? 0 : kFailed;
  }
  if (!kernel::is_set_apart())
    log.write(Severity::kWarning,
              "without CAP_SETGID and CAP_SYS_PTRACE at the start, a container that sees the "
              "host's processes may reach this one for a moment");
  StatusFile status;
  if (!options.status_file.empty()) {
    auto opened = StatusFile::open(options.status_file);
    if (!opened) return report(kFailed, opened.error());
    status = *std::move(opened);
    if (auto written = status.write("not ready: no engine has connected yet"); !written)
      return report(kFailed, written.error());
  }
  if (metrics) metrics->start();
  ViewPlugin plugin(options, log, std::move(status));
  const auto ended = nri::run(plugin, std::move(how));
  if (!ended) log.write(Severity::kError, ended.error().sentence());
  return ended ? 0 : kFailed;
}

}  // namespace
}  // namespace pinscope::daemon

int main(int argc, char** argv) {
  return pinscope::daemon::run(std::vector<std::string>(argv + 1, argv + argc));
}
