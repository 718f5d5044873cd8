// The tables of an inventory, in the order that somebody asked for.
#include "plugin/cli/inventory/order.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace pinscope::cli {
namespace {

using inventory::Machine;
using testing::ElementsAre;

class InventoryOrder : public testing::Test {
 protected:
  InventoryOrder() {
    machine_.spaces = {{.number = 1, .is_host = true, .pid = 1, .command = "init", .container = ""},
                       {.number = 2, .pid = 9, .command = "app", .container = "web"}};
    machine_.instances.resize(2);
    add_mount(0, 0, "/sys/fs/bpf");
    add_mount(1, 1, "/run/bpf");
    add_pin(0, "b", 5);
    add_pin(1, "c", 3);
    add_pin(1, "a", 5);
    machine_.pins[2].pin.attributes.container = "web";
    for (const uint32_t id : {3U, 5U}) {
      auto& object = machine_.objects.emplace_back();
      object.info.id = id;
      object.info.name = id == 3 ? "z" : "y";
    }
    machine_.objects[0].pins = {1};
    machine_.objects[1].pins = {0, 2};
    machine_.objects[0].holders = {{.pid = 9, .command = "app"}};
  }
  void add_mount(size_t space, size_t instance, const std::string& at) {
    auto& mount = machine_.mounts.emplace_back();
    mount.space = space;
    mount.instance = instance;
    mount.mount.mount_point = at;
  }
  void add_pin(size_t instance, const std::string& path, uint32_t map) {
    auto& pin = machine_.pins.emplace_back();
    pin.instance = instance;
    pin.pin.path = path;
    pin.pin.object.id = map;
  }

  [[nodiscard]] std::vector<std::string> mounts(const std::string& key) const {
    std::vector<std::string> places;
    for (const auto* mount : sorted_mounts(machine_, key))
      places.push_back(mount->mount.mount_point);
    return places;
  }
  [[nodiscard]] std::vector<std::string> pins(const std::string& key) const {
    std::vector<std::string> paths;
    for (const auto* pin : sorted_pins(machine_, key)) paths.push_back(pin->pin.path);
    return paths;
  }
  [[nodiscard]] std::vector<uint32_t> objects(const std::string& key) const {
    std::vector<uint32_t> ids;
    for (const auto* object : sorted_objects(machine_, key)) ids.push_back(object->info.id);
    return ids;
  }

  Machine machine_;
};

TEST_F(InventoryOrder, IsThatOfTheKernelWithoutAKey) {
  EXPECT_THAT(mounts(""), ElementsAre("/sys/fs/bpf", "/run/bpf"));
  EXPECT_THAT(pins(""), ElementsAre("b", "c", "a"));
  EXPECT_THAT(objects(""), ElementsAre(3, 5));
}

TEST_F(InventoryOrder, OfMountsIsByPlaceOwnerOrPins) {
  EXPECT_THAT(mounts("at"), ElementsAre("/run/bpf", "/sys/fs/bpf"));
  EXPECT_THAT(mounts("in"), ElementsAre("/run/bpf", "/sys/fs/bpf"));
  EXPECT_THAT(mounts("pins"), ElementsAre("/run/bpf", "/sys/fs/bpf"));
}

TEST_F(InventoryOrder, OfPinsIsByNameObjectOrContainer) {
  EXPECT_THAT(pins("name"), ElementsAre("a", "b", "c"));
  EXPECT_THAT(pins("object"), ElementsAre("c", "b", "a"));
  EXPECT_THAT(pins("container"), ElementsAre("a", "b", "c")) << "those of nobody last";
}

TEST_F(InventoryOrder, OfObjectsIsByNameOrWithMostPinsOrHoldersFirst) {
  EXPECT_THAT(objects("name"), ElementsAre(5, 3));
  EXPECT_THAT(objects("pins"), ElementsAre(5, 3));
  EXPECT_THAT(objects("holders"), ElementsAre(3, 5));
  EXPECT_THAT(objects("type"), ElementsAre(3, 5));
}

TEST_F(InventoryOrder, HasOnlyKeysThatTheOptionTakes) {
  for (const std::string_view what : {"mounts", "pins", "objects"})
    for (const auto key : sort_keys_of(what))
      EXPECT_NE(std::ranges::find(kSortKeys, key), std::end(kSortKeys)) << key;
  EXPECT_TRUE(sort_keys_of("summary").empty());
}

}  // namespace
}  // namespace pinscope::cli
