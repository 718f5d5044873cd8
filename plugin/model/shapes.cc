#include "plugin/model/shapes.h"

#include <cstdio>

namespace pinscope::model {

void add_rule(JsonWriter& json, const Rule& rule) {
  json.field("policy", rule.policy)
      .field("file", rule.place.file)
      .field("line", rule.place.line)
      .field("column", rule.place.column);
}

void write_rule(JsonWriter& json, const Rule& rule) {
  json.object();
  add_rule(json, rule);
  json.end();
}

void write_rules(JsonWriter& json, const std::vector<Rule>& rules) {
  json.array();
  for (const auto& rule : rules) write_rule(json, rule);
  json.end();
}

void write_texts(JsonWriter& json, const std::vector<std::string>& texts) {
  json.array();
  for (const auto& text : texts) json.value(text);
  json.end();
}

std::string mode_text(uint32_t mode) {
  char text[8];
  std::snprintf(text, sizeof text, "%04o", mode & 07777U);
  return text;
}

}  // namespace pinscope::model
