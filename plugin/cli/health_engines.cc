// doctor: the engines of this machine, and whether they meet Pinscope.
#include "plugin/cli/engine_status.h"
#include "plugin/cli/health.h"

namespace pinscope::cli {

using Level = Finding::Level;

Findings engine_health() {
  Findings findings;
  const auto tree = engine::Tree::open("/");
  if (!tree) return {{Level::kWarn, "engine", "wiring", tree.error().sentence(), ""}};
  for (const auto engine : engine::engines()) {
    const auto status = look_at(*tree, engine);
    const std::string name = model::engine_name(engine);
    if (status.program.empty() && !status.report.wired) continue;
    const std::string version = status.version.empty() ? status.program : status.version;
    if (!status.report.wired && status.report.remarks.empty()) {
      findings.push_back({Level::kWarn, "engine", name, version + ": not wired",
                          "pinscope engine install --engine " + name});
      continue;
    }
    if (status.report.effective())
      findings.push_back({Level::kOk, "engine", name, version + ": wired", ""});
    for (const auto& remark : status.report.remarks)
      if (remark.level != engine::Remark::Level::kOk)
        findings.push_back(
            {remark.level == engine::Remark::Level::kFail ? Level::kFail : Level::kWarn, "engine",
             name, remark.text, remark.action});
  }
  return findings;
}

}  // namespace pinscope::cli
