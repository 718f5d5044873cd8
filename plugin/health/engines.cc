#include "plugin/health/engines.h"

#include <algorithm>
#include <iterator>

#include "plugin/health/engine_status.h"

namespace pinscope::health {

using model::Finding;
using model::Findings;
using Level = Finding::Level;

Findings check_engines() {
  Findings findings;
  const auto tree = engine::Tree::open("/");
  if (!tree) return {{Level::kWarn, "engine", "wiring", tree.error().sentence(), ""}};
  for (const auto engine : engine::engines()) {
    const auto status = look_at(*tree, engine);
    const std::string name = model::engine_name(engine);
    if (status.program.empty() && !status.report.wired) continue;
    const std::string version = status.version.empty() ? status.program : status.version;
    if (!status.report.wired && status.report.findings.empty()) {
      findings.push_back({Level::kWarn, "engine", name, version + ": not wired",
                          "pinscope engine install --engine " + name});
      continue;
    }
    if (status.report.effective())
      findings.push_back({Level::kOk, "engine", name, version + ": wired", ""});
    std::ranges::copy_if(status.report.findings, std::back_inserter(findings),
                         [](const Finding& finding) { return finding.level != Level::kOk; });
  }
  return findings;
}

}  // namespace pinscope::health
