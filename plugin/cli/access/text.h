// Who can read and write an object, for people and for programs.
#pragma once

#include <string>

#include "plugin/cli/term/terminal.h"
#include "plugin/inventory/access/question.h"
#include "plugin/json/json.h"

namespace pinscope::cli {

// "map 12 (flows)", of a judged machine.
std::string object_title(const inventory::Answered& answered);

// How a way works, in one line, with the rule behind it.
std::string how_text(const inventory::Way& way);

std::string who_text(const inventory::Answered& answered, const inventory::ObjectAccess& access,
                     const Palette& palette);
std::string who_json(const inventory::Answered& answered, const inventory::ObjectAccess& access);

// Members of an object that is open: "object", and "ways" and "closed" of one accessor.
void write_object(JsonWriter& json, const inventory::Answered& answered);
void write_ways(JsonWriter& json, const inventory::Accessor& accessor);

}  // namespace pinscope::cli
