#include "plugin/engine/engines.h"

#include "plugin/base/text.h"
#include "plugin/engine/containerd/containerd.h"
#include "plugin/engine/crio.h"
#include "plugin/engine/docker/docker.h"
#include "plugin/engine/podman.h"

namespace pinscope::engine {

using Level = model::Finding::Level;

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

// Whether the files of an installation are there as it made them.
void examine_files(const Tree& tree, const Receipt& receipt, Report& report) {
  const std::string again =
      "pinscope engine install --engine " + std::string(model::engine_name(report.engine));
  for (const auto& made : receipt.files) {
    report.files.push_back(made.path);
    const auto file = tree.read(made.path);
    if (!file) {
      report.add(Level::kFail, file.error().sentence(), again);
    } else if (!*file) {
      report.add(Level::kFail, made.path + " is gone", again);
    } else if (sum_of((*file)->text) != made.sum) {
      report.add(Level::kWarn, made.path + " was changed by somebody",
                 again + " --force puts it back");
    }
  }
  for (const auto& edit : receipt.edits) report.files.push_back(edit.path);
}

}  // namespace

const std::vector<model::Engine>& engines() {
  static const std::vector<model::Engine> all = {model::Engine::kPodman, model::Engine::kCrio,
                                                 model::Engine::kContainerd,
                                                 model::Engine::kDocker};
  return all;
}

Result<WiringPlan> plan_install(model::Engine engine, const Tree& tree, const Options& options) {
  const auto* wiring = wiring_of(engine);
  if (wiring == nullptr) return std::unexpected(no_wiring(engine));
  return wiring->install(tree, options);
}

Result<WiringPlan> plan_remove(model::Engine engine, const Tree& tree, const Options& options) {
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
    report.add(
        Level::kFail, receipt.error().sentence(),
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
