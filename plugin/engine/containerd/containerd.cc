#include "plugin/engine/containerd/containerd.h"

#include <algorithm>

#include "plugin/base/path.h"
#include "plugin/base/text.h"
#include "plugin/engine/containerd/config.h"
#include "plugin/engine/containerd/edit.h"
#include "plugin/engine/containerd/examine.h"
#include "plugin/engine/containerd/place.h"
#include "plugin/engine/containerd/runtime.h"
#include "plugin/engine/wiring/draft.h"
#include "plugin/engine/wiring/low_level_runtime.h"
#include "plugin/engine/wiring/wiring.h"
#include "plugin/model/low_level_runtime.h"

namespace pinscope::engine {
namespace {

constexpr const char* kDropIns = "/etc/containerd/conf.d";

// What k3s and RKE2 make their root file from.
std::string template_of(const std::string& root, int64_t version) {
  return join(parent_of(root), version >= 3 ? "config-v3.toml.tmpl" : "config.toml.tmpl");
}

Error cannot_wire() {
  return Error(ErrorCode::kSystem, "wire containerd");
}

Result<Receipt> receipt_of(const Tree& tree) {
  PINSCOPE_TRY(const auto receipt, read_receipt(tree, model::Engine::kContainerd));
  return receipt.value_or(Receipt());
}

// The first number of "1.7.24" or "v2.1.0"; 0 if it is not known.
int64_t major_of(const std::string& version) {
  std::string_view text = version;
  if (text.starts_with('v')) text.remove_prefix(1);
  return static_cast<int64_t>(parse_unsigned(split(text, '.').front()).value_or(0));
}

// containerd 1.x forgets its built-in runc as soon as the file names any runtime.
std::string built_in_runc(int64_t version) {
  return containerd_table(version, ".runtimes.runc") + "runtime_type = \"io.containerd.runc.v2\"\n";
}

std::string header() {
  return "# Made by `pinscope engine install --engine containerd`; `pinscope engine remove "
         "--engine "
         "containerd` takes it away.\n# Its version is the one of the file that imports it.\n";
}

struct Target {
  ContainerdPlace place;
  ContainerdModel model;
  std::string directory;    // of the drop-in
  bool as_default = false;  // what was asked for, now or before
  [[nodiscard]] const std::string& root() const { return place.root; }
  [[nodiscard]] std::string drop_in() const { return join(directory, kContainerdDropIn); }
  [[nodiscard]] std::string pattern() const { return directory + "/*.toml"; }
};

// What cannot be run by the shim is not replaced unasked.
Status check_default(const Target& target, const Options& options) {
  if (!target.as_default || options.force || target.model.can_be_run) return {};
  return std::unexpected(
      cannot_wire()
          .reason("its default runtime is " + quoted(target.model.default_runtime))
          .hint("pinscope would run runc in its place; --force makes pinscope the default anyway"));
}

// A file that is read after ours would have the last word.
Status check_later(const Target& target, const ContainerdConfig& config) {
  const std::string file = config.file_of(default_runtime_key());
  const auto name = config.text(default_runtime_key());
  if (!target.as_default || file.empty() || file == target.root() || name == kPinscopeRuntime)
    return {};
  const auto& imported = config.import_directories();
  const auto ours = std::find(imported.begin(), imported.end(), target.directory);
  const bool later = parent_of(file) == target.directory
                         ? file > target.drop_in()
                         : std::find(ours, imported.end(), parent_of(file)) != imported.end();
  if (!later) return {};
  return std::unexpected(cannot_wire()
                             .reason(quoted(file) + " makes " + quoted(name.value_or("")) +
                                     " the default runtime and is read after " +
                                     quoted(target.drop_in()))
                             .hint("take default_runtime_name out there, or rename the file"));
}

// containerd gives its runtime no arguments, so the shim is told by a file.
Status tell_shim(const Tree& tree, const Options& options, const Target& target,
                 WiringDraft& draft) {
  draft.set_default(target.as_default);
  PINSCOPE_TRY(const auto program, program_to_tell(tree, model::Engine::kContainerd,
                                                   target.model.program, options.shim));
  if (program.empty()) return {};
  return draft.make_file(model::runtime_file_of(model::Engine::kContainerd),
                         model::runtime_file_text(program));
}

Result<Changes> install_drop_in(const Tree& tree, const Options& options, const Target& target,
                                const ContainerdConfig& config) {
  // A drop-in must not be of a later version than the file that imports it.
  const int64_t version = config.exists() ? config.version() : 3;
  PINSCOPE_CHECK(check_later(target, config));
  PINSCOPE_TRY(auto draft, WiringDraft::start(tree, model::Engine::kContainerd, options.force));
  PINSCOPE_CHECK(tell_shim(tree, options, target, draft));
  std::string text = header() + "version = " + std::to_string(version) + "\n" +
                     runtime_tables(config, version, target.model, options.shim);
  if (target.as_default)
    text += containerd_table(version, "") +
            "default_runtime_name = " + toml_string(kPinscopeRuntime) + "\n";
  // A file that containerd cannot read would keep it from starting.
  if (const auto read = Toml::parse(text, target.drop_in()); !read)
    return std::unexpected(read.error());
  PINSCOPE_CHECK(draft.make_file(target.drop_in(), text));
  const auto& imported = config.import_directories();
  const bool edited = draft.old_receipt().edited(target.root()) != nullptr;
  const bool covered =
      std::find(imported.begin(), imported.end(), target.directory) != imported.end();
  if (edited || !covered) {
    if (target.place.generated)
      return std::unexpected(cannot_wire()
                                 .reason(quoted(target.root()) +
                                         " is written anew at each start and does not import " +
                                         quoted(target.pattern()))
                                 .hint("add that import to " +
                                       quoted(template_of(target.root(), version)) +
                                       ", restart, and try again"));
    const Editor editor = {.take_out = [&](const std::string& content) -> Result<std::string> {
                             return take_out_ours(content, target.pattern());
                           },
                           .put_in = [&](const std::string& content) -> Result<std::string> {
                             if (content.empty())
                               return header() + "version = " + std::to_string(version) +
                                      "\nimports = [" + toml_string(target.pattern()) + "]\n";
                             return add_import(content, target.pattern(), target.root());
                           }};
    PINSCOPE_CHECK(draft.edit_file(target.root(), editor));
  }
  return draft.finish();
}

Result<Changes> install_block(const Tree& tree, const Options& options, const Target& target,
                              const ContainerdConfig& config) {
  if (target.place.generated)
    return std::unexpected(
        cannot_wire()
            .reason(
                quoted(target.root()) +
                " is written anew at each start, and containerd before 2.0 cannot merge a drop-in")
            .hint("put the runtime into " + quoted(template_of(target.root(), 2)) +
                  "; docs/engines/containerd.md has the text"));
  if (const auto rival = config.import_with_cri(); !rival.empty())
    return std::unexpected(
        cannot_wire()
            .reason("containerd before 2.0 takes the whole section of its CRI plugin from " +
                    quoted(rival) + " and nothing of it from " + quoted(target.root()))
            .hint("install with --containerd-config " + rival));
  constexpr int64_t kVersion = 2;
  const Editor editor = {
      .take_out = [&](const std::string& content) -> Result<std::string> {
        return take_out_ours(content, target.pattern());
      },
      .put_in = [&](const std::string& content) -> Result<std::string> {
        std::string text = content.empty() ? header() + "version = 2\n" : content;
        PINSCOPE_TRY(const auto before, Toml::parse(text, target.root()));
        const bool has_runtimes =
            before.has({"plugins", cri_plugin(kVersion), "containerd", "runtimes"});
        const std::string block = (has_runtimes ? "" : built_in_runc(kVersion)) +
                                  runtime_tables(config, kVersion, target.model, options.shim);
        if (target.as_default) {
          PINSCOPE_TRY(text, set_default_runtime(text, kVersion, target.root()));
        }
        return add_block(text, block, target.root());
      }};
  PINSCOPE_TRY(auto draft, WiringDraft::start(tree, model::Engine::kContainerd, options.force));
  PINSCOPE_CHECK(tell_shim(tree, options, target, draft));
  PINSCOPE_CHECK(draft.edit_file(target.root(), editor));
  return draft.finish();
}

Result<WiringPlan> install(const Tree& tree, const Options& options) {
  PINSCOPE_CHECK(tree.check_program(options.shim, "--runtime-shim"));
  if (!options.hook_arguments.empty())
    return std::unexpected(
        cannot_wire()
            .reason("it gives its runtime no arguments such as " + options.hook_arguments.front())
            .hint("keep policies, records and the audit trail in their default places"));
  PINSCOPE_TRY(const auto receipt, receipt_of(tree));
  const std::string ours = containerd_drop_in(receipt);
  Target target;
  PINSCOPE_TRY(target.place, choose_containerd(tree, options.containerd_config));
  target.directory = kDropIns;
  PINSCOPE_TRY(const auto config, ContainerdConfig::read(tree, target.root(), ours));
  PINSCOPE_TRY(const auto now, ContainerdConfig::read(tree, target.root()));
  target.model = containerd_model(config, target.place);
  target.as_default =
      wants_default(options, receipt, now.text(default_runtime_key()) == kPinscopeRuntime);
  if (const auto file = config.disables_cri(); !file.empty())
    return std::unexpected(
        cannot_wire()
            .reason(quoted(file) + " switches its CRI plugin off")
            .hint(
                "Docker's containerd: wire Docker instead (--engine docker); for Kubernetes, take "
                "the plugin out of disabled_plugins; ctr and nerdctl need no wiring"));
  if (config.exists() && config.version() < 2)
    return std::unexpected(cannot_wire()
                               .reason(quoted(target.root()) + " is of version 1 or says none")
                               .hint("`containerd config migrate` prints it in a later version"));
  PINSCOPE_CHECK(check_default(target, options));
  // A directory that is imported already is better than a line more in the root file.
  const auto& imported = config.import_directories();
  if (!ours.empty()) {
    target.directory = parent_of(ours);
  } else if (!imported.empty() &&
             std::find(imported.begin(), imported.end(), target.directory) == imported.end()) {
    target.directory = imported.back();
  } else if (target.place.generated) {
    target.directory = std::string(parent_of(target.root())) + "/" +
                       (config.version() >= 3 ? "config-v3.toml.d" : "config.toml.d");
  }
  const int64_t major = major_of(options.containerd_version);
  const bool merges = config.version() >= 3 || major >= 2;
  if (!config.exists() && major == 0)
    return std::unexpected(
        cannot_wire()
            .reason("there is no " + quoted(target.root()) +
                    " and containerd's version is not known")
            .hint("say it with --containerd-version, as `containerd --version` prints it"));
  WiringPlan plan;
  PINSCOPE_TRY(plan.changes, merges ? install_drop_in(tree, options, target, config)
                                    : install_block(tree, options, target, config));
  if (plan.changes.empty()) return plan;
  if (!target.place.generated) plan.checked_file = target.root();
  plan.next = {target.place.restart};
  if (!target.as_default)
    plan.next.emplace_back(
        "for Kubernetes, make a RuntimeClass with the handler \"pinscope\" and name it in the pods "
        "that may get a view (docs/engines/containerd.md)");
  return plan;
}

Result<WiringPlan> remove(const Tree& tree, const Options& options) {
  PINSCOPE_TRY(const auto receipt, receipt_of(tree));
  const std::string ours = containerd_drop_in(receipt);
  const auto take_out = [&](const std::string& text) -> Result<std::string> {
    return take_out_ours(text, ours.empty() ? std::string(kDropIns) + "/*.toml"
                                            : std::string(parent_of(ours)) + "/*.toml");
  };
  WiringPlan plan;
  PINSCOPE_TRY(plan.changes, removal(tree, model::Engine::kContainerd, options.force, take_out));
  if (plan.changes.empty()) return plan;
  plan.next = {"delete the RuntimeClass and the pods that use it",
               containerd_of(tree, receipt, ours).restart};
  return plan;
}

}  // namespace

const Wiring kContainerdWiring = {install, remove, examine_containerd};

}  // namespace pinscope::engine
