// Docker: an additional runtime in daemon.json, whose program is our shim; with --set-default also
// the default one. Docker has neither hook directories nor drop-ins, so its one file is edited, as
// text, so that everything else in it stays byte for byte. dockerd reads runtimes again on SIGHUP.
#include "plugin/base/json.h"
#include "plugin/base/json_edit.h"
#include "plugin/base/text.h"
#include "plugin/engine/draft.h"
#include "plugin/engine/wiring.h"

namespace pinscope::engine {
namespace {

constexpr const char* kDaemonJson = "/etc/docker/daemon.json";
constexpr const char* kRuntime = "pinscope";
constexpr const char* kReload = "systemctl reload docker (containers go on running)";
// A setting that is no longer in the file keeps its value over a reload: Docker 28.5 was asked.
constexpr const char* kRestart =
    "systemctl restart docker (at a reload dockerd forgets no runtime; with live-restore "
    "containers go on running)";

Error cannot_wire() {
  return Error(ErrorCode::kSystem, "wire docker");
}

// dockerd takes a byte order mark, which JSON has no place for; it stays where it is.
constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";

std::string_view mark_of(std::string_view content) {
  return content.substr(0, content.starts_with(kByteOrderMark) ? kByteOrderMark.size() : 0);
}

Result<std::string> json_of(std::string_view content) {
  if (content.starts_with("\xFF\xFE") || content.starts_with("\xFE\xFF"))
    return std::unexpected(
        cannot_wire().reason(quoted(kDaemonJson) + " is UTF-16").hint("save it as UTF-8"));
  return std::string(content.substr(mark_of(content).size()));
}

// An empty file is one without settings; dockerd takes it so.
bool is_blank(std::string_view text) {
  return text.find_first_not_of(" \t\r\n") == std::string_view::npos;
}

Result<JsonText> parse(const std::string& text) {
  return JsonText::parse(text, kDaemonJson, ErrorCode::kSystem);
}

// The text of a setting that is a string; nothing if there is none.
Result<std::optional<std::string>> string_at(const std::string& text, std::string_view key) {
  PINSCOPE_TRY(const auto document, JsonDocument::parse(text, kDaemonJson, ErrorCode::kSystem));
  PINSCOPE_TRY(const auto value, document.root().find(key));
  if (!value) return std::optional<std::string>();
  PINSCOPE_TRY(const auto name, value->as_string());
  return std::optional<std::string>(name);
}

std::string json_string(std::string_view text) {
  return JsonWriter().value(text).take();
}

Result<std::string> put_in(const std::string& content, const Options& options) {
  PINSCOPE_TRY(std::string before, json_of(content));
  if (is_blank(before)) before = "{}\n";
  PINSCOPE_TRY(auto daemon, parse(before));
  PINSCOPE_TRY(const auto present, daemon.find({"runtimes", kRuntime}));
  if (present && !options.force)
    return std::unexpected(
        cannot_wire()
            .reason(quoted(kDaemonJson) + " has a runtime \"pinscope\" that pinscope did not make")
            .hint("take it out, or use --force"));
  JsonWriter runtime;
  runtime.object().field("path", options.shim);
  if (!options.hook_arguments.empty()) {
    runtime.key("runtimeArgs").array();
    for (const auto& argument : options.hook_arguments)
      runtime.value(argument.starts_with("--") ? "--pinscope-" + argument.substr(2) : argument);
    runtime.end();
  }
  runtime.end();
  PINSCOPE_CHECK(daemon.set({"runtimes", kRuntime}, runtime.text()));
  if (options.set_default) {
    PINSCOPE_TRY(const auto name, string_at(before, "default-runtime"));
    if (name && *name != "runc" && *name != kRuntime && !options.force)
      return std::unexpected(
          cannot_wire()
              .reason("its default runtime is " + quoted(*name))
              .hint("pinscope would run runc in its place; --force makes pinscope the default "
                    "anyway, and remove brings " +
                    quoted(*name) + " back"));
    PINSCOPE_CHECK(daemon.set({"default-runtime"}, json_string(kRuntime)));
  }
  return std::string(mark_of(content)) + std::move(daemon).take();
}

// `was` is what the default runtime was before us: empty if there was none.
Result<std::string> take_out(const std::string& content, const std::string& was) {
  PINSCOPE_TRY(const std::string json, json_of(content));
  if (is_blank(json)) return content;
  PINSCOPE_TRY(auto daemon, parse(json));
  PINSCOPE_TRY([[maybe_unused]] const bool removed, daemon.remove({"runtimes", kRuntime}));
  PINSCOPE_TRY(const auto runtimes, daemon.find({"runtimes"}));
  if (runtimes && removed) {
    PINSCOPE_TRY(const auto left,
                 JsonDocument::parse(std::string(*runtimes), kDaemonJson, ErrorCode::kSystem));
    PINSCOPE_TRY(const auto members, left.root().members());
    if (members.empty()) {
      PINSCOPE_TRY([[maybe_unused]] const bool gone, daemon.remove({"runtimes"}));
    }
  }
  PINSCOPE_TRY(const auto name, string_at(daemon.text(), "default-runtime"));
  if (name == kRuntime) {
    if (was.empty()) {
      PINSCOPE_TRY([[maybe_unused]] const bool gone, daemon.remove({"default-runtime"}));
    } else {
      PINSCOPE_CHECK(daemon.set({"default-runtime"}, json_string(was)));
    }
  }
  return std::string(mark_of(content)) + std::move(daemon).take();
}

struct Daemon {
  std::string program;  // of our runtime; empty if it is not there
  std::string default_runtime;
};
Result<Daemon> read_daemon(const Tree& tree) {
  Daemon daemon;
  PINSCOPE_TRY(const auto file, tree.read(kDaemonJson));
  if (!file) return daemon;
  PINSCOPE_TRY(std::string json, json_of(file->text));
  if (is_blank(json)) return daemon;
  PINSCOPE_TRY(const auto document,
               JsonDocument::parse(std::move(json), kDaemonJson, ErrorCode::kSystem));
  PINSCOPE_TRY(daemon.default_runtime, document.root().string_or("default-runtime", ""));
  PINSCOPE_TRY(const auto runtimes, document.root().find("runtimes"));
  if (!runtimes) return daemon;
  PINSCOPE_TRY(const auto runtime, runtimes->find(kRuntime));
  if (!runtime) return daemon;
  PINSCOPE_TRY(daemon.program, runtime->string_or("path", ""));
  return daemon;
}

// The default runtime that the backup remembers.
Result<std::string> default_before(const Tree& tree) {
  PINSCOPE_TRY(const auto receipt, read_receipt(tree, model::Engine::kDocker));
  const auto* edit = receipt ? receipt->edited(kDaemonJson) : nullptr;
  if (edit == nullptr || edit->backup.empty()) return std::string();
  PINSCOPE_TRY(const auto backup, tree.read(edit->backup));
  if (!backup) return std::string();
  PINSCOPE_TRY(const std::string json, json_of(backup->text));
  if (is_blank(json)) return std::string();
  PINSCOPE_TRY(const auto name, string_at(json, "default-runtime"));
  return name.value_or("");
}

Result<Plan> install(const Tree& tree, const Options& options) {
  PINSCOPE_CHECK(tree.check_program(options.shim, "--runtime-shim"));
  PINSCOPE_TRY(const std::string was, default_before(tree));
  PINSCOPE_TRY(auto draft, Draft::start(tree, model::Engine::kDocker, options.force));
  const Editor editor = {.take_out = [&](const std::string& text) { return take_out(text, was); },
                         .put_in = [&](const std::string& text) { return put_in(text, options); }};
  PINSCOPE_CHECK(draft.edit_file(kDaemonJson, editor));
  Plan plan;
  PINSCOPE_TRY(plan.changes, draft.finish());
  if (plan.changes.empty()) return plan;
  plan.checked_file = kDaemonJson;
  plan.next = {kReload};
  if (!options.set_default)
    plan.next.emplace_back(
        "docker run --runtime pinscope … (without it, a container does not meet "
        "Pinscope; --set-default makes it the default)");
  return plan;
}

Result<Plan> remove(const Tree& tree, const Options& options) {
  PINSCOPE_TRY(const std::string was, default_before(tree));
  Plan plan;
  PINSCOPE_TRY(plan.changes, removal(tree, model::Engine::kDocker, options.force,
                                     [&](const std::string& text) { return take_out(text, was); }));
  if (!plan.changes.empty())
    plan.next = {
        "remove the containers that were made with the runtime \"pinscope\": they cannot "
        "start any more",
        kRestart};
  return plan;
}

void examine(const Tree& tree, const Receipt& /*receipt*/, Report& report) {
  const auto add = [&](Remark::Level level, std::string text, std::string action) {
    report.remarks.push_back({level, std::move(text), std::move(action)});
  };
  const std::string again = "pinscope engine install --engine docker";
  const auto daemon = read_daemon(tree);
  if (!daemon) {
    add(Remark::Level::kFail, daemon.error().sentence(), "mend that file: dockerd cannot start");
  } else if (daemon->program.empty()) {
    add(Remark::Level::kFail, std::string(kDaemonJson) + " has no runtime \"pinscope\" any more",
        again);
  } else if (const auto usable = tree.check_program(daemon->program); !usable) {
    add(Remark::Level::kFail, usable.error().sentence(),
        "put the program there: no container of the runtime \"pinscope\" starts without it");
  } else if (daemon->default_runtime != kRuntime) {
    add(Remark::Level::kOk, "only containers of the runtime \"pinscope\" meet Pinscope", "");
  }
}

}  // namespace

const Wiring kDockerWiring = {install, remove, examine};

}  // namespace pinscope::engine
