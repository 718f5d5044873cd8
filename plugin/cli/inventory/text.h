// An inventory for people and for programs.
#pragma once

#include <string>

#include "plugin/cli/term/terminal.h"
#include "plugin/inventory/machine/inventory.h"

namespace pinscope::cli {

using inventory::Inventory;

// Which of it is shown, and in which order. Empty: all of them.
struct InventoryFilter {
  std::string container;  // an id
  std::string kind;       // of objects: "map", "program", "link"
  std::string name;       // a glob, of objects and of the last component of pins
  std::string sort = {};  // what a table is sorted by (order.h); empty: as it was found

  [[nodiscard]] bool is_set() const { return !(container + kind + name).empty(); }
  [[nodiscard]] bool shows(const inventory::Space& space) const;
  [[nodiscard]] bool shows(const Inventory& all, const inventory::Pin& pin) const;
  [[nodiscard]] bool shows(const Inventory& all, const inventory::Object& object) const;
};

// One of: how much there is of each thing and the notices; or a table of that thing.
std::string summary_text(const Inventory& all, const Palette& palette);
std::string mounts_text(const Inventory& all, const InventoryFilter& filter,
                        const Palette& palette);
std::string pins_text(const Inventory& all, const InventoryFilter& filter, const Palette& palette);
std::string objects_text(const Inventory& all, const InventoryFilter& filter,
                         const Palette& palette);

// Everything, as the filter leaves it. docs/man/pinscope.1 describes the fields.
std::string to_json(const Inventory& all, const InventoryFilter& filter);

}  // namespace pinscope::cli
