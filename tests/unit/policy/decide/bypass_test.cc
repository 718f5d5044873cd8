#include "plugin/policy/decide/bypass.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <linux/capability.h>

namespace pinscope::policy {
namespace {

using model::Access;
using model::Bypass;
using model::Namespace;
using model::NamespaceKind;
using testing::Contains;
using testing::ElementsAre;
using testing::IsEmpty;
using enum model::Bypass;

// An ordinary container beside the host, and a decision that grants one map.
struct Start {
  model::Container container;
  model::Decision decision;
  Surroundings around{
      .shares_user_namespace = true, .shares_pid_namespace = false, .bpffs = {"/sys/fs/bpf"}};

  Start() {
    decision.selected_by = {{"p", {"p.yaml", 1, 1}}};
    decision.grants.resize(1);
    decision.grants[0].name = "flows";
  }
  Start& with(uint32_t capability) {
    container.capabilities |= uint64_t{1} << capability;
    return *this;
  }
  Start& with(model::ConfiguredMount mount) {
    container.mounts.push_back(std::move(mount));
    return *this;
  }
  [[nodiscard]] std::vector<FoundBypass> found() const {
    return find_bypasses(decision, container, around, expected_objects(decision));
  }
  [[nodiscard]] std::vector<Bypass> kinds() const { return kinds_of(found()); }
};

std::vector<Bypass> with_capability(uint32_t capability, bool user_namespace = false) {
  Start start;
  start.around.shares_user_namespace = !user_namespace;
  return start.with(capability).kinds();
}

model::ConfiguredMount volume(const std::string& source,
                              std::vector<std::string> options = {"rbind"}) {
  return {.destination = "/data", .type = "bind", .source = source, .options = std::move(options)};
}

TEST(Bypass, IsNoneForAnOrdinaryContainer) {
  EXPECT_THAT(Start().kinds(), IsEmpty());
  for (const uint32_t capability :
       {uint32_t{CAP_NET_ADMIN}, uint32_t{CAP_PERFMON}, uint32_t{CAP_SYS_PTRACE},
        uint32_t{CAP_SETUID}, uint32_t{CAP_DAC_OVERRIDE}})
    EXPECT_THAT(with_capability(capability), IsEmpty()) << capability;
}

TEST(Bypass, IsACapabilityOutsideOfAUserNamespace) {
  EXPECT_THAT(with_capability(CAP_SYS_ADMIN), ElementsAre(kCapSysAdmin));
  EXPECT_THAT(with_capability(CAP_SYS_MODULE), ElementsAre(kCapSysModule));
  EXPECT_THAT(with_capability(CAP_BPF), ElementsAre(kCapBpf));
  EXPECT_THAT(with_capability(CAP_DAC_READ_SEARCH), ElementsAre(kCapDacReadSearch));
  for (const uint32_t capability :
       {uint32_t{CAP_SYS_ADMIN}, uint32_t{CAP_SYS_MODULE}, uint32_t{CAP_BPF}})
    EXPECT_THAT(with_capability(capability, true), IsEmpty()) << capability;
}

TEST(Bypass, WithCapBpfIsAlsoWhatTakesPrograms) {
  Start start;
  start.with(CAP_BPF);
  auto& grant = start.decision.grants[0];
  grant.access = Access::kReadWrite;
  grant.expect.map_type = 3;  // prog_array
  EXPECT_THAT(start.found(), ElementsAre(FoundBypass{kCapBpfPrograms, 0}, FoundBypass{kCapBpf, 0}));
  grant.access = Access::kRead;
  EXPECT_THAT(start.kinds(), ElementsAre(kCapBpf));
}

TEST(Bypass, IsABpffsThatNoPolicyTakesAway) {
  Start start;
  start.with(volume("/tmp")).with(volume("/sys", {"rbind", "ro"}));
  EXPECT_THAT(start.kinds(), IsEmpty()) << "masked";
  start.decision.host_bpffs = model::HostBpffs::kAllow;
  EXPECT_THAT(start.found(), ElementsAre(FoundBypass{kHostBpffs, 1}));
  start.container.mounts[1].options = {"bind"};
  EXPECT_THAT(start.kinds(), IsEmpty()) << "without what is mounted on it";
  start.with({.destination = "/own", .type = "bpf", .source = "bpf"});
  EXPECT_THAT(start.found(), ElementsAre(FoundBypass{kHostBpffs, 2}))
      << "what is read can be pinned there, and opened for writing";
  start.decision = {};
  start.container.mounts[1].options = {"rbind"};
  EXPECT_THAT(start.found(), ElementsAre(FoundBypass{kHostBpffs, 1})) << "not selected";
}

TEST(Bypass, IsThatOfTheHostsProcessesWithoutACapabilityToo) {
  Start start;
  start.with(volume("/proc"));
  EXPECT_THAT(start.found(), ElementsAre(FoundBypass{kHostProc, 0}));
  start.container.mounts.clear();
  start.around.shares_pid_namespace = true;
  EXPECT_THAT(start.kinds(), ElementsAre(kHostPidNamespace));
  start.around.shares_user_namespace = false;
  EXPECT_THAT(start.kinds(), IsEmpty());
}

TEST(Bypass, IsAPidNamespaceThatAnotherContainerHas) {
  Start start;
  namespace_of(start.container, NamespaceKind::kPid) = {Namespace::Mode::kPath, "/proc/42/ns/pid"};
  EXPECT_THAT(start.kinds(), ElementsAre(kSharedPidNamespace));
}

TEST(Bypass, IsADelegationThatReachesTheWholeMachine) {
  Start start;
  start.decision.delegation.emplace();
  EXPECT_THAT(start.kinds(), IsEmpty());
  start.decision.delegation->reach = model::ProgramReach::kWholeMachine;
  start.around.shares_user_namespace = false;
  EXPECT_THAT(start.kinds(), ElementsAre(kProgramsReach));
}

TEST(Bypass, IsAVolumeInWhichOurOwnFilesCanBeWritten) {
  for (const char* source : {"/", "/etc", "/etc/pinscope/policy.d", "/var/lib/pinscope",
                             "/run/pinscope", "/var/run/pinscope/containers", "/var/log"}) {
    Start start;
    start.around.bpffs.clear();
    start.with(volume(source));
    EXPECT_THAT(start.kinds(), Contains(kOwnFiles)) << source;
    start.decision = {};
    EXPECT_THAT(start.kinds(), ElementsAre(kOwnFiles)) << source << ", not selected";
    start.around.shares_user_namespace = false;
    EXPECT_THAT(start.kinds(), IsEmpty()) << source;
  }
  EXPECT_THAT(Start().with(volume("/etc/pinscope-other")).kinds(), IsEmpty());
}

TEST(Bypass, IsNoVolumeThatIsReadOnlyWithAllThatComesAlong) {
  const auto kinds = [](const std::string& source, std::vector<std::string> options) {
    Start start;
    start.around.bpffs.clear();
    start.around.is_on_another_mount = [](const std::string& above, const std::string& below) {
      return above == "/" && below.starts_with("/run/");
    };
    return start.with(volume(source, std::move(options))).kinds();
  };
  EXPECT_THAT(kinds("/etc", {"rbind", "ro"}), IsEmpty());
  EXPECT_THAT(kinds("/run/pinscope", {"rbind", "ro"}), IsEmpty());
  EXPECT_THAT(kinds("/", {"rbind", "ro"}), ElementsAre(kHostProc, kOwnFiles))
      << "/run is another mount";
  EXPECT_THAT(kinds("/", {"bind", "ro"}), IsEmpty());
  EXPECT_THAT(kinds("/", {"rbind", "rro"}), ElementsAre(kHostProc));
  EXPECT_THAT(kinds("/", {"rbind", "ro", "rro"}), ElementsAre(kHostProc));
  EXPECT_THAT(kinds("/etc", {"bind", "ro", "rw"}), ElementsAre(kOwnFiles)) << "the last counts";
  EXPECT_THAT(Start().with(volume("/etc", {"rbind", "ro"})).kinds(), ElementsAre(kOwnFiles))
      << "nobody says what is mounted there";
}

TEST(Bypass, IsAVolumeOfOursForAUserNamespaceThatHasTheHostsRoot) {
  Start start;
  start.around.shares_user_namespace = false;
  start.container.uid_map = {{.container = 0, .host = 0, .size = 65536}};
  EXPECT_THAT(start.with(volume("/run/pinscope")).kinds(), ElementsAre(kOwnFiles));
  start.container.uid_map[0].host = 100000;
  EXPECT_THAT(start.kinds(), IsEmpty());
}

TEST(Bypass, KindsComeOnceAndInOneOrder) {
  EXPECT_THAT(kinds_of({{kOwnFiles, 1}, {kCapSysAdmin, 0}, {kOwnFiles, 2}}),
              ElementsAre(kCapSysAdmin, kOwnFiles));
}

TEST(Bypass, RefusesAStartWhereAPolicyRejectsIt) {
  model::Decision decision;
  EXPECT_TRUE(check_void(decision, {kCapSysAdmin}));
  decision.void_rejected_by = {"base", {"base.yaml", 3, 1}};
  EXPECT_TRUE(check_void(decision, {}));
  const auto refused = check_void(decision, {kCapSysAdmin, kHostProc});
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code(), ErrorCode::kVoidView);
  EXPECT_EQ(refused.error().sentence(),
            "cannot give a view to this container: it would be void, by cap-sys-admin, host-proc "
            "(take away from the container what these name, as pinscope explain says, or let that "
            "policy exclude it); policy \"base\" at base.yaml:3:1");
}

}  // namespace
}  // namespace pinscope::policy
