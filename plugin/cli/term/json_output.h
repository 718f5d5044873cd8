// How the output of a command for programs begins and ends. docs/schemas has a schema for each.
#pragma once

#include <string>

#include "plugin/json/json.h"

namespace pinscope::cli {

// Rises when a member that is there gets another meaning, another type, or goes; a new member does
// not need it.
inline constexpr uint64_t kOutputVersion = 1;

// A writer with an object open that says so.
inline JsonWriter begin_output() {
  JsonWriter json(JsonWriter::Style::kPretty);
  json.object().field("schema", kOutputVersion);
  return json;
}

// The text, once the object is closed.
inline std::string end_output(JsonWriter json) {
  json.end();
  return json.take() + "\n";
}

}  // namespace pinscope::cli
