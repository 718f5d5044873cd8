// What root in an ordinary container, with an engine's default capabilities, can do to its view and
// to the host's objects: no more than its policy says.
#include "tests/attack/attack_test.h"

namespace pinscope::test {
namespace {

class Inside : public AttackTest {
 protected:
  void SetUp() override {
    AttackTest::SetUp();
    if (IsSkipped()) return;
    make_pins();
    policy(kBoth);
  }

  static constexpr const char* kBoth =
      "grants:\n"
      "  - {pin: /sys/fs/bpf/app/flows, as: flows, access: read, mode: \"0666\"}\n"
      "  - {pin: /sys/fs/bpf/app/flows, as: net/flows, access: read}\n"
      "  - {pin: /sys/fs/bpf/app/counters, as: counters, access: read-write, mode: \"0666\"}\n"
      "  - {pin: /sys/fs/bpf/app/counters, as: net/counters, access: read-write}\n";
};

TEST_P(Inside, AReadGrantIsNotWritable) {
  expect({{"caps", "ok 00000000a80425fb"},
          {"lookup /sys/fs/bpf/flows 1", "ok 42"},
          {"get-rw /sys/fs/bpf/flows", "EROFS"},
          {"get-wo /sys/fs/bpf/flows", "EROFS"},
          {"update /sys/fs/bpf/flows 1 43", "EROFS"},
          {"delete /sys/fs/bpf/flows 1", "EROFS"},
          {"freeze /sys/fs/bpf/flows", "EROFS"},
          {"update-ro /sys/fs/bpf/flows 1 43", "EPERM"},
          {"delete-ro /sys/fs/bpf/flows 1", "EPERM"},
          {"freeze-ro /sys/fs/bpf/flows", "EPERM"},
          {"get-rw /sys/fs/bpf/net/flows", "EROFS"},
          {"get-rw /sys/fs/bpf/_rw/../flows", "EROFS"}});
  EXPECT_EQ(value_at(kFlows, 1), 42U);
  set_value(kFlows, 1, 44);
}

TEST_P(Inside, AReadGrantAloneIsNotWritableEither) {
  policy("grants: [{pin: /sys/fs/bpf/app/flows, as: flows, mode: \"0666\"}]\n");
  expect({{"ls /sys/fs/bpf", "ok flows"},
          {"lookup /sys/fs/bpf/flows 1", "ok 42"},
          {"get-rw /sys/fs/bpf/flows", "EROFS"},
          {"repin /sys/fs/bpf/flows /sys/fs/bpf/again", "EROFS"},
          {"chmod /sys/fs/bpf/flows 600", "EROFS"}});
}

// What a pin says of its owner, where the kernel keeps attributes.
TEST_P(Inside, WhatAPinSaysOfItselfIsNeitherSeenNorChanged) {
  container_.spec.capabilities.push_back("CAP_FOWNER");
  Tries tries;
  for (const std::string pin : {"/sys/fs/bpf/flows", "/sys/fs/bpf/counters"}) {
    tries.emplace_back("set-attribute " + pin + " trusted.pinscope.container other", "EROFS");
    tries.emplace_back("remove-attribute " + pin + " trusted.pinscope.container", "EROFS");
    tries.emplace_back("attribute " + pin + " trusted.pinscope.container", "ENODATA");
  }
  expect(tries);
}

TEST_P(Inside, AReadDescriptorCanBePinnedNowhere) {
  Tries tries;
  for (const std::string where :
       {"/sys/fs/bpf", "/sys/fs/bpf/net", "/sys/fs/bpf/_rw", "/sys/fs/bpf/_rw/net"})
    tries.emplace_back("repin /sys/fs/bpf/flows " + where + "/again", "EROFS");
  for (const std::string where : {"", "/tmp", "/run", "/dev", "/dev/shm"}) {
    if (where == "/dev/shm") tries.emplace_back("mkdir /dev/shm", "ok");
    tries.emplace_back("repin /sys/fs/bpf/flows " + where + "/again", "EPERM");
  }
  tries.emplace_back("mkdir /tmp/bpf", "ok");
  tries.emplace_back("mount-bpf /tmp/bpf", "EPERM");
  expect(tries);
}

TEST_P(Inside, AUserNamespaceMadeInsideGivesNoBpffs) {
  const auto result = run({"mkdir /tmp/bpf", "unshare user,mount", "mount-bpf /tmp/bpf",
                           "repin /sys/fs/bpf/flows /tmp/bpf/again", "remount-rw /sys/fs/bpf",
                           "reconfigure-rw /sys/fs/bpf", "umount /sys/fs/bpf/_rw",
                           "umount /sys/fs/bpf", "get-rw /sys/fs/bpf/flows"});
  EXPECT_EQ(result.status, 0) << result;
  EXPECT_EQ(answer(result, "mount-bpf /tmp/bpf"), "EPERM");
  EXPECT_EQ(answer(result, "repin /sys/fs/bpf/flows /tmp/bpf/again"), "EPERM");
  EXPECT_EQ(answer(result, "remount-rw /sys/fs/bpf"), "EPERM");
  EXPECT_EQ(answer(result, "reconfigure-rw /sys/fs/bpf"), "EPERM");
  EXPECT_EQ(answer(result, "get-rw /sys/fs/bpf/flows"), "EROFS");
}

TEST_P(Inside, NothingInTheViewCanBeChanged) {
  Tries tries;
  for (const std::string where :
       {"/sys/fs/bpf", "/sys/fs/bpf/net", "/sys/fs/bpf/_rw", "/sys/fs/bpf/_rw/net"}) {
    const std::string pin =
        where + (where.find("_rw") == std::string::npos ? "/flows" : "/counters");
    tries.emplace_back("chmod " + pin + " 777", "EROFS");
    tries.emplace_back("chown " + pin + " 1000 1000", "EROFS");
    tries.emplace_back("unlink " + pin, "EROFS");
    tries.emplace_back("rename " + pin + " " + where + "/x", "EROFS");
    tries.emplace_back("link " + pin + " " + where + "/x", "EROFS");
    tries.emplace_back("mkdir " + where + "/x", "EROFS");
    tries.emplace_back("symlink /tmp " + where + "/x", "EROFS");
    tries.emplace_back("chmod " + where + " 777", "EROFS");
  }
  tries.emplace_back("unlink /sys/fs/bpf/counters", "EROFS");
  tries.emplace_back("rmdir /sys/fs/bpf/net", "EROFS");
  tries.emplace_back("rmdir /sys/fs/bpf/_rw/net", "EROFS");
  tries.emplace_back("rmdir /sys/fs/bpf/_rw", "EROFS");
  tries.emplace_back("rename /sys/fs/bpf/_rw /sys/fs/bpf/x", "EROFS");
  tries.emplace_back("ls /sys/fs/bpf", "ok _rw counters flows net");
  tries.emplace_back("ls /sys/fs/bpf/_rw", "ok counters net");
  expect(tries);
}

TEST_P(Inside, WhatTheKernelPutsIntoAnInstanceIsNotShown) {
  const auto result = run({"ls /sys/fs/bpf", "ls /sys/fs/bpf/_rw", "cat /sys/fs/bpf/maps.debug",
                           "cat /sys/fs/bpf/progs.debug", "cat /sys/fs/bpf/../maps.debug",
                           "cat /sys/fs/bpf/_rw/progs.debug"});
  EXPECT_EQ(answer(result, "ls /sys/fs/bpf"), "ok _rw counters flows net") << result;
  EXPECT_EQ(answer(result, "ls /sys/fs/bpf/_rw"), "ok counters net");
  // Names with a dot are looked up nowhere in a bpffs.
  EXPECT_EQ(answer(result, "cat /sys/fs/bpf/maps.debug"), "EPERM");
  EXPECT_EQ(answer(result, "cat /sys/fs/bpf/progs.debug"), "EPERM");
  EXPECT_EQ(answer(result, "cat /sys/fs/bpf/../maps.debug"), "ENOENT");
  EXPECT_EQ(answer(result, "cat /sys/fs/bpf/_rw/progs.debug"), "EPERM");
}

TEST_P(Inside, AMapThatNoGrantNamesIsNotThere) {
  const std::string id = std::to_string(map_id(kSecret));
  expect({{"get-ro /sys/fs/bpf/secret", "ENOENT"},
          {"get-ro /sys/fs/bpf/app/secret", "ENOENT"},
          {"get-ro /sys/fs/bpf/../bpf/secret", "ENOENT"},
          {"get-ro /sys/fs/bpf/../secret", "ENOENT"},
          {"get-ro /sys/fs/bpf/net/../../secret", "ENOENT"},
          {"get-ro /sys/fs/bpf/_rw/../secret", "ENOENT"},
          {"get-ro /sys/fs/bpf/_rw/../../secret", "ENOENT"},
          {"get-ro /sys/fs/bpf/view/secret", "ENOENT"},
          {"map-by-id " + id, "EPERM"},
          {"next-map-id 0", "EPERM"}});
}

TEST_P(Inside, AReadWriteGrantIsWritableByBothItsNames) {
  expect({{"readlink /sys/fs/bpf/counters", "ok _rw/counters"},
          {"readlink /sys/fs/bpf/net/counters", "ok ../_rw/net/counters"},
          {"update /sys/fs/bpf/counters 1 43", "ok"},
          {"lookup /sys/fs/bpf/net/counters 1", "ok 43"},
          {"update /sys/fs/bpf/_rw/net/counters 2 44", "ok"},
          {"repin-rw /sys/fs/bpf/counters /sys/fs/bpf/_rw/again", "EROFS"}});
  EXPECT_EQ(value_at(kCounters, 1), 43U);
  EXPECT_EQ(value_at(kCounters, 2), 44U);
  EXPECT_EQ(value_at(kFlows, 1), 42U);
}

TEST_P(Inside, LayoutPerMapHoldsAsWell) {
  policy(std::string("view: {layout: per-map}\n") + kBoth);
  expect({{"ls /sys/fs/bpf", "ok counters flows net"},
          {"ls /sys/fs/bpf/net", "ok counters flows"},
          {"lookup /sys/fs/bpf/flows 1", "ok 42"},
          {"get-rw /sys/fs/bpf/flows", "EROFS"},
          {"get-rw /sys/fs/bpf/net/flows", "EROFS"},
          {"freeze /sys/fs/bpf/flows", "EROFS"},
          {"update /sys/fs/bpf/counters 1 43", "ok"},
          {"chmod /sys/fs/bpf/flows 777", "EROFS"},
          {"chmod /sys/fs/bpf/counters 777", "EROFS"},
          {"chown /sys/fs/bpf/counters 1 1", "EROFS"},
          {"unlink /sys/fs/bpf/counters", "EROFS"},
          {"unlink /sys/fs/bpf/flows", "EROFS"},
          {"rename /sys/fs/bpf/flows /sys/fs/bpf/x", "EROFS"},
          {"mkdir /sys/fs/bpf/x", "EROFS"},
          {"touch /sys/fs/bpf/x", "EROFS"},
          {"repin /sys/fs/bpf/flows /sys/fs/bpf/again", "EROFS"},
          {"repin /sys/fs/bpf/flows /sys/fs/bpf/net/again", "EROFS"},
          {"repin-rw /sys/fs/bpf/counters /sys/fs/bpf/again", "EROFS"},
          {"get-ro /sys/fs/bpf/secret", "ENOENT"},
          {"get-ro /sys/fs/bpf/net/../../secret", "ENOENT"}});
}

TEST_P(Inside, LayoutBindShowsTheGrantedPinAndLetsNobodyChangeIt) {
  policy(
      "view: {layout: bind}\n"
      "grants: [{pin: /sys/fs/bpf/app/counters, as: counters, access: read-write}]\n");
  expect({{"ls /sys/fs/bpf", "ok counters"},
          {"update /sys/fs/bpf/counters 1 43", "ok"},
          {"chmod /sys/fs/bpf/counters 777", "EROFS"},
          {"chown /sys/fs/bpf/counters 1 1", "EROFS"},
          {"unlink /sys/fs/bpf/counters", "EROFS"},
          {"rename /sys/fs/bpf/counters /sys/fs/bpf/x", "EROFS"},
          {"repin-rw /sys/fs/bpf/counters /sys/fs/bpf/again", "EROFS"},
          {"mkdir /sys/fs/bpf/x", "EROFS"},
          {"get-ro /sys/fs/bpf/flows", "ENOENT"},
          {"get-ro /sys/fs/bpf/../secret", "ENOENT"}});
  EXPECT_EQ(value_at(kCounters, 1), 43U);
}

TEST_P(Inside, ModesAndOwnersSeparateUsers) {
  policy(
      "grants:\n"
      "  - {pin: /sys/fs/bpf/app/flows, as: mine, owner: {uid: 1000}, mode: \"0400\"}\n"
      "  - {pin: /sys/fs/bpf/app/flows, as: group, owner: {uid: 2, gid: 1000}, mode: \"0040\"}\n"
      "  - {pin: /sys/fs/bpf/app/flows, as: other, owner: {uid: 2000}, mode: \"0400\"}\n"
      "  - {pin: /sys/fs/bpf/app/counters, as: reader, access: read-write, mode: \"0444\"}\n");
  container_.spec.uid = 1000;
  container_.spec.gid = 1000;
  expect({{"stat /sys/fs/bpf/mine", "ok file mode=0400 uid=1000 gid=1000"},
          {"lookup /sys/fs/bpf/mine 1", "ok 42"},
          {"lookup /sys/fs/bpf/group 1", "ok 42"},
          {"lookup /sys/fs/bpf/other 1", "EACCES"},
          {"lookup /sys/fs/bpf/reader 1", "ok 42"},
          {"update /sys/fs/bpf/reader 1 43", "EACCES"},
          {"chmod /sys/fs/bpf/mine 600", "EROFS"}});
}

TEST_P(Inside, NoCapabilityIsNeededToReadAGrantedMap) {
  container_.spec.uid = 1000;
  container_.spec.capabilities = {};
  container_.spec.no_new_privileges = true;
  expect({{"caps", "ok 0000000000000000"},
          {"lookup /sys/fs/bpf/flows 1", "ok 42"},
          {"update /sys/fs/bpf/counters 1 43", "ok"},
          {"get-rw /sys/fs/bpf/flows", "EROFS"},
          {"map-create", "EPERM"}});
}

TEST_P(Inside, CapBpfGivesNoWayRoundTheView) {
  container_.spec.capabilities.insert(container_.spec.capabilities.end(),
                                      {"CAP_BPF", "CAP_PERFMON", "CAP_NET_ADMIN"});
  expect({{"map-create", "ok"},
          {"prog-load", "ok"},
          {"get-rw /sys/fs/bpf/flows", "EROFS"},
          {"repin /sys/fs/bpf/flows /sys/fs/bpf/again", "EROFS"},
          {"map-by-id " + std::to_string(map_id(kSecret)), "EPERM"},
          {"next-map-id 0", "EPERM"}});
}

// Another limit that it states: a read grant of a map is no wall against whoever loads programs.
TEST_P(Inside, CapBpfWritesAMapByAProgram) {
  container_.spec.capabilities.emplace_back("CAP_BPF");
  expect({{"update-ro /sys/fs/bpf/flows 1 43", "EPERM"},
          {"prog-write /sys/fs/bpf/flows 1 43", "ok"},
          {"lookup /sys/fs/bpf/flows 1", "ok 43"}});
}

// The limit that docs/threat-model.md states: the view does not hold against CAP_SYS_ADMIN without
// a user namespace. If this fails, the kernel or the product has become better than its documents.
TEST_P(Inside, CapSysAdminWithoutAUserNamespaceGoesRoundTheView) {
  container_.spec.capabilities = BundleSpec::all_capabilities();
  expect({{"map-by-id " + std::to_string(map_id(kSecret)), "ok"},
          {"mkdir /tmp/bpf", "ok"},
          {"mount-bpf /tmp/bpf", "ok"},
          {"repin /sys/fs/bpf/flows /tmp/bpf/again", "ok"},
          {"update /tmp/bpf/again 1 43", "ok"}});
}

// Before Linux 6.5, CAP_BPF is what freezing a map takes, whatever the descriptor was opened for.
bool freezing_takes_cap_bpf() {
  HostPins pins;
  pins.map("/sys/fs/bpf/frozen");
  return ask_all({"keep-caps 0", "freeze /sys/fs/bpf/frozen"}).back() == "EPERM";
}

// Another stated limit: a writer may freeze the map for everybody.
TEST_P(Inside, AReadWriteGrantMayFreezeTheMap) {
  if (freezing_takes_cap_bpf()) {
    container_.spec.capabilities = {"CAP_BPF"};
  } else {
    container_.spec.uid = 1000;
    container_.spec.capabilities = {};
  }
  expect({{"freeze /sys/fs/bpf/counters", "ok"}});
  EXPECT_EQ(ask("update " + std::string(kCounters) + " 1 43"), "EPERM");
}

// And another: on an old kernel, CAP_BPF makes that of a read grant too.
TEST_P(Inside, CapBpfFreezesAReadGrantBeforeLinux65) {
  const bool old = freezing_takes_cap_bpf();
  container_.spec.capabilities = {"CAP_BPF"};
  expect({{"freeze-ro /sys/fs/bpf/flows", old ? "ok" : "EPERM"}});
  EXPECT_EQ(ask("update " + std::string(kFlows) + " 1 43"), old ? "EPERM" : "ok");
}

TEST_P(Inside, ALinkGrantIsTheRightToDetachIt) {
  pins_.link("/sys/fs/bpf/attached");
  policy("grants: [{pin: /sys/fs/bpf/attached, access: read-write}]\n");
  expect({{"get-ro /sys/fs/bpf/attached", "EINVAL"}, {"link-detach /sys/fs/bpf/attached", "ok"}});
}

PINSCOPE_EACH_RUNTIME_AND_THE_NEWEST(Inside);

}  // namespace
}  // namespace pinscope::test
