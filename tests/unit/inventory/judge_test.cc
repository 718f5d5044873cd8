// What a look at a machine means, on machines that are made up here.
#include "plugin/inventory/machine/judge.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace pinscope::inventory {
namespace {

using model::ObjectKind;
using testing::ElementsAre;
using testing::IsEmpty;

constexpr uint64_t kHostSpace = 100;
constexpr uint64_t kContainerSpace = 200;
constexpr uint64_t kViewMount = 9000;

Object map_object(uint32_t id) {
  Object object;
  object.info.kind = ObjectKind::kMap;
  object.info.id = id;
  object.info.name = "flows";
  return object;
}

// A host with the pin /sys/fs/bpf/flows of map 7, and a container that was granted it.
class Judge : public testing::Test {
 protected:
  Judge() {
    machine_.spaces = {{.number = kHostSpace,
                        .is_host = true,
                        .pid = 1,
                        .command = "init",
                        .has_hosts_root = true,
                        .container = ""},
                       {.number = kContainerSpace, .pid = 50, .command = "app", .container = ""}};
    machine_.instances.resize(2);
    machine_.instances[0].device_minor = 30;
    machine_.instances[0].origin = Instance::Origin::kHost;
    machine_.instances[1].device_minor = 31;
    add_mount(0, 0, "/sys/fs/bpf");
    add_mount(1, 1, "/sys/fs/bpf").id = kViewMount;
    machine_.objects = {map_object(7)};
    add_pin(0, "flows", 7);
    add_pin(1, "flows", 7);

    auto& [record, is_running] = containers_.emplace_back();
    is_running = true;
    record.given.id = "web";
    record.mount_namespace = kContainerSpace;
    record.at = "/sys/fs/bpf";
    model::ViewInstance view;
    view.device_minor = 31;
    view.mounts = {kViewMount};
    record.instances = {view};
    model::PinnedObject pin;
    pin.grant.name = "flows";
    pin.grant.source = "/sys/fs/bpf/flows";
    pin.object.id = 7;
    record.given.pins = {pin};
  }

  kernel::BpffsMount& add_mount(size_t space, size_t instance, const std::string& at,
                                const std::string& root = "/") {
    auto& mount = machine_.mounts.emplace_back();
    mount.space = space;
    mount.instance = instance;
    mount.mount.mount_point = at;
    mount.mount.root = root;
    return mount.mount;
  }

  void add_pin(size_t instance, const std::string& path, uint32_t map) {
    auto& pin = machine_.pins.emplace_back();
    pin.instance = instance;
    pin.pin.path = path;
    pin.pin.object.id = map;
    if (const auto object = machine_.find({ObjectKind::kMap, map}))
      machine_.objects[*object].pins.push_back(machine_.pins.size() - 1);
  }

  // "stranger: container web: has a bpffs …".
  std::vector<std::string> notices() {
    judge(machine_, containers_);
    std::vector<std::string> texts;
    for (const auto& notice : notices_of(machine_, containers_))
      texts.push_back(std::string(name_of(notice.kind)) + ": " + notice.subject + ": " +
                      notice.text);
    return texts;
  }

  Machine machine_;
  std::vector<KnownContainer> containers_;
};

TEST_F(Judge, QuotesTheNameOfAProcessThatCouldBeSomethingElse) {
  EXPECT_EQ(process_text("runc:[2:INIT]", 7), "runc:[2:INIT] (pid 7)");
  EXPECT_EQ(process_text("container web", 7), "\"container web\" (pid 7)");
  EXPECT_EQ(process_text("a\nb", 7), "\"a\\nb\" (pid 7)");
  EXPECT_EQ(process_text("", 7), "\"\" (pid 7)");
}

TEST_F(Judge, CallsAContainerWithoutARecordWhatItsRuntimeCallsIt) {
  machine_.spaces[1].processes = {50, 51};
  RuntimeStates runtimes;
  runtimes.states.resize(3);
  runtimes.states[0].id = "of another";
  runtimes.states[0].pid = 52;
  runtimes.states[1].id = "agent\n";
  runtimes.states[1].pid = 50;
  runtimes.states[2].id = "tells no process";
  name_containers(machine_, runtimes);
  EXPECT_EQ(machine_.spaces[0].id(), "");
  EXPECT_EQ(machine_.spaces[1].id(), "agent\n");
  EXPECT_EQ(text_of(machine_.spaces[1]), "container agent\\n");
  judge(machine_, containers_);
  EXPECT_EQ(text_of(machine_.spaces[1]), "container web");
}

TEST_F(Judge, HasNothingToSayOfAViewAsItWasMade) {
  EXPECT_THAT(notices(), IsEmpty());
  EXPECT_EQ(machine_.spaces[1].container, "web");
  EXPECT_EQ(machine_.instances[1].origin, Instance::Origin::kView);
  ASSERT_TRUE(machine_.pins[1].grant.has_value());
  EXPECT_EQ(machine_.pins[1].grant->container, "web");
  EXPECT_FALSE(machine_.pins[0].grant.has_value());
  EXPECT_FALSE(machine_.objects[0].is_duplicate) << "a policy explains it";
}

TEST_F(Judge, FindsAGrantBehindABindMountOfOnePin) {
  machine_.mounts[1].mount.mount_point = "/run/bpf/flows";
  machine_.mounts[1].mount.root = "/inner";
  machine_.pins[1].pin.path = "inner";
  containers_[0].record.at = "/run/bpf";
  EXPECT_THAT(notices(), IsEmpty());
  EXPECT_TRUE(machine_.pins[1].grant.has_value());
}

TEST_F(Judge, FindsAGrantWhereADirectoryOfTheInstanceIsMounted) {
  machine_.mounts[1].mount.root = "/inner";
  machine_.pins[1].pin.path = "inner/flows";
  add_pin(1, "innermost/flows", 7);
  judge(machine_, containers_);
  EXPECT_TRUE(machine_.pins[1].grant.has_value());
  EXPECT_FALSE(machine_.pins[2].grant.has_value()) << "that mount does not show it";
}

TEST_F(Judge, SaysThatASourceNamesAnotherObject) {
  machine_.pins[0].pin.object.id = 8;
  EXPECT_THAT(notices(), ElementsAre("stale: container web: \"flows\" is no more what its source "
                                     "\"/sys/fs/bpf/flows\" names"));
}

TEST_F(Judge, SaysThatASourceIsGoneOnlyWhereAllOfItsFileSystemWasSeen) {
  machine_.pins[0].pin.path = "another";
  EXPECT_EQ(notices().size(), 1U);
  machine_.instances[0].left_out = {"a part"};
  EXPECT_THAT(notices(), IsEmpty());
}

TEST_F(Judge, LeavesASourceAloneThatCouldNotBeOpened) {
  machine_.pins[0].pin.object.id = 0;
  EXPECT_THAT(notices(), IsEmpty());
}

TEST_F(Judge, ClaimsNothingForAContainerThatHasEnded) {
  containers_[0].is_running = false;
  EXPECT_THAT(notices(),
              ElementsAre("stranger: app (pid 50): has a bpffs of its own at \"/sys/fs/bpf\"",
                          "duplicate: map 7 (flows): pinned in several bpffs, one of which no "
                          "policy explains",
                          "leftover: record of container web: its process has ended; pinscope gc "
                          "removes it"));
}

TEST_F(Judge, KnowsAViewWithoutARecordByTheAttributesOfItsPins) {
  containers_.clear();
  machine_.pins[1].pin.attributes = {"web", "/sys/fs/bpf/flows", "policy \"p\" at p.yaml:1:1"};
  EXPECT_THAT(notices(), ElementsAre("unrecorded: container web: its view is mounted at "
                                     "\"/sys/fs/bpf\" and its record is gone"));
  EXPECT_EQ(machine_.instances[1].origin, Instance::Origin::kView);
}

TEST_F(Judge, SaysOfAViewWhoseContainerHasEndedOnlyThatItsRecordIsLeft) {
  containers_[0].is_running = false;
  machine_.pins[1].pin.attributes.container = "web";
  EXPECT_THAT(notices(), ElementsAre(testing::StartsWith("leftover: record of container web")));
}

TEST_F(Judge, BelievesNoAttributesInABpffsOfTheHost) {
  machine_.pins[0].pin.attributes.container = "other";
  EXPECT_THAT(notices(), IsEmpty());
  EXPECT_EQ(machine_.instances[0].origin, Instance::Origin::kHost);
}

TEST_F(Judge, TellsAHostsBpffsInAContainerFromOneInAService) {
  add_mount(1, 0, "/host/bpf").id = 5;
  EXPECT_THAT(notices(), ElementsAre("exposed: container web: sees a bpffs of the host at "
                                     "\"/host/bpf\""));
  containers_.clear();
  machine_.spaces[1].container.clear();
  EXPECT_THAT(notices(), testing::Contains("exposed: app (pid 50): sees a bpffs of the host at "
                                           "\"/host/bpf\""));
  machine_.spaces[1].has_hosts_root = true;
  EXPECT_THAT(notices(), testing::Not(testing::Contains(testing::StartsWith("exposed"))));
}

TEST_F(Judge, DoesNotCallAMountLaterIfTheRecordDoesNotSayWhichWereMade) {
  containers_[0].record.instances.clear();
  EXPECT_THAT(notices(), testing::Not(testing::Contains(testing::StartsWith("later"))));
}

TEST_F(Judge, CallsAnObjectOfNobodyAnOrphanAndNotWhatAPinKeepsAlive) {
  // Map 7 is pinned and holds map 8, which holds map 9. Map 10 holds map 11, and nobody map 10.
  for (const uint32_t id : {8U, 9U, 10U, 11U}) machine_.objects.push_back(map_object(id));
  machine_.objects[1].used_by = {{ObjectKind::kMap, 7}};
  machine_.objects[2].used_by = {{ObjectKind::kMap, 8}};
  machine_.objects[4].used_by = {{ObjectKind::kMap, 10}};
  judge(machine_, containers_);
  std::vector<uint32_t> orphans;
  for (const auto& object : machine_.objects)
    if (object.is_orphan) orphans.push_back(object.info.id);
  EXPECT_THAT(orphans, ElementsAre(10, 11));
}

TEST_F(Judge, DoesNotCallAnObjectAnOrphanThatAProcessHolds) {
  machine_.objects.push_back(map_object(8));
  machine_.objects[1].holders = {{.pid = 50, .command = "app"}};
  EXPECT_THAT(notices(), IsEmpty());
}

TEST(Inventory, TellsWhoAProcessIsInOneLine) {
  Space space;
  space.pid = 3;
  space.command = "a\nb\x1b[31m";
  EXPECT_EQ(text_of(space), "\"a\\nb\\x1b[31m\" (pid 3)");
}

TEST(WalkedPins, StayTheSameBetweenProcesses) {
  kernel::WalkedPins pins;
  pins.pins = {{.path = "a\nb",
                .mode = 0100600,
                .uid = 1,
                .gid = 2,
                .object = {ObjectKind::kProgram, 3},
                .error = 0},
               {.path = "", .object = {}, .error = 30, .attributes = {"web", "/a", "rule"}}};
  pins.left_out = {"one", "two"};
  pins.covered = {"three"};
  const auto again = kernel::walked_pins_from(kernel::to_bytes(pins));
  EXPECT_EQ(again.pins, pins.pins);
  EXPECT_EQ(again.left_out, pins.left_out);
  EXPECT_EQ(again.covered, pins.covered);
  EXPECT_THAT(kernel::walked_pins_from(kernel::to_bytes({})).left_out, IsEmpty());
  EXPECT_THAT(kernel::walked_pins_from("x").pins, IsEmpty());
}

TEST(BpffsMounts, AreReadFromMountinfo) {
  const auto mounts = kernel::parse_bpffs_mounts(
      "36 29 0:32 / /sys/fs/bpf rw,nosuid shared:11 - bpf bpf rw,mode=700\n"
      "37 29 0:33 /a\\040b /run/b\\134 ro - bpf none ro\n"
      "38 29 0:34 / /tmp rw - tmpfs none rw\n"
      "39 29 033 / /x rw - bpf none rw\n");
  ASSERT_EQ(mounts.size(), 2U);
  EXPECT_EQ(mounts[0].id, 36U);
  EXPECT_EQ(mounts[0].device_minor, 32U);
  EXPECT_EQ(mounts[0].options, "mode=700");
  EXPECT_FALSE(mounts[0].is_sealed);
  EXPECT_FALSE(mounts[0].is_read_only);
  EXPECT_EQ(mounts[1].root, "/a b");
  EXPECT_EQ(mounts[1].mount_point, "/run/b\\");
  EXPECT_TRUE(mounts[1].is_sealed);
  EXPECT_TRUE(mounts[1].is_read_only);
}

}  // namespace
}  // namespace pinscope::inventory
