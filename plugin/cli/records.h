// How records and what is live of them look, in list and inspect.
#pragma once

#include <string>

#include "plugin/cli/term/terminal.h"
#include "plugin/inventory/entries.h"
#include "plugin/json/json.h"

namespace pinscope::cli {

// "running", "gone", …, and ", void" behind it if the container has a way past its view.
std::string state_text(const inventory::Entry& entry);
// Its colour.
Colour colour_of_state(const std::string& summary);

// A container with a view: what its record says, and what is live of it. `name`: its engine's for
// it; that in a pod is in the record.
void write_entry(JsonWriter& json, const inventory::Entry& entry, const std::string& name = {});

}  // namespace pinscope::cli
