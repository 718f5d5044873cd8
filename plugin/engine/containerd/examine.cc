#include "plugin/engine/containerd/examine.h"

#include "plugin/base/text.h"
#include "plugin/engine/containerd/config.h"
#include "plugin/engine/containerd/place.h"
#include "plugin/engine/containerd/runtime.h"
#include "plugin/engine/wiring/low_level_runtime.h"
#include "plugin/model/low_level_runtime.h"

namespace pinscope::engine {
namespace {

using Level = model::Finding::Level;

constexpr const char* kInstall = "pinscope engine install --engine containerd";

void examine_default(const ContainerdConfig& config, const Receipt& receipt, Report& report) {
  const auto name = config.text(default_runtime_key());
  if (name == kPinscopeRuntime) return;
  if (!receipt.set_default) {
    report.add(Level::kOk, "only containers of the runtime \"pinscope\" meet Pinscope");
    return;
  }
  const std::string file = config.file_of(default_runtime_key());
  report_lost_default(report,
                      file.empty()
                          ? "no file of containerd's makes \"pinscope\" the default runtime"
                          : file + " makes " + quoted(name.value_or("")) + " the default runtime",
                      kInstall);
}

}  // namespace

void examine_containerd(const Tree& tree, const Receipt& receipt, Report& report) {
  // The root file is the one that we have a part in, or the one that is there.
  const std::string drop_in = containerd_drop_in(receipt);
  const auto place = containerd_of(tree, receipt, drop_in);
  const std::string& root = place.root;
  const auto config = ContainerdConfig::read(tree, root);
  const auto without = ContainerdConfig::read(tree, root, drop_in);
  if (!config || !without) {
    report.add(Level::kFail, (config ? without : config).error().sentence(),
               "mend that file: containerd cannot start");
    return;
  }
  if (const auto other = other_containerd_root(tree, root); !other.empty())
    report.add(Level::kFail, "containerd reads " + other + ", not " + root,
               "pinscope engine remove --engine containerd, then install with --containerd-config");
  if (const auto file = config->disables_cri(); !file.empty())
    report.add(Level::kFail, file + " switches the CRI plugin off", "take it out there");
  const auto shim =
      config->text({"containerd", "runtimes", kPinscopeRuntime, "options", "BinaryName"});
  if (!shim) {
    report.add(Level::kFail,
               drop_in.empty() ? root + " has no runtime \"pinscope\" any more"
                               : root + " does not import " + drop_in,
               kInstall);
    return;
  }
  if (drop_in.empty())
    if (const auto rival = config->import_with_cri(); !rival.empty())
      report.add(Level::kFail,
                 "containerd before 2.0 takes its CRI plugin's section from " + rival +
                     ", not from " + root,
                 "install again with --containerd-config " + rival);
  for (const auto& file : config->files())
    if (file.version > config->version())
      report.add(Level::kFail,
                 file.path + " is of version " + std::to_string(file.version) + ", " + root +
                     " of version " + std::to_string(config->version()) +
                     ": containerd does not start",
                 "install the wiring again");
  if (!model::is_shim(*shim))
    report.add(
        Level::kFail,
        "the runtime \"pinscope\" runs " + *shim + ", which is not Pinscope's (" +
            config->file_of({"containerd", "runtimes", kPinscopeRuntime, "options", "BinaryName"}) +
            ")",
        "take that out, then " + std::string(kInstall));
  else if (const auto usable = tree.check_program(*shim); !usable)
    report.add(Level::kFail, usable.error().sentence(),
               "put the program there: no container of the runtime \"pinscope\" starts without it");
  report_old_processes(tree, receipt, report, place.restart, is_own_containerd);
  examine_default(*config, receipt, report);
  examine_program(tree, containerd_model(*without, place).program, "", *shim, report);
}

}  // namespace pinscope::engine
