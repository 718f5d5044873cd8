// Who can read and write an object, on machines that are made up here.
#include "plugin/inventory/access/access.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <linux/bpf.h>
#include <linux/capability.h>

namespace pinscope::inventory {
namespace {

using model::ObjectKind;
using model::Probe;
using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;

constexpr uint64_t kDefaultCapabilities = 0xa80425fb;  // of containers, CAP_DAC_OVERRIDE among them
constexpr uint64_t kAllCapabilities = (uint64_t{1} << 41) - 1;
constexpr uint64_t kCapBpf = uint64_t{1} << 39;
constexpr kernel::MapLimits kNoLimits{Probe::kNo, Probe::kNo};

// A host with the pin "flows" of map 7, and one container with these credentials, which by default
// sees nothing.
class Access : public testing::Test {
 protected:
  Access() {
    machine_.spaces = {
        {.number = 100,
         .is_host = true,
         .pid = 1,
         .command = "init",
         .processes = {1},
         .has_hosts_root = true,
         .container = ""},
        {.number = 200, .pid = 50, .command = "app", .processes = {50}, .container = ""}};
    machine_.instances.resize(2);
    machine_.instances[0].device_minor = 30;
    machine_.instances[0].origin = Instance::Origin::kHost;
    machine_.instances[1].device_minor = 31;
    add_mount(0, 0, "/sys/fs/bpf");
    auto& map = machine_.objects.emplace_back();
    map.info.id = 7;
    add_pin(0, "flows");
    process_.pid = 50;
    process_.permitted = process_.attainable = kDefaultCapabilities;
    process_.hosts_pid_namespace = false;
    process_.has_no_new_privileges = true;
  }

  kernel::BpffsMount& add_mount(size_t space, size_t instance, const std::string& at) {
    auto& mount = machine_.mounts.emplace_back();
    mount.space = space;
    mount.instance = instance;
    mount.mount.mount_point = at;
    mount.mount.root = "/";
    return mount.mount;
  }
  kernel::WalkedPin& add_pin(size_t instance, const std::string& path, size_t object = 0) {
    auto& pin = machine_.pins.emplace_back();
    pin.instance = instance;
    pin.pin.path = path;
    pin.pin.mode = 0600;
    machine_.objects[object].pins.push_back(machine_.pins.size() - 1);
    return pin.pin;
  }
  // A view with the map in it, as the hook makes them.
  Pin& grant(model::Access access, bool is_sealed) {
    machine_.spaces[1].container = "web";
    auto& [record, is_running] = containers_.emplace_back();
    is_running = true;
    record.given.id = "web";
    record.mount_namespace = 200;
    machine_.instances[1].is_sealed = is_sealed;
    machine_.instances[1].origin = Instance::Origin::kView;
    add_mount(1, 1, "/run/bpf").is_read_only = true;
    add_pin(1, "flows").mode = is_sealed ? 0440 : 0660;
    auto& pin = machine_.pins.back();
    pin.grant = Pin::Grant{.container = "web",
                           .access = access,
                           .source = "/sys/fs/bpf/flows",
                           .rule = {"reader", {"reader.yaml", 11, 7}}};
    return pin;
  }

  std::vector<Party> parties() {
    std::vector<Party> parties;
    for (size_t i = 0; i < machine_.spaces.size(); ++i)
      parties.push_back({.space = machine_.spaces[i], .place = i, .processes = {}});
    parties[1].processes.push_back(process_);
    return parties;
  }
  Accessor container(const kernel::MapLimits& limits = kNoLimits, size_t object = 0) {
    return AccessJudge(machine_, containers_, parties()).of(object, 1, limits);
  }
  // "yes no": whether the container reads and writes the map.
  std::string answer(const kernel::MapLimits& limits = kNoLimits, size_t object = 0) {
    const auto found = container(limits, object);
    return std::string(name_of(found.reads)) + " " + name_of(found.writes);
  }
  std::vector<std::string> ways(const kernel::MapLimits& limits = kNoLimits) {
    std::vector<std::string> kinds;
    for (const auto& way : container(limits).ways)
      kinds.emplace_back(std::string(name_of(way.kind)) +
                         (way.bypass ? std::string(" ") + name_of(*way.bypass) : ""));
    return kinds;
  }
  std::vector<std::string> closed() { return container().closed; }

  Machine machine_;
  std::vector<KnownContainer> containers_;
  kernel::Credentials process_;
};

TEST_F(Access, IsNothingForAContainerThatSeesNothing) {
  EXPECT_EQ(answer(), "no no");
  EXPECT_THAT(container().lacks(true),
              ElementsAre("it sees no pin of it", "none of its processes has it open",
                          "it has no capability that reaches it by its id or by a program of its "
                          "own"));
}

TEST_F(Access, LacksNothingThatItHas) {
  add_mount(1, 0, "/host").is_read_only = true;
  process_.permitted |= kCapBpf;
  machine_.objects[0].holders = {
      {.pid = 50, .command = "app", .for_writing = false, .descriptors = 1}};
  EXPECT_THAT(container().lacks(true), testing::IsEmpty());
  EXPECT_THAT(container().lacks(false),
              ElementsAre("no descriptor that it has open is for writing"));
}

// As where somebody has made more directories than anybody reads.
TEST_F(Access, IsNotDeniedWhereNotAllWasSeen) {
  add_mount(1, 0, "/sys/fs/bpf");
  machine_.pins.clear();
  machine_.objects[0].pins.clear();
  EXPECT_EQ(answer(), "no no");
  machine_.instances[0].left_out.emplace_back("its pins: it took too long");
  EXPECT_EQ(answer(), "may may");
  const auto all = AccessJudge(machine_, containers_, parties()).of(0, kNoLimits);
  EXPECT_THAT(all.who, testing::SizeIs(2));
}

TEST_F(Access, ByManyPinsIsToldInAFewLines) {
  process_.permitted = process_.attainable = uint64_t{1} << CAP_DAC_OVERRIDE;
  for (int i = 0; i < 200; ++i) {
    add_mount(1, 0, "/sys/fs/bpf" + std::to_string(i));
    add_pin(0, "again" + std::to_string(i));
  }
  const auto found = container();
  EXPECT_THAT(found.ways, testing::SizeIs(64));
  EXPECT_EQ(found.ways.back().text, "more ways, which are not listed");
}

TEST_F(Access, ToReadIsReadingWhereTheViewIsSealed) {
  grant(model::Access::kRead, true);
  EXPECT_EQ(answer(), "yes no");
  EXPECT_THAT(ways(), ElementsAre("grant"));
  EXPECT_THAT(closed(), ElementsAre(HasSubstr("sealed bpffs")));
  EXPECT_EQ(container().ways.front().rule->place.line, 11U);
}

// A container that is shown the values of the map, as files, and has no pin of it.
class AccessByValues : public Access {
 protected:
  model::PinnedObject& show(uint32_t mode) {
    machine_.spaces[1].container = "web";
    auto& [record, is_running] = containers_.emplace_back();
    is_running = true;
    record.given.id = "web";
    record.given.values_at = "/run/bpf";
    record.mount_namespace = 200;
    auto& shown = record.given.pins.emplace_back();
    shown.object = machine_.objects[0].info;
    shown.grant.name = "flows";
    shown.grant.pin = false;
    shown.grant.uid = 5;
    shown.grant.gid = 6;
    shown.grant.mode = mode;
    shown.grant.values.emplace();
    shown.grant.rule = {"reader", {"reader.yaml", 11, 7}};
    return shown;
  }
};

TEST_F(AccessByValues, IsReadingWhomTheModeLetsIn) {
  show(0444);
  EXPECT_EQ(answer(), "yes no");
  EXPECT_THAT(ways(), ElementsAre("values"));
  const auto way = container().ways.front();
  EXPECT_EQ(way.text, "its values at \"/run/bpf/flows\"");
  EXPECT_EQ(way.rule->place.line, 11U);
  const auto all = AccessJudge(machine_, containers_, parties()).of(0, kNoLimits);
  EXPECT_THAT(all.who, testing::SizeIs(2)) << "beside the host";
}

TEST_F(AccessByValues, IsNoneForWhomTheModeKeepsOut) {
  show(0440);
  process_.permitted = process_.attainable = 0;
  process_.uid = 1000;
  process_.gid = 1000;
  EXPECT_EQ(answer(), "no no");
}

TEST_F(AccessByValues, MayBeThereWhereTheOwnerIsAnIdOfAUserNamespace) {
  show(0440);
  process_.hosts_user_namespace = false;
  EXPECT_EQ(answer(), "may no");
}

TEST_F(AccessByValues, IsOfTheGrantedObjectAlone) {
  show(0444).object.id = 8;
  EXPECT_EQ(answer(), "no no");
}

TEST_F(Access, ToWriteIsBoth) {
  grant(model::Access::kReadWrite, false);
  EXPECT_EQ(answer(), "yes yes");
}

TEST_F(Access, ToReadIsWritingWhereTheSealIsBroken) {
  grant(model::Access::kRead, true).pin.mode = 0440;
  machine_.instances[1].is_sealed = false;
  EXPECT_EQ(answer(), "yes yes");
  EXPECT_THAT(ways(), ElementsAre("broken-seal"));
}

TEST_F(Access, ToAnotherContainersPinIsNoGrant) {
  grant(model::Access::kRead, true).grant->container = "other";
  EXPECT_THAT(ways(), ElementsAre("pin"));
}

TEST_F(Access, ToTheHostsBpffsIsAsItsModesSay) {
  add_mount(1, 0, "/host");
  EXPECT_EQ(answer(), "yes yes") << "CAP_DAC_OVERRIDE";
  process_.permitted = process_.attainable = 0;
  EXPECT_EQ(answer(), "may may") << "the owner, whom the directories above may keep out";
  process_.uid = process_.gid = 1000;
  EXPECT_EQ(answer(), "no no");
  EXPECT_THAT(closed(), ElementsAre(HasSubstr("does not let 1000:1000 open it")));
  machine_.pins[0].pin.mode = 0604;
  machine_.instances[0].options = "mode=755";
  EXPECT_EQ(answer(), "may may") << "what is above the pin is not known, nor where it pins again";
  EXPECT_THAT(container().doubts,
              Contains("whether the directories above \"/host/flows\" let 1000:1000 in was not "
                       "looked at"));
  machine_.pins[0].pin.mode = 0640;
  process_.groups = {0};
  EXPECT_EQ(answer(), "may may");
}

TEST_F(Access, ToAPinIsTheOwnersWhoChangesItsMode) {
  add_mount(1, 0, "/host");
  process_.uid = 1000;
  process_.permitted = process_.attainable = 0;
  machine_.pins[0].pin.uid = 1000;
  machine_.pins[0].pin.mode = 0;
  EXPECT_EQ(answer(), "may may");
  machine_.mounts.back().mount.is_read_only = true;
  EXPECT_EQ(answer(), "no no");
}

TEST_F(Access, ByAnIdThatItCanGetIsNotCertain) {
  add_mount(1, 0, "/host");
  process_.uid = process_.gid = 1000;
  process_.permitted = process_.attainable = 0;
  EXPECT_EQ(answer(), "no no");
  process_.has_no_new_privileges = false;
  EXPECT_EQ(answer(), "may may");
  EXPECT_THAT(container().doubts, Contains(HasSubstr("no_new_privs is off")));
  process_.has_no_new_privileges = true;
  for (const unsigned capability : {0U + CAP_SETUID, 0U + CAP_CHOWN, 0U + CAP_FOWNER}) {
    process_.attainable = uint64_t{1} << capability;
    EXPECT_EQ(answer(), "may may") << capability;
  }
  process_.attainable = uint64_t{1} << CAP_SETGID;
  EXPECT_EQ(answer(), "no no");
  machine_.pins[0].pin.mode = 0660;
  EXPECT_EQ(answer(), "may may");
  EXPECT_THAT(container().doubts, Contains(HasSubstr("CAP_SETUID or CAP_SETGID")));
}

TEST_F(Access, ByAnIdThatItHasBesideIsNotLess) {
  add_mount(1, 0, "/host");
  process_.uid = process_.gid = 1000;
  process_.permitted = process_.attainable = 0;
  process_.uids = {0, 1000};
  EXPECT_EQ(answer(), "may may") << "seteuid(0)";
  process_.uids = {1000};
  process_.gids = {0, 1000};
  EXPECT_EQ(answer(), "no no");
  machine_.pins[0].pin.mode = 0660;
  EXPECT_EQ(answer(), "may may") << "setegid(0)";
}

TEST_F(Access, ByDacReadSearchIsReading) {
  add_mount(1, 0, "/host").is_read_only = true;
  process_.uid = 1000;
  process_.permitted = process_.attainable = uint64_t{1} << CAP_DAC_READ_SEARCH;
  EXPECT_EQ(answer(), "yes may") << "the capability opens other files of the host, too";
  EXPECT_THAT(ways(), ElementsAre("pin", "bypass cap-dac-read-search"));
}

TEST_F(Access, OfAUserNamespaceCountsNoCapabilityOverWhatIsNotMapped) {
  add_mount(1, 0, "/host");
  process_.hosts_user_namespace = false;
  process_.permitted = process_.attainable = kAllCapabilities;
  process_.uid = process_.gid = 100000;
  process_.uid_map = process_.gid_map = {{0, 100000, 65536}};
  EXPECT_EQ(answer(), "no no");
  machine_.pins[0].pin.uid = machine_.pins[0].pin.gid = 100001;
  EXPECT_EQ(answer(), "may may");
}

TEST_F(Access, ByIdIsEverythingWithoutAUserNamespace) {
  process_.permitted = kAllCapabilities;
  EXPECT_EQ(answer(), "yes yes");
  EXPECT_THAT(ways(), ElementsAre("by-id cap-sys-admin"));
  process_.hosts_user_namespace = false;
  EXPECT_EQ(answer(), "no no");
}

TEST_F(Access, ByACapabilityThatAFileMayGiveIsNotCertain) {
  process_.permitted = 0;
  process_.attainable = kAllCapabilities;
  EXPECT_EQ(answer(), "may may");
  EXPECT_THAT(container().doubts, ElementsAre(HasSubstr("executing a file")));
}

TEST_F(Access, IsNotCertainBehindASeccompFilter) {
  process_.has_seccomp_filter = true;
  grant(model::Access::kReadWrite, false);
  EXPECT_EQ(answer(), "may may");
  EXPECT_THAT(container().doubts, ElementsAre(HasSubstr("seccomp")));
}

TEST_F(Access, ByAProgramOfItsOwnIsWriting) {
  grant(model::Access::kRead, true);
  process_.permitted |= kCapBpf;
  EXPECT_EQ(answer(), "yes yes");
  EXPECT_THAT(ways(), ElementsAre("grant", "own-programs cap-bpf"));
  machine_.objects[0].info.map_flags = BPF_F_RDONLY_PROG;
  EXPECT_EQ(answer(), "yes no");
  EXPECT_THAT(closed(), Contains(HasSubstr("BPF_F_RDONLY_PROG")));
  machine_.objects[0].info.map_flags = 0;
  EXPECT_EQ(answer({Probe::kNo, Probe::kYes}), "yes no") << "exclusive";
}

TEST_F(Access, ByAProgramOfItsOwnIsTheMemoryOfTheKernel) {
  process_.permitted |= kCapBpf;
  EXPECT_EQ(answer(), "may no");
  EXPECT_THAT(ways(), ElementsAre("kernel-memory cap-bpf"));
  process_.permitted |= uint64_t{1} << 38;
  EXPECT_EQ(answer(), "yes no") << "CAP_PERFMON";
}

TEST_F(Access, ByATokenIsWritingToo) {
  grant(model::Access::kRead, true);
  process_.hosts_user_namespace = false;
  containers_[0].record.given.delegation.emplace().rights.add(model::BpfCommand::kProgLoad);
  machine_.pins.back().pin.mode = 0444;
  EXPECT_EQ(answer(), "yes yes");
}

TEST_F(Access, ByATokenWithoutARecordIsNotCertain) {
  machine_.instances[1].options = "mode=700,delegate_cmds=prog_load";
  add_mount(1, 1, "/own");
  EXPECT_EQ(answer(), "no no") << "a token is of a user namespace";
  process_.hosts_user_namespace = false;
  EXPECT_EQ(answer(), "may may");
  EXPECT_THAT(ways(), Contains("bypass programs-reach"));
}

TEST_F(Access, ByAMapThatHoldsItIsWriting) {
  process_.hosts_user_namespace = true;
  auto& outer = machine_.objects.emplace_back();
  outer.info.id = 8;
  machine_.objects[0].used_by = {{ObjectKind::kMap, 8}};
  add_mount(1, 1, "/own").is_read_only = true;
  add_pin(1, "outer", 1);
  EXPECT_EQ(answer(), "no no") << "it loads no program";
  process_.permitted |= kCapBpf;
  EXPECT_EQ(answer(), "yes yes");
  EXPECT_THAT(container().ways.front().text, HasSubstr("map 8, which holds it"));
  machine_.objects[0].info.map_flags = BPF_F_RDONLY_PROG;
  EXPECT_EQ(answer(), "yes no");
}

TEST_F(Access, ByAProgramThatItMayUseIsNotCertain) {
  auto& program = machine_.objects.emplace_back();
  program.info.kind = ObjectKind::kProgram;
  program.info.id = 3;
  machine_.objects[0].used_by = {{ObjectKind::kProgram, 3}};
  EXPECT_EQ(answer(), "no no");
  add_mount(1, 1, "/own").is_read_only = true;
  add_pin(1, "guard", 1);
  EXPECT_EQ(answer(), "may may");
  EXPECT_THAT(ways(), ElementsAre("program"));
  machine_.objects[0].info.map_flags = BPF_F_RDONLY_PROG;
  EXPECT_EQ(answer(), "may no");
}

TEST_F(Access, ByAnIteratorThatItReadsIsNotCertain) {
  auto& link = machine_.objects.emplace_back();
  link.info.kind = ObjectKind::kLink;
  link.info.type = model::kIteratorLink;
  link.info.id = 3;
  machine_.objects[0].used_by = {{ObjectKind::kLink, 3}};
  EXPECT_EQ(answer(), "no no");
  add_mount(1, 1, "/own").is_read_only = true;
  add_pin(1, "lines", 1).mode = 0400;
  EXPECT_EQ(answer(), "may may");
  EXPECT_THAT(container().ways.front().text, HasSubstr("link 3, an iterator"));
}

TEST_F(Access, ToALinkIsAlsoToRemoveItsPin) {
  auto& link = machine_.objects.emplace_back();
  link.info.kind = ObjectKind::kLink;
  process_.uid = process_.gid = 1000;
  process_.permitted = process_.attainable = 0;
  add_pin(1, "link", 1);
  add_mount(1, 1, "/own");
  EXPECT_EQ(answer(kNoLimits, 1), "may may");
  machine_.mounts.back().mount.is_read_only = true;
  EXPECT_EQ(answer(kNoLimits, 1), "no no");
}

TEST_F(Access, ForReadingIsPinningAgainInADirectoryThatNobodyLookedAt) {
  process_.uid = process_.gid = 1000;
  process_.permitted = process_.attainable = 0;
  machine_.objects[0].holders = {
      {.pid = 50, .command = "app", .for_writing = false, .descriptors = 1}};
  machine_.instances[1].options = "mode=755";
  add_mount(1, 1, "/own");
  EXPECT_EQ(answer(), "yes may");
}

TEST_F(Access, ToAFrozenMapIsWritingByProgramsOnly) {
  grant(model::Access::kReadWrite, false);
  constexpr kernel::MapLimits kFrozen{Probe::kYes, Probe::kNo};
  EXPECT_EQ(answer(kFrozen), "yes no");
  EXPECT_EQ(answer({}), "yes may") << "nobody knows whether it is";
  process_.permitted |= uint64_t{1} << CAP_SYS_ADMIN;
  EXPECT_EQ(answer(kFrozen), "yes yes");
  EXPECT_THAT(ways(kFrozen), Contains("own-programs cap-bpf"));
  machine_.objects[0].info.map_flags = BPF_F_RDONLY_PROG;
  EXPECT_EQ(answer(kFrozen), "yes no");
  process_.permitted |= uint64_t{1} << CAP_SYS_MODULE;
  EXPECT_EQ(answer(kFrozen), "yes may") << "a module of the kernel";
}

TEST_F(Access, ByADescriptorIsAsItWasOpened) {
  machine_.objects[0].holders = {
      {.pid = 50, .command = "app", .for_writing = false, .descriptors = 1}};
  EXPECT_EQ(answer(), "yes no");
  machine_.objects[0].holders[0].for_writing = true;
  EXPECT_EQ(answer(), "yes yes");
  EXPECT_EQ(answer({Probe::kYes, Probe::kNo}), "yes no") << "frozen";
}

TEST_F(Access, ForReadingIsWritingWhereItCanBePinnedAgain) {
  machine_.objects[0].holders = {
      {.pid = 50, .command = "app", .for_writing = false, .descriptors = 1}};
  machine_.instances[1].options = "rw";
  add_mount(1, 1, "/own");
  EXPECT_EQ(answer(), "yes yes");
  EXPECT_THAT(ways(), ElementsAre("descriptor", "pins-again"));
  machine_.mounts.back().mount.is_read_only = true;
  EXPECT_EQ(answer(), "yes no");
}

TEST_F(Access, ByAnotherWayPastAViewIsNotCertain) {
  process_.hosts_pid_namespace = true;
  EXPECT_THAT(ways(), ElementsAre("bypass host-pid-namespace"));
  EXPECT_EQ(answer(), "may may");
}

TEST_F(Access, ByWhatTheStartFoundIsNotCertain) {
  grant(model::Access::kRead, true);
  containers_[0].record.given.bypasses = {model::Bypass::kHostProc};
  EXPECT_EQ(answer(), "yes may");
  EXPECT_THAT(ways(), ElementsAre("grant", "bypass host-proc"));
}

TEST_F(Access, OfAProcessThatCannotBeLookedAtIsNotCertain) {
  auto all = parties();
  all[1].processes.clear();
  all[1].not_seen = 1;
  const auto found = AccessJudge(machine_, containers_, all).of(0, 1, kNoLimits);
  EXPECT_EQ(found.reads, Answer::kMay);
  EXPECT_EQ(found.writes, Answer::kMay);
}

TEST_F(Access, ToAPinThatAMountMayCoverIsNotCertain) {
  add_mount(1, 0, "/host");
  auto all = parties();
  const auto reads = [&] { return AccessJudge(machine_, containers_, all).of(0, 1, {}).reads; };
  all[1].mount_points = {"/", "/host", "/host/other"};
  EXPECT_EQ(reads(), Answer::kYes);
  all[1].mount_points = {"/", "/host", "/host/flows"};
  EXPECT_EQ(reads(), Answer::kMay);
  all[1].mount_points = {"/", "/host", "/host"};
  EXPECT_EQ(reads(), Answer::kMay);
}

TEST_F(Access, OfWhatSharesItsPidNamespaceIsNotCertain) {
  auto all = parties();
  all[1].doubts.push_back({"process 60 is elsewhere", model::Bypass::kSharedPidNamespace});
  const AccessJudge judge(machine_, containers_, all);
  EXPECT_EQ(judge.of(0, 1, kNoLimits).writes, Answer::kMay);
  EXPECT_EQ(judge.of(0, kNoLimits).who.size(), 2U) << "who shows it, too";
}

TEST_F(Access, SaysWhichOfSeveralProcessesItIs) {
  auto all = parties();
  auto other = process_;
  other.pid = 51;
  other.permitted = kAllCapabilities;
  all[1].processes.push_back(other);
  const auto found = AccessJudge(machine_, containers_, all).of(0, 1, kNoLimits);
  ASSERT_EQ(found.ways.size(), 1U);
  EXPECT_EQ(found.ways.front().pid, 51);
}

TEST_F(Access, ToAProgramIsUse) {
  auto& program = machine_.objects.emplace_back();
  program.info.kind = ObjectKind::kProgram;
  add_pin(1, "guard", 1).mode = 0440;
  machine_.instances[1].is_sealed = true;
  add_mount(1, 1, "/run/bpf");
  EXPECT_EQ(answer(kNoLimits, 1), "yes yes");
}

TEST_F(Access, ToALinkIsNothingInASealedBpffs) {
  auto& link = machine_.objects.emplace_back();
  link.info.kind = ObjectKind::kLink;
  add_pin(1, "link", 1);
  add_mount(1, 1, "/run/bpf");
  EXPECT_EQ(answer(kNoLimits, 1), "yes yes");
  machine_.instances[1].is_sealed = true;
  EXPECT_EQ(answer(kNoLimits, 1), "no no");
  machine_.objects[1].info.type = model::kIteratorLink;
  EXPECT_EQ(answer(kNoLimits, 1), "yes no") << "an iterator is read as a file";
}

// "kind reads writes" of each.
std::vector<std::string> who(const ObjectAccess& access) {
  std::vector<std::string> texts;
  for (const auto& one : access.who) {
    const char* kind = "";
    switch (one.kind) {
      case Accessor::Kind::kHost:
        kind = "host";
        break;
      case Accessor::Kind::kContainer:
        kind = "container";
        break;
      case Accessor::Kind::kProcess:
        kind = "process";
        break;
      case Accessor::Kind::kProgram:
        kind = "program";
        break;
    }
    texts.push_back(std::string(kind) + " " + name_of(one.reads) + " " + name_of(one.writes));
  }
  return texts;
}

TEST_F(Access, OfAllIsTheHostOnceAndWhoHasAWay) {
  EXPECT_THAT(who(AccessJudge(machine_, containers_, parties()).of(0, kNoLimits)),
              ElementsAre("host yes yes"));
  grant(model::Access::kRead, true);
  machine_.objects[0].holders = {
      {.pid = 1, .command = "init", .for_writing = false, .descriptors = 1}};
  EXPECT_THAT(who(AccessJudge(machine_, containers_, parties()).of(0, kNoLimits)),
              ElementsAre("host yes yes", "container yes no", "process yes no"));
}

TEST_F(Access, OfAllHasContainersWithoutABpffs) {
  auto all = parties();
  all[1].place.reset();
  all[1].processes[0].permitted = kAllCapabilities;
  EXPECT_THAT(who(AccessJudge(machine_, containers_, all).of(0, kNoLimits)),
              ElementsAre("host yes yes", "container yes yes"));
}

TEST_F(Access, OfProgramsIsAsTheFlagsSay) {
  auto& outer = machine_.objects.emplace_back();
  outer.info.id = 8;
  outer.used_by = {{ObjectKind::kProgram, 3}};
  machine_.objects[0].used_by = {{ObjectKind::kProgram, 2}, {ObjectKind::kMap, 8}};
  EXPECT_THAT(who(AccessJudge(machine_, containers_, parties()).of(0, kNoLimits)),
              ElementsAre("host yes yes", "program may may", "program may may"));
  machine_.objects[0].info.map_flags = BPF_F_RDONLY_PROG;
  const auto access =
      AccessJudge(machine_, containers_, parties()).of(0, {Probe::kYes, Probe::kNo});
  EXPECT_THAT(who(access), ElementsAre("host yes may", "program may no", "program may no"));
  EXPECT_THAT(access.limits, ElementsAre(HasSubstr("frozen"), HasSubstr("BPF_F_RDONLY_PROG")));
}

TEST_F(Access, OfUsersOfTheHostIsAsTheModeSays) {
  const auto host = [&] {
    return AccessJudge(machine_, containers_, parties()).of(0, kNoLimits).who.front().ways.size();
  };
  EXPECT_EQ(host(), 1U);
  machine_.pins[0].pin.mode = 0644;
  EXPECT_EQ(host(), 2U);
}

}  // namespace
}  // namespace pinscope::inventory
