// The order of what a table of an inventory shows.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "plugin/inventory/machine/machine.h"

namespace pinscope::cli {

// Every word that some table can be sorted by.
inline constexpr const char* kSortKeys[] = {"at",   "container", "in",   "holders",
                                            "name", "object",    "pins", "type"};

// What the table `what` ("mounts", "pins", "objects") can be sorted by.
std::span<const std::string_view> sort_keys_of(std::string_view what);

// The things of each table, by the key; in the order in which they were found without one. By
// "pins" and "holders" those with most come first.
std::vector<const inventory::InstanceMount*> sorted_mounts(const inventory::Machine& machine,
                                                           const std::string& key);
std::vector<const inventory::Pin*> sorted_pins(const inventory::Machine& machine,
                                               const std::string& key);
std::vector<const inventory::Object*> sorted_objects(const inventory::Machine& machine,
                                                     const std::string& key);

// How many pins each instance has.
std::vector<size_t> pins_of_instances(const inventory::Machine& machine);

}  // namespace pinscope::cli
