#include "plugin/engine/wiring/wiring.h"

#include <algorithm>

#include "plugin/base/text.h"

namespace pinscope::engine {
namespace {

const Wiring* wiring_of(model::Engine engine) {
  switch (engine) {
    case model::Engine::kPodman:
      return &kPodmanWiring;
    case model::Engine::kCrio:
      return &kCrioWiring;
    case model::Engine::kContainerd:
      return &kContainerdWiring;
    case model::Engine::kDocker:
      return &kDockerWiring;
    case model::Engine::kUnknown:
    case model::Engine::kHost:
      return nullptr;
  }
  return nullptr;
}

Error no_wiring(model::Engine engine) {
  return Error(ErrorCode::kUsage, "wire engine " + quoted(model::engine_name(engine)))
      .reason("there is no wiring for it");
}

void fail(Report& report, std::string text, std::string action) {
  report.remarks.push_back({Remark::Level::kFail, std::move(text), std::move(action)});
}

// Whether the files of an installation are there as it made them.
void examine_files(const Tree& tree, const Receipt& receipt, Report& report) {
  const std::string again =
      "pinscope engine install --engine " + std::string(model::engine_name(report.engine));
  for (const auto& made : receipt.files) {
    report.files.push_back(made.path);
    const auto file = tree.read(made.path);
    if (!file) {
      fail(report, file.error().sentence(), again);
    } else if (!*file) {
      fail(report, made.path + " is gone", again);
    } else if (sum_of((*file)->text) != made.sum) {
      report.remarks.push_back({Remark::Level::kWarn, made.path + " was changed by somebody",
                                again + " --force puts it back"});
    }
  }
  for (const auto& edit : receipt.edits) report.files.push_back(edit.path);
}

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
  return wired && !unclear &&
         std::none_of(remarks.begin(), remarks.end(),
                      [](const Remark& remark) { return remark.level == Remark::Level::kFail; });
}

const std::vector<model::Engine>& engines() {
  static const std::vector<model::Engine> all = {model::Engine::kPodman, model::Engine::kCrio,
                                                 model::Engine::kContainerd,
                                                 model::Engine::kDocker};
  return all;
}

bool wants_default(const Options& options, const Receipt& receipt, bool is_default_now) {
  return options.set_default.value_or(receipt.set_default || is_default_now);
}

void report_lost_default(Report& report, const std::string& why, const std::string& action) {
  fail(report,
       why +
           ": containers that name no runtime pass Pinscope by, although --set-default "
           "was asked for",
       action);
}

void report_unclear(Report& report, const std::string& what) {
  report.unclear = true;
  report.remarks.push_back({Remark::Level::kWarn, "cannot tell " + what,
                            "see for yourself that a container gets its view"});
}

void report_old_processes(const Tree& tree, const Receipt& receipt, Report& report,
                          const std::string& action,
                          const std::function<bool(const DaemonCommand&)>& counts) {
  const auto wired = wired_at(tree, receipt, report.engine);
  for (const auto& daemon : running_daemons(tree, report.engine))
    if (counts(daemon) && daemon.started + kStartIsKnownTo < wired)
      fail(report,
           daemon.where +
               " runs since before the wiring: containers that it starts pass "
               "Pinscope by",
           action);
}

Result<Plan> plan_install(model::Engine engine, const Tree& tree, const Options& options) {
  const auto* wiring = wiring_of(engine);
  if (wiring == nullptr) return std::unexpected(no_wiring(engine));
  return wiring->install(tree, options);
}

Result<Plan> plan_remove(model::Engine engine, const Tree& tree, const Options& options) {
  const auto* wiring = wiring_of(engine);
  if (wiring == nullptr) return std::unexpected(no_wiring(engine));
  return wiring->remove(tree, options);
}

Report examine(model::Engine engine, const Tree& tree) {
  Report report;
  report.engine = engine;
  const auto* wiring = wiring_of(engine);
  if (wiring == nullptr) return report;
  const auto receipt = read_receipt(tree, engine);
  if (!receipt) {
    fail(report, receipt.error().sentence(),
         "use the version of pinscope that wrote it, or move it away and remove its files by hand");
    return report;
  }
  if (!*receipt) return report;
  report.wired = true;
  report.set_default = (*receipt)->set_default;
  examine_files(tree, **receipt, report);
  wiring->examine(tree, **receipt, report);
  for (const auto& doubt : unit_doubts(tree, engine))
    report_unclear(report, "how " + std::string(model::engine_name(engine)) + " starts: " + doubt);
  return report;
}

}  // namespace pinscope::engine
