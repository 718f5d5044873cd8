#include "plugin/engine/hook_file.h"

#include "plugin/json/json.h"
#include "plugin/model/hook_entry.h"

namespace pinscope::engine {

std::string hook_file(const std::string& program, const std::vector<std::string>& arguments,
                      std::string_view stage) {
  JsonWriter json(JsonWriter::Style::kPretty);
  json.object().field("version", "1.0.0").key("hook").object();
  add_members(json, model::hook_entry(std::string(stage), program, arguments));
  json.end();
  json.key("when").object().field("always", true).end();
  json.key("stages").array().value(stage).end().end();
  return json.take() + "\n";
}

Result<std::string> program_of_hook_file(std::string text, const std::string& name) {
  PINSCOPE_TRY(const auto document, JsonDocument::parse(std::move(text), name, ErrorCode::kSystem));
  PINSCOPE_TRY(const auto hook, document.root().find("hook"));
  if (!hook) return std::unexpected(document.root().make_error("\"hook\" is missing"));
  return hook->string_or("path", "");
}

}  // namespace pinscope::engine
