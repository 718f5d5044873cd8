// Which bpffs in a container are no part of its view, by its record and the kernel's list.
#include "plugin/pipeline/change/later_bpffs.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace pinscope {
namespace {

using kernel::BpffsMount;
using model::HostBpffs;
using model::Record;
using Part = ViewMounts::Part;
using testing::ElementsAre;

constexpr uint64_t kUnique = uint64_t{1} << 31U;

BpffsMount mount_of(uint64_t id, uint32_t minor = 50, const std::string& at = "/run") {
  BpffsMount mount;
  mount.id = id;
  mount.device_minor = minor;
  mount.mount_point = at;
  mount.root = "/";
  return mount;
}

// A container with one grant, whose view has the mount `id`.
Record record_with(uint64_t id, HostBpffs host_bpffs = HostBpffs::kMask) {
  Record record;
  record.at = "/sys/fs/bpf";
  record.host_bpffs = host_bpffs;
  record.given.selected_by = {{"web", {"web.yaml", 1, 1}}};
  record.given.pins.emplace_back();
  record.given.pins.back().grant.name = "flows";
  record.given.pins.back().grant.pin = true;
  record.instances = {{.device_minor = 40, .mounts = {id}}};
  return record;
}

Part part(const Record& record, const BpffsMount& mount) {
  return ViewMounts(record, {mount}).part(mount);
}

TEST(ViewMounts, TellsThoseBeforeTheViewFromThoseBehindIt) {
  const auto record = record_with(kUnique + 10);
  EXPECT_EQ(part(record, mount_of(kUnique + 10)), Part::kView);
  EXPECT_EQ(part(record, mount_of(kUnique + 11)), Part::kLater);
  EXPECT_EQ(part(record, mount_of(kUnique + 9)), Part::kBeside);
  EXPECT_EQ(part(record_with(kUnique + 10, HostBpffs::kAllow), mount_of(kUnique + 9)), Part::kLeft);
}

TEST(ViewMounts, AreThoseOfEveryViewThatIsOrWasOrWillBe) {
  auto record = record_with(kUnique + 10);
  record.beneath = {{.mounts = {kUnique + 5}}};
  record.unfinished = {{.mounts = {kUnique + 20}}};
  EXPECT_EQ(part(record, mount_of(kUnique + 5)), Part::kView);
  EXPECT_EQ(part(record, mount_of(kUnique + 20)), Part::kView);
}

// Where the kernel tells another namespace's mounts by their old ids only.
TEST(ViewMounts, AreKnownByTheirSuperblockWhereIdsAreOfTwoKinds) {
  const auto record = record_with(kUnique + 10);
  EXPECT_EQ(part(record, mount_of(300, 40)), Part::kView);
  EXPECT_EQ(part(record, mount_of(300, 41)), Part::kBeside);
  EXPECT_FALSE(lacks_view(record, {mount_of(300, 40)}));
  EXPECT_TRUE(lacks_view(record, {mount_of(300, 41)}));
}

TEST(ViewMounts, AreCopiesThatTheContainerMadeOfThem) {
  EXPECT_EQ(part(record_with(kUnique + 10), mount_of(kUnique + 30, 40, "/tmp")), Part::kView);
  // Which do not stand for the view.
  EXPECT_TRUE(lacks_view(record_with(kUnique + 10), {mount_of(kUnique + 30, 40, "/tmp")}));
}

// What gives tokens, which the container may unmount: its number is soon another one's.
TEST(ViewMounts, AreNoTokensThatAreGone) {
  auto record = record_with(kUnique + 10);
  record.instances.push_back(
      {.type = model::InstanceType::kDelegated, .device_minor = 50, .mounts = {kUnique + 11}});
  const auto tokens = mount_of(kUnique + 11, 50);
  const auto other = mount_of(kUnique + 20, 50);
  EXPECT_EQ(ViewMounts(record, {tokens, other}).part(other), Part::kView) << "a copy of it";
  EXPECT_EQ(ViewMounts(record, {other}).part(other), Part::kLater);
}

TEST(ViewMounts, AreUnknownWhereTheRecordDoesNotSay) {
  auto record = record_with(kUnique + 10);
  record.instances.clear();
  EXPECT_EQ(part(record, mount_of(kUnique + 11)), Part::kUnknown);
  // One that gets nothing has no view, and one that no policy selects is nobody's business.
  record.given.pins.clear();
  EXPECT_EQ(part(record, mount_of(kUnique + 11)), Part::kBeside);
  record.given.selected_by.clear();
  EXPECT_EQ(part(record, mount_of(kUnique + 11)), Part::kUnknown);
}

TEST(ViewMounts, AreWhatLayoutBindMountsOfTheHosts) {
  auto record = record_with(kUnique + 10);
  record.layout = model::Layout::kBind;
  auto pin = mount_of(kUnique + 11, 50, "/sys/fs/bpf/flows");
  EXPECT_EQ(part(record, pin), Part::kLater);
  pin.root = "/flows";
  EXPECT_EQ(part(record, pin), Part::kView);
  pin.mount_point = "/sys/fs/bpf/others";
  EXPECT_EQ(part(record, pin), Part::kLater);
}

std::vector<uint64_t> masked(const Record& record, bool left) {
  std::vector<uint64_t> ids;
  for (const auto& mount : bpffs_to_mask(
           record, {mount_of(kUnique + 9), mount_of(kUnique + 10), mount_of(kUnique + 11)}, left))
    ids.push_back(mount.id - kUnique);
  return ids;
}

TEST(BpffsToMask, AreAllButTheViewAndWhatMayStay) {
  EXPECT_THAT(masked(record_with(kUnique + 10), false), ElementsAre(9, 11));
  EXPECT_THAT(masked(record_with(kUnique + 10, HostBpffs::kAllow), false), ElementsAre(11));
  EXPECT_THAT(masked(record_with(kUnique + 10, HostBpffs::kAllow), true), ElementsAre(9, 11));
}

TEST(LacksView, IfOneOfItsMountsIsNotThere) {
  auto record = record_with(kUnique + 10);
  EXPECT_FALSE(lacks_view(record, {mount_of(kUnique + 10)}));
  EXPECT_TRUE(lacks_view(record, {mount_of(kUnique + 11)}));
  EXPECT_TRUE(lacks_view(record, {}));
  record.instances.front().mounts.push_back(kUnique + 12);
  EXPECT_TRUE(lacks_view(record, {mount_of(kUnique + 10)}));
  // A file system that holds no pins is no view of them.
  record.instances.front().type = model::InstanceType::kTmpfs;
  EXPECT_FALSE(lacks_view(record, {}));
  record.instances.clear();
  EXPECT_FALSE(lacks_view(record, {}));
}

}  // namespace
}  // namespace pinscope
