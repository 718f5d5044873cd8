#include "plugin/cli/inventory/order.h"

#include <algorithm>
#include <utility>

#include "plugin/inventory/machine/judge.h"

namespace pinscope::cli {
namespace {

using inventory::InstanceMount;
using inventory::Machine;
using inventory::Object;
using inventory::Pin;

constexpr std::string_view kOfMounts[] = {"at", "in", "pins"};
constexpr std::string_view kOfPins[] = {"container", "name", "object"};
constexpr std::string_view kOfObjects[] = {"holders", "name", "pins", "type"};

template <typename Thing>
std::vector<const Thing*> all_of(const std::vector<Thing>& things) {
  std::vector<const Thing*> list;
  list.reserve(things.size());
  for (const auto& thing : things) list.push_back(&thing);
  return list;
}

// `value_of` is asked once for each.
template <typename Thing, typename Value>
void sort_by(std::vector<const Thing*>& things, const Value& value_of) {
  using Key = decltype(value_of(*things.front()));
  std::vector<std::pair<Key, const Thing*>> keyed;
  keyed.reserve(things.size());
  for (const auto* thing : things) keyed.emplace_back(value_of(*thing), thing);
  std::ranges::stable_sort(keyed, {}, &std::pair<Key, const Thing*>::first);
  std::ranges::transform(keyed, things.begin(), &std::pair<Key, const Thing*>::second);
}

// Those with most come first.
long most_first(size_t count) {
  return -static_cast<long>(count);
}

const std::string& container_of(const Pin& pin) {
  return pin.grant ? pin.grant->container : pin.pin.attributes.container;
}

}  // namespace

std::span<const std::string_view> sort_keys_of(std::string_view what) {
  if (what == "mounts") return kOfMounts;
  if (what == "pins") return kOfPins;
  if (what == "objects") return kOfObjects;
  return {};
}

std::vector<const InstanceMount*> sorted_mounts(const Machine& machine, const std::string& key) {
  auto mounts = all_of(machine.mounts);
  if (key == "at")
    sort_by(mounts, [](const InstanceMount& mount) { return mount.mount.mount_point; });
  if (key == "in")
    sort_by(mounts, [&](const InstanceMount& mount) {
      return inventory::text_of(machine.spaces[mount.space]);
    });
  if (key == "pins")
    sort_by(mounts, [counts = pins_of_instances(machine)](const InstanceMount& mount) {
      return most_first(counts[mount.instance]);
    });
  return mounts;
}

std::vector<const Pin*> sorted_pins(const Machine& machine, const std::string& key) {
  auto pins = all_of(machine.pins);
  if (key == "container")
    sort_by(pins,
            [](const Pin& pin) { return std::pair(container_of(pin).empty(), container_of(pin)); });
  if (key == "name") sort_by(pins, [](const Pin& pin) { return pin.pin.path; });
  if (key == "object")
    sort_by(pins, [](const Pin& pin) { return std::pair(pin.pin.object.kind, pin.pin.object.id); });
  return pins;
}

std::vector<const Object*> sorted_objects(const Machine& machine, const std::string& key) {
  auto objects = all_of(machine.objects);
  if (key == "holders")
    sort_by(objects, [](const Object& object) { return most_first(object.holders.size()); });
  if (key == "name") sort_by(objects, [](const Object& object) { return object.info.name; });
  if (key == "pins")
    sort_by(objects, [](const Object& object) { return most_first(object.pins.size()); });
  if (key == "type")
    sort_by(objects, [](const Object& object) {
      return std::pair(object.info.kind, model::type_name(object.info));
    });
  return objects;
}

std::vector<size_t> pins_of_instances(const Machine& machine) {
  std::vector<size_t> counts(machine.instances.size());
  for (const auto& pin : machine.pins) ++counts[pin.instance];
  return counts;
}

}  // namespace pinscope::cli
