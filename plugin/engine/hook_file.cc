#include "plugin/engine/hook_file.h"

#include "plugin/base/json.h"
#include "plugin/base/path.h"

namespace pinscope::engine {
namespace {

// Seconds. Views are made in milliseconds; a hook that hangs must not hang the engine.
constexpr uint64_t kTimeout = 30;

}  // namespace

std::string hook_file(const std::string& program, const std::vector<std::string>& arguments,
                      std::string_view stage) {
  JsonWriter json(JsonWriter::Style::kPretty);
  json.object().field("version", "1.0.0").key("hook").object().field("path", program);
  json.key("args").array().value(base_name(program));
  for (const auto& argument : arguments) json.value(argument);
  json.value(stage).end();
  // Without an "env", some runtimes hand on their own or even the image's environment.
  json.key("env").array().value("PATH=/usr/sbin:/usr/bin:/sbin:/bin").end();
  json.field("timeout", kTimeout).end();
  json.key("when").object().field("always", true).end();
  json.key("stages").array().value(stage).end().end();
  return json.take() + "\n";
}

Result<std::string> program_of_hook_file(std::string text, const std::string& name) {
  PINSCOPE_TRY(const auto document, JsonDocument::parse(std::move(text), name, ErrorCode::kSystem));
  PINSCOPE_TRY(const auto hook, document.root().find("hook"));
  if (!hook) return std::unexpected(document.root().complaint("\"hook\" is missing"));
  return hook->string_or("path", "");
}

}  // namespace pinscope::engine
