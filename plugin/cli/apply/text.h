// What `pinscope apply` did, for people and for programs.
#pragma once

#include <string>
#include <vector>

#include "plugin/cli/apply/held.h"
#include "plugin/cli/term/terminal.h"
#include "plugin/json/json.h"
#include "plugin/pipeline/change/swap.h"

namespace pinscope::cli {

struct Application {
  bool dry_run = false;
  std::vector<Swapped> containers;      // that run
  std::vector<std::vector<Held>> held;  // of each of them
  std::vector<Error> unreadable;        // records
};

std::string to_text(const Application& application, const Palette& palette);
// docs/schemas/apply.json describes it. `still`: the rules that give later starts what was revoked.
std::string to_json(const Application& application, const std::vector<model::Rule>& still = {});
// One container of it.
void write_swapped(JsonWriter& json, const Swapped& swapped, const std::vector<Held>& held);

}  // namespace pinscope::cli
