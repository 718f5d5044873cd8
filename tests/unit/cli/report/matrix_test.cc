// The table of a report, on machines that are made up here.
#include "plugin/cli/report/matrix.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <linux/capability.h>

namespace pinscope::cli {
namespace {

using inventory::Machine;
using testing::ElementsAre;
using testing::IsEmpty;

// A host with two maps, and containers that see its bpffs, a view, or nothing.
class Reached : public testing::Test {
 protected:
  Reached() {
    machine_.instances.resize(1);
    machine_.instances[0].origin = inventory::Instance::Origin::kHost;
    for (uint32_t id : {7U, 8U}) {
      auto& pin = machine_.pins.emplace_back();
      pin.pin.path = "map" + std::to_string(id);
      pin.pin.mode = 0600;
      auto& object = machine_.objects.emplace_back();
      object.info.kind = model::ObjectKind::kMap;
      object.info.id = id;
      object.info.name = "m";
      object.pins = {machine_.pins.size() - 1};
    }
  }

  void add(const std::string& id, bool sees_host, uint64_t capabilities) {
    const size_t place = machine_.spaces.size();
    auto& space = machine_.spaces.emplace_back();
    space.number = 100 + place;
    space.pid = static_cast<pid_t>(50 + place);
    space.processes = {space.pid};
    space.runtime_id = id;
    if (sees_host) {
      auto& mount = machine_.mounts.emplace_back();
      mount.space = place;
      mount.mount.mount_point = "/sys/fs/bpf";
      mount.mount.root = "/";
    }
    kernel::Credentials process;
    process.pid = space.pid;
    process.permitted = process.attainable = capabilities;
    process.hosts_pid_namespace = false;
    parties_.push_back({.space = space, .place = place, .processes = {process}});
  }

  // A view of the last container with map 7.
  void grant(model::Access access, uint32_t mode) {
    add("web", false, 0);
    auto& space = machine_.spaces.back();
    space.container = "web";
    parties_.back().space = space;
    auto& view = machine_.instances.emplace_back();
    view.origin = inventory::Instance::Origin::kView;
    view.is_sealed = access == model::Access::kRead;
    auto& mount = machine_.mounts.emplace_back();
    mount.space = machine_.spaces.size() - 1;
    mount.instance = machine_.instances.size() - 1;
    mount.mount.mount_point = "/sys/fs/bpf";
    mount.mount.root = "/";
    auto& pin = machine_.pins.emplace_back();
    pin.instance = mount.instance;
    pin.pin.path = "map7";
    pin.pin.mode = mode;
    pin.grant = inventory::Pin::Grant{.container = "web",
                                      .access = access,
                                      .source = "/sys/fs/bpf/map7",
                                      .rule = {"reader", {"reader.yaml", 11, 7}}};
    machine_.objects[0].pins.push_back(machine_.pins.size() - 1);
  }
  // The last container has map 7 open.
  void hold(bool for_writing) {
    machine_.objects[0].holders.push_back({.pid = machine_.spaces.back().pid,
                                           .command = "app",
                                           .for_writing = for_writing,
                                           .descriptors = 1});
  }

  Matrix matrix(size_t max_cells = kMaxCells) {
    const inventory::AccessJudge judge(machine_, {}, parties_);
    return matrix_of(
        machine_,
        [](const model::ObjectInfo&) {
          return kernel::MapLimits{model::Probe::kNo, model::Probe::kNo};
        },
        judge, max_cells);
  }

  // "map 7 (m): rw!" of each cell of a row.
  static std::vector<std::string> cells(const Matrix& matrix, size_t row) {
    std::vector<std::string> texts;
    for (const auto& [column, cell] : matrix.rows[row].cells)
      texts.push_back(matrix.columns[column] + ": " + cell.letters());
    return texts;
  }

  Machine machine_;
  std::vector<inventory::Party> parties_;
};

TEST_F(Reached, IsNothingWithoutAContainerThatSeesAnything) {
  add("web", false, 0);
  const auto found = matrix();
  EXPECT_THAT(found.rows, IsEmpty());
  EXPECT_THAT(found.columns, ElementsAre("every object"));
}

TEST_F(Reached, ByAVolumeOfTheHostIsGrantedByNoRule) {
  add("agent", true, uint64_t{1} << CAP_DAC_OVERRIDE);
  const auto found = matrix();
  ASSERT_EQ(found.rows.size(), 1U);
  EXPECT_THAT(cells(found, 0), ElementsAre("map 7 (m): rw!", "map 8 (m): rw!"));
  EXPECT_EQ(found.first_column(), 1U);
  EXPECT_EQ(classes_of(found.rows[0].cells.at(1)), "write ungranted");
}

// A column for each object would say the same as often as there are objects on the machine.
TEST_F(Reached, ByACapabilityIsEveryObjectAtOnce) {
  add("debug", false, uint64_t{1} << CAP_SYS_ADMIN);
  const auto found = matrix();
  ASSERT_EQ(found.rows.size(), 1U);
  EXPECT_THAT(cells(found, 0), ElementsAre("every object: rw!"));
  EXPECT_EQ(found.first_column(), 0U);
}

TEST_F(Reached, InTheSameWayIsOneRow) {
  for (const char* id : {"one", "two", "three"}) add(id, true, uint64_t{1} << CAP_DAC_OVERRIDE);
  const auto found = matrix();
  ASSERT_EQ(found.rows.size(), 1U);
  EXPECT_THAT(found.rows[0].members,
              ElementsAre("container one", "container three", "container two"));
  EXPECT_EQ(title_of(found.rows[0]), "container one and 2 more");
}

// What is granted, and open, needs no "!": most containers hold what they use.
TEST_F(Reached, ByADescriptorOfWhatIsGrantedIsGranted) {
  grant(model::Access::kRead, 0440);
  hold(false);
  EXPECT_THAT(cells(matrix(), 0), ElementsAre("map 7 (m): r"));
  EXPECT_EQ(classes_of(matrix().rows[0].cells.at(1)), "read");
}

TEST_F(Reached, ByADescriptorForWritingIsMoreThanAGrantToRead) {
  grant(model::Access::kRead, 0440);
  hold(true);
  EXPECT_THAT(cells(matrix(), 0), ElementsAre("map 7 (m): rw!"));
}

TEST_F(Reached, ByADescriptorForWritingIsNoMoreThanAGrantToWrite) {
  grant(model::Access::kReadWrite, 0660);
  hold(true);
  EXPECT_THAT(cells(matrix(), 0), ElementsAre("map 7 (m): rw"));
}

TEST_F(Reached, ByADescriptorAloneIsGrantedByNoRule) {
  add("web", false, 0);
  hold(false);
  EXPECT_THAT(cells(matrix(), 0), ElementsAre("map 7 (m): r!"));
}

TEST_F(Reached, ByDescriptorsOfReplicasIsOneRow) {
  for (const char* id : {"one", "two"}) {
    add(id, false, 0);
    hold(false);
  }
  ASSERT_EQ(matrix().rows.size(), 1U);
  EXPECT_EQ(matrix().rows[0].cells.at(1).ways.front().text, "a process of it has it open");
}

TEST_F(Reached, IsInTheOrderOfNames) {
  add("web", true, uint64_t{1} << CAP_DAC_OVERRIDE);
  add("debug", false, uint64_t{1} << CAP_SYS_ADMIN);
  const auto found = matrix();
  ASSERT_EQ(found.rows.size(), 2U);
  EXPECT_EQ(title_of(found.rows[0]), "container debug");
}

TEST_F(Reached, IsTitledWithAShortId) {
  add(std::string(64, 'a'), true, uint64_t{1} << CAP_DAC_OVERRIDE);
  const auto found = matrix();
  EXPECT_EQ(title_of(found.rows[0]), "container aaaaaaaaaaaa");
  EXPECT_THAT(found.rows[0].members, ElementsAre("container " + std::string(64, 'a')));
}

TEST_F(Reached, LeavesOutContainersThatAPageCannotHold) {
  add("agent", true, uint64_t{1} << CAP_DAC_OVERRIDE);
  add("debug", false, uint64_t{1} << CAP_SYS_ADMIN);
  const auto found = matrix(4);
  EXPECT_EQ(found.rows.size(), 1U);
  EXPECT_EQ(found.left_out, 1U);
}

}  // namespace
}  // namespace pinscope::cli
