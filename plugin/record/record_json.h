// A record as text.
#pragma once

#include <string>

#include "plugin/base/result.h"
#include "plugin/model/record.h"

namespace pinscope::record {

// One line of JSON with a newline, and back. `name` is for errors. Fields that this version does
// not know are ignored; a field that is missing, has the wrong type or a word that is none is an
// error.
std::string to_json(const model::Record& record);
Result<model::Record> from_json(std::string json, const std::string& name);

}  // namespace pinscope::record
