#include "plugin/engine/wiring.h"

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

}  // namespace

bool Report::effective() const {
  return wired && std::none_of(remarks.begin(), remarks.end(), [](const Remark& remark) {
           return remark.level == Remark::Level::kFail;
         });
}

const std::vector<model::Engine>& engines() {
  static const std::vector<model::Engine> all = {model::Engine::kPodman, model::Engine::kCrio,
                                                 model::Engine::kContainerd,
                                                 model::Engine::kDocker};
  return all;
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
  examine_files(tree, **receipt, report);
  wiring->examine(tree, **receipt, report);
  return report;
}

}  // namespace pinscope::engine
