// How records and what is live of them look, in list and inspect.
#pragma once

#include <string>

#include "plugin/cli/term/terminal.h"
#include "plugin/inventory/entries.h"
#include "plugin/json/json.h"

namespace pinscope::cli {

// "running", "gone", …, in its colour.
Colour colour_of_state(const std::string& summary);

// The fields of an object that say what is live, as list and inspect have them in common.
void write_live(JsonWriter& json, const inventory::Entry& entry);

}  // namespace pinscope::cli
