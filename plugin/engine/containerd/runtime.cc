#include "plugin/engine/containerd/runtime.h"

#include <array>

#include "plugin/base/text.h"
#include "plugin/model/low_level_runtime.h"

namespace pinscope::engine {
namespace {

constexpr const char* kRuncType = "io.containerd.runc.v2";

// Not the model's: what ours says itself; annotations of pods' owners, which the hook must not meet
// (pod_annotations); and what only runtimes of the kind before runc.v2 know.
constexpr std::array<std::string_view, 4> kNotCopied = {"runtime_type", "pod_annotations",
                                                        "runtime_engine", "runtime_root"};

bool is_copied(std::string_view key) {
  for (const auto other : kNotCopied)
    if (key == other) return false;
  return true;
}

}  // namespace

ContainerdModel containerd_model(const ContainerdConfig& config, const ContainerdPlace& place) {
  ContainerdModel model;
  const TomlPath runtimes = {"containerd", "runtimes"};
  model.default_runtime =
      config.text({"containerd", "default_runtime_name"}).value_or(model.runtime);
  const auto& name = model.default_runtime;
  const auto type = config.text({"containerd", "runtimes", name, "runtime_type"});
  if (name != kPinscopeRuntime && type == kRuncType) model.runtime = name;
  model.can_be_run = name == model.runtime || name == kPinscopeRuntime;
  const auto program =
      config.text({"containerd", "runtimes", model.runtime, "options", "BinaryName"});
  model.program.said_by = "the runtime " + quoted(model.runtime);
  model.program.directories = place.programs;
  if (program && model::has_own_kernel(*program))
    model.can_be_run = false;
  else if (program && !program->empty())
    model.program.name = *program;
  return model;
}

std::string containerd_table(int64_t version, const std::string& below) {
  return "[plugins." + toml_string(cri_plugin(version)) + ".containerd" + below + "]\n";
}

std::string runtime_tables(const ContainerdConfig& config, int64_t version,
                           const ContainerdModel& model, const std::string& shim) {
  const std::string ours = std::string(".runtimes.") + kPinscopeRuntime;
  std::string text =
      containerd_table(version, ours) + "runtime_type = " + toml_string(kRuncType) + "\n";
  const TomlPath of_model = {"containerd", "runtimes", model.runtime};
  for (const auto& key : config.names(of_model)) {
    if (!is_copied(key)) continue;
    const auto line = config.written({"containerd", "runtimes", model.runtime, key});
    if (!line.empty()) text += line + "\n";
  }
  text += containerd_table(version, ours + ".options") + "BinaryName = " + toml_string(shim) + "\n";
  for (const auto& key : config.names({"containerd", "runtimes", model.runtime, "options"})) {
    const auto line = config.written({"containerd", "runtimes", model.runtime, "options", key});
    if (key != "BinaryName" && !line.empty()) text += line + "\n";
  }
  return text;
}

}  // namespace pinscope::engine
