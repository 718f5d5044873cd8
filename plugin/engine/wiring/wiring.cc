#include "plugin/engine/wiring/wiring.h"

#include <algorithm>

#include "plugin/base/text.h"

namespace pinscope::engine {

using Level = model::Finding::Level;

namespace {

// A clock tick of proc_pid_stat(5), with something to spare.
constexpr std::chrono::milliseconds kStartIsKnownTo{20};

std::chrono::nanoseconds changed_at(const Tree& tree, const std::string& path) {
  const auto status = tree.status(path);
  if (!status) return std::chrono::nanoseconds(0);
  return std::chrono::seconds(status->st_mtim.tv_sec) +
         std::chrono::nanoseconds(status->st_mtim.tv_nsec);
}

// When we last changed what an engine reads. Others may have edited such a file since, and a
// receipt may be written anew alone: the earlier of the two is ours.
std::chrono::nanoseconds wired_at(const Tree& tree, const Receipt& receipt, model::Engine engine) {
  std::chrono::nanoseconds last{0};
  for (const auto& made : receipt.files) last = std::max(last, changed_at(tree, made.path));
  for (const auto& edit : receipt.edits) last = std::max(last, changed_at(tree, edit.path));
  return std::min(last, changed_at(tree, receipt_path(engine)));
}

}  // namespace

bool Report::effective() const {
  return wired && unclear.empty() &&
         std::ranges::find(findings, Level::kFail, &model::Finding::level) == findings.end();
}

void Report::add(Level level, std::string detail, std::string action) {
  findings.push_back(
      {level, "engine", model::engine_name(engine), std::move(detail), std::move(action)});
}

bool wants_default(const Options& options, const Receipt& receipt, bool is_default_now) {
  return options.set_default.value_or(receipt.set_default || is_default_now);
}

void report_lost_default(Report& report, const std::string& why, const std::string& action) {
  report.add(Level::kFail,
             why +
                 ": containers that name no runtime pass Pinscope by, although --set-default "
                 "was asked for",
             action);
}

void report_unclear(Report& report, const std::string& what) {
  report.unclear.push_back(what);
  report.add(Level::kWarn, "cannot tell " + what,
             "see for yourself that a container gets its view");
}

void report_old_processes(const Tree& tree, const Receipt& receipt, Report& report,
                          const std::string& action,
                          const std::function<bool(const DaemonCommand&)>& counts) {
  const auto wired = wired_at(tree, receipt, report.engine);
  for (const auto& daemon : running_daemons(tree, report.engine))
    if (counts(daemon) && daemon.started + kStartIsKnownTo < wired)
      report.add(Level::kFail,
                 daemon.where +
                     " runs since before the wiring: containers that it starts pass "
                     "Pinscope by",
                 action);
}

}  // namespace pinscope::engine
