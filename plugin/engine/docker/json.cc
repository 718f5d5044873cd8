#include "plugin/engine/docker/json.h"

#include "plugin/base/text.h"
#include "plugin/json/edit.h"
#include "plugin/json/json.h"

namespace pinscope::engine {
namespace {

constexpr const char* kDefault = "default-runtime";
constexpr const char* kRuntimes = "runtimes";

// An empty file is one without settings; dockerd takes it so.
bool is_blank(std::string_view text) {
  return text.find_first_not_of(" \t\r\n") == std::string_view::npos;
}

std::string json_string(std::string_view text) {
  return JsonWriter().value(text).take();
}

Result<std::vector<std::string>> texts_in(const JsonView& list) {
  std::vector<std::string> texts;
  PINSCOPE_TRY(const auto elements, list.elements());
  for (const auto& element : elements) {
    PINSCOPE_TRY(const auto text, element.as_string());
    texts.emplace_back(text);
  }
  return texts;
}

}  // namespace

Result<DockerJson> DockerJson::parse(std::string_view content, const std::string& name) {
  if (content.starts_with("\xFF\xFE") || content.starts_with("\xFE\xFF"))
    return std::unexpected(Error(ErrorCode::kSystem, "wire docker")
                               .reason(quoted(name) + " is UTF-16")
                               .hint("save it as UTF-8"));
  DockerJson daemon;
  daemon.name_ = name;
  daemon.mark_ = content.starts_with(kByteOrderMark) ? kByteOrderMark : "";
  daemon.json_ = content.substr(daemon.mark_.size());
  if (is_blank(daemon.json_)) return daemon;
  PINSCOPE_TRY(const auto document, JsonDocument::parse(daemon.json_, name, ErrorCode::kSystem));
  PINSCOPE_TRY(daemon.default_runtime_, document.root().string_or(kDefault, ""));
  return daemon;
}

Result<std::vector<std::string>> DockerJson::hosts() const {
  if (is_blank(json_)) return std::vector<std::string>();
  PINSCOPE_TRY(const auto document, JsonDocument::parse(json_, name_, ErrorCode::kSystem));
  PINSCOPE_TRY(const auto hosts, document.root().find("hosts"));
  return hosts ? texts_in(*hosts) : std::vector<std::string>();
}

Result<std::optional<DockerRuntime>> DockerJson::runtime(std::string_view name) const {
  const std::optional<DockerRuntime> none;
  if (is_blank(json_)) return none;
  PINSCOPE_TRY(const auto document, JsonDocument::parse(json_, name_, ErrorCode::kSystem));
  PINSCOPE_TRY(const auto runtimes, document.root().find(kRuntimes));
  if (!runtimes) return none;
  PINSCOPE_TRY(const auto entry, runtimes->find(name));
  if (!entry) return none;
  DockerRuntime runtime;
  PINSCOPE_TRY(runtime.path, entry->string_or("path", ""));
  PINSCOPE_TRY(runtime.type, entry->string_or("runtimeType", ""));
  PINSCOPE_TRY(const auto arguments, entry->find("runtimeArgs"));
  if (arguments) {
    PINSCOPE_TRY(runtime.arguments, texts_in(*arguments));
  }
  PINSCOPE_TRY(const auto options, entry->find("options"));
  if (options && runtime.type == "io.containerd.runc.v2") {
    PINSCOPE_TRY(runtime.path, options->string_or("BinaryName", "runc"));
    runtime.type.clear();
  }
  return runtime;
}

Result<std::string> DockerJson::with_ours(const DockerRuntime& ours, bool as_default) const {
  PINSCOPE_TRY(auto daemon,
               JsonText::parse(is_blank(json_) ? "{}\n" : json_, name_, ErrorCode::kSystem));
  JsonWriter runtime;
  runtime.object().field("path", ours.path);
  if (!ours.arguments.empty()) {
    runtime.key("runtimeArgs").array();
    for (const auto& argument : ours.arguments) runtime.value(argument);
    runtime.end();
  }
  runtime.end();
  PINSCOPE_CHECK(daemon.set({kRuntimes, kDockerRuntime}, runtime.text()));
  if (as_default) PINSCOPE_CHECK(daemon.set({kDefault}, json_string(kDockerRuntime)));
  return mark_ + std::move(daemon).take();
}

Result<std::string> DockerJson::without_ours(const std::string& was) const {
  if (is_blank(json_)) return mark_ + json_;
  PINSCOPE_TRY(auto daemon, JsonText::parse(json_, name_, ErrorCode::kSystem));
  PINSCOPE_TRY(const bool removed, daemon.remove({kRuntimes, kDockerRuntime}));
  PINSCOPE_TRY(const auto runtimes, daemon.find({kRuntimes}));
  if (runtimes && removed) {
    PINSCOPE_TRY(const auto left,
                 JsonDocument::parse(std::string(*runtimes), name_, ErrorCode::kSystem));
    PINSCOPE_TRY(const auto members, left.root().members());
    if (members.empty()) {
      PINSCOPE_TRY([[maybe_unused]] const bool gone, daemon.remove({kRuntimes}));
    }
  }
  if (default_runtime_ == kDockerRuntime) {
    if (was.empty()) {
      PINSCOPE_TRY([[maybe_unused]] const bool gone, daemon.remove({kDefault}));
    } else {
      PINSCOPE_CHECK(daemon.set({kDefault}, json_string(was)));
    }
  }
  return mark_ + std::move(daemon).take();
}

}  // namespace pinscope::engine
