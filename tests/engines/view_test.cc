// The main job in real containers: what a policy grants is there, with the access, owner and mode
// that it says, in every layout, and nothing else is.
#include "tests/support/container/view_test.h"
#include "tests/support/bpf/programs.h"

#include <filesystem>

namespace pinscope::test {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;

class View : public ViewTest {};

TEST_P(View, ShowsExactlyWhatThePolicyGrants) {
  pins_.map("/sys/fs/bpf/flows");
  pins_.map("/sys/fs/bpf/keys");
  set_value("/sys/fs/bpf/flows", 1, 42);
  installation_.write_policy(
      policy_text("select: {}\n"
                  "grants:\n"
                  "  - {pin: /sys/fs/bpf/flows, access: read}\n"));
  const auto result =
      run({"ls /sys/fs/bpf", "lookup /sys/fs/bpf/flows 1", "get-rw /sys/fs/bpf/flows",
           "update-ro /sys/fs/bpf/flows 1 43", "get-ro /sys/fs/bpf/keys", "mounts /sys/fs/bpf"});
  EXPECT_EQ(result.status, 0) << result;
  EXPECT_EQ(answer(result, "ls /sys/fs/bpf"), "ok flows");
  EXPECT_EQ(answer(result, "lookup /sys/fs/bpf/flows 1"), "ok 42");
  EXPECT_EQ(answer(result, "get-rw /sys/fs/bpf/flows"), "EROFS");
  EXPECT_EQ(answer(result, "update-ro /sys/fs/bpf/flows 1 43"), "EPERM");
  EXPECT_EQ(answer(result, "get-ro /sys/fs/bpf/keys"), "ENOENT");
  EXPECT_THAT(answer(result, "mounts /sys/fs/bpf"), HasSubstr("bpf rw,nosuid,nodev,noexec"));
  EXPECT_EQ(value_at("/sys/fs/bpf/flows", 1), 42U);

  const auto audit = installation_.audit();
  ASSERT_EQ(audit.size(), 3U);
  EXPECT_EQ(audit[0].outcome, "policy-accepted");
  EXPECT_EQ(audit[1].outcome, "granted");
  EXPECT_EQ(audit[1].container, container_.id());
  EXPECT_EQ(audit[2].outcome, "removed");
  EXPECT_THAT(installation_.records(), IsEmpty());
}

TEST_P(View, IsNotThereForAContainerThatNoPolicySelects) {
  pins_.map("/sys/fs/bpf/flows");
  installation_.write_policy(
      policy_text("select: {bundle: /nowhere}\n"
                  "grants:\n"
                  "  - {pin: /sys/fs/bpf/flows}\n"));
  RuntimeContainer plain(GetParam());
  const std::vector<std::string> look = {"ls /sys/fs/bpf", "mounts /sys/fs/bpf", "mounts /sys",
                                         "mounts /"};
  const auto without = plain.probe(look).run();
  const auto with = run(look);
  EXPECT_EQ(with.status, 0) << with;
  EXPECT_EQ(with.out, without.out);
  EXPECT_THAT(installation_.records(), IsEmpty());
}

TEST_P(View, IsNotThereWhereThereIsNoPolicyDirectory) {
  pins_.map("/sys/fs/bpf/flows");
  std::filesystem::remove(installation_.policy_directory());
  const auto result = run({"ls /sys/fs/bpf"});
  EXPECT_EQ(result.status, 0) << result;
  EXPECT_EQ(answer(result, "ls /sys/fs/bpf"), "ok");
  EXPECT_THAT(installation_.audit(), IsEmpty());
}

TEST_P(View, HoldsMapsProgramsAndLinks) {
  pins_.map("/sys/fs/bpf/map");
  pins_.program("/sys/fs/bpf/program");
  pins_.link("/sys/fs/bpf/link");
  installation_.write_policy(
      policy_text("select: {}\n"
                  "grants:\n"
                  "  - {pin: /sys/fs/bpf/map, expect: {kind: map}}\n"
                  "  - {pin: /sys/fs/bpf/program, access: use, expect: {kind: program}}\n"
                  "  - {pin: /sys/fs/bpf/link, access: read-write, expect: {kind: link}}\n"));
  const auto result =
      run({"ls /sys/fs/bpf", "get-ro /sys/fs/bpf/map", "get-rw /sys/fs/bpf/map",
           "get-ro /sys/fs/bpf/program", "get-rw /sys/fs/bpf/program", "get-rw /sys/fs/bpf/link"});
  EXPECT_EQ(result.status, 0) << result;
  EXPECT_EQ(answer(result, "ls /sys/fs/bpf"), "ok _rw link map program");
  EXPECT_EQ(answer(result, "get-ro /sys/fs/bpf/map"), "ok");
  EXPECT_EQ(answer(result, "get-rw /sys/fs/bpf/map"), "EROFS");
  EXPECT_EQ(answer(result, "get-ro /sys/fs/bpf/program"), "ok");
  EXPECT_EQ(answer(result, "get-rw /sys/fs/bpf/program"), "ok");
  EXPECT_EQ(answer(result, "get-rw /sys/fs/bpf/link"), "ok");
}

// The whole right is to read: its program is not to be replaced, and the link not to be had.
TEST_P(View, ShowsAnIteratorThatCanOnlyBeRead) {
  if (const char* why = no_iterators()) GTEST_SKIP() << why;
  for (const char* layout : {"shared", "per-map"}) {
    HostPins pins;
    pins.object(make_iterator(), "/sys/fs/bpf/all_maps");
    pins.map("/sys/fs/bpf/counters");
    installation_.write_policy(
        policy_text(std::string("select: {}\nview: {layout: ") + layout +
                    "}\ngrants:\n"
                    "  - {pin: /sys/fs/bpf/all_maps, expect: {kind: link, type: iter}}\n"
                    "  - {pin: /sys/fs/bpf/counters, access: read-write}\n"));
    const auto result = run({"cat /sys/fs/bpf/all_maps", "get-rw /sys/fs/bpf/all_maps",
                             "get-ro /sys/fs/bpf/all_maps", "link-detach /sys/fs/bpf/all_maps",
                             "link-update /sys/fs/bpf/counters /sys/fs/bpf/all_maps",
                             "repin-rw /sys/fs/bpf/all_maps /sys/fs/bpf/again",
                             "remount-rw /sys/fs/bpf", "get-rw /sys/fs/bpf/all_maps"});
    EXPECT_EQ(result.status, 0) << result;
    EXPECT_THAT(answer(result, "cat /sys/fs/bpf/all_maps"), testing::StartsWith("ok map map "));
    EXPECT_EQ(answer(result, "get-rw /sys/fs/bpf/all_maps"), "EROFS") << layout;
    EXPECT_EQ(answer(result, "get-ro /sys/fs/bpf/all_maps"), "EINVAL") << layout;
    EXPECT_EQ(answer(result, "link-detach /sys/fs/bpf/all_maps"), "EROFS") << layout;
    EXPECT_EQ(answer(result, "link-update /sys/fs/bpf/counters /sys/fs/bpf/all_maps"), "EROFS");
    EXPECT_EQ(answer(result, "repin-rw /sys/fs/bpf/all_maps /sys/fs/bpf/again"), "EROFS");
  }
}

class LayoutTest : public ViewTest {
 protected:
  std::string policy(const std::string& layout, const std::string& access_of_flows) {
    pins_.directory("/sys/fs/bpf/net");
    pins_.map("/sys/fs/bpf/flows");
    pins_.map("/sys/fs/bpf/counters");
    pins_.map("/sys/fs/bpf/net/drops");
    set_value("/sys/fs/bpf/flows", 1, 11);
    set_value("/sys/fs/bpf/net/drops", 1, 22);
    return policy_text(
        "select: {}\nview: {layout: " + layout + "}\ngrants:\n" +
        "  - {pin: /sys/fs/bpf/flows, access: " + access_of_flows + "}\n" +
        "  - {pin: /sys/fs/bpf/counters, access: read-write}\n" +
        "  - {pin: /sys/fs/bpf/net/drops, as: net/drops, access: " + access_of_flows + "}\n");
  }
  const std::vector<std::string> look_ = {"ls /sys/fs/bpf",
                                          "ls /sys/fs/bpf/net",
                                          "lookup /sys/fs/bpf/flows 1",
                                          "lookup /sys/fs/bpf/net/drops 1",
                                          "update /sys/fs/bpf/counters 5 55",
                                          "update /sys/fs/bpf/flows 1 12",
                                          "update /sys/fs/bpf/net/drops 1 23",
                                          "mkdir /sys/fs/bpf/x",
                                          "unlink /sys/fs/bpf/counters",
                                          "chmod /sys/fs/bpf/counters 0666"};

  void expect_common(const CommandResult& result) {
    EXPECT_EQ(result.status, 0) << result;
    EXPECT_EQ(answer(result, "ls /sys/fs/bpf/net"), "ok drops");
    EXPECT_EQ(answer(result, "lookup /sys/fs/bpf/flows 1"), "ok 11");
    EXPECT_EQ(answer(result, "lookup /sys/fs/bpf/net/drops 1"), "ok 22");
    EXPECT_EQ(answer(result, "update /sys/fs/bpf/counters 5 55"), "ok");
    EXPECT_EQ(answer(result, "mkdir /sys/fs/bpf/x"), "EROFS");
    EXPECT_EQ(answer(result, "chmod /sys/fs/bpf/counters 0666"), "EROFS");
    EXPECT_EQ(value_at("/sys/fs/bpf/counters", 5), 55U);
  }
};

TEST_P(LayoutTest, SharedShowsReadGrantsAndLinksToTheOthers) {
  installation_.write_policy(policy("shared", "read"));
  const auto result = run(look_);
  expect_common(result);
  EXPECT_EQ(answer(result, "ls /sys/fs/bpf"), "ok _rw counters flows net");
  EXPECT_EQ(answer(result, "unlink /sys/fs/bpf/counters"), "EROFS");
  EXPECT_EQ(answer(result, "update /sys/fs/bpf/flows 1 12"), "EROFS");
  EXPECT_EQ(answer(result, "update /sys/fs/bpf/net/drops 1 23"), "EROFS");
}

TEST_P(LayoutTest, SharedNeedsNoSecondInstanceWhereAllIsWritable) {
  installation_.write_policy(policy("shared", "read-write"));
  const auto result = run(look_);
  expect_common(result);
  EXPECT_EQ(answer(result, "ls /sys/fs/bpf"), "ok counters flows net");
  EXPECT_EQ(answer(result, "update /sys/fs/bpf/flows 1 12"), "ok");
}

TEST_P(LayoutTest, PerMapMountsEachPinOnItsOwn) {
  installation_.write_policy(policy("per-map", "read"));
  auto look = look_;
  look.emplace_back("mounts /sys/fs/bpf/flows");
  look.emplace_back("mounts /sys/fs/bpf/net/drops");
  const auto result = run(look);
  expect_common(result);
  EXPECT_EQ(answer(result, "ls /sys/fs/bpf"), "ok counters flows net");
  EXPECT_EQ(answer(result, "unlink /sys/fs/bpf/counters"), "EROFS");
  EXPECT_EQ(answer(result, "update /sys/fs/bpf/flows 1 12"), "EROFS");
  EXPECT_EQ(answer(result, "update /sys/fs/bpf/net/drops 1 23"), "EROFS");
  EXPECT_THAT(answer(result, "mounts /sys/fs/bpf/flows"), HasSubstr("ok bpf ro,"));
  EXPECT_THAT(answer(result, "mounts /sys/fs/bpf/net/drops"), HasSubstr("ok bpf ro,"));
}

TEST_P(LayoutTest, BindShowsTheHostsOwnPins) {
  installation_.write_policy(policy("bind", "read-write"));
  auto look = look_;
  look.emplace_back("stat /sys/fs/bpf/flows");
  const auto result = run(look);
  expect_common(result);
  EXPECT_EQ(answer(result, "ls /sys/fs/bpf"), "ok counters flows net");
  EXPECT_EQ(answer(result, "unlink /sys/fs/bpf/counters"), "EROFS");
  EXPECT_EQ(answer(result, "update /sys/fs/bpf/flows 1 12"), "ok");
  EXPECT_EQ(answer(result, "stat /sys/fs/bpf/flows"), "ok file mode=0600 uid=0 gid=0");
}

class Globs : public ViewTest {};

TEST_P(Globs, KeepTheDirectoriesBelowTheirLiteralPart) {
  pins_.directory("/sys/fs/bpf/net");
  pins_.directory("/sys/fs/bpf/net/eth0");
  pins_.map("/sys/fs/bpf/net/drops");
  pins_.map("/sys/fs/bpf/net/eth0/rx");
  pins_.map("/sys/fs/bpf/net/eth0/tx");
  pins_.map("/sys/fs/bpf/other");
  installation_.write_policy(
      policy_text("select: {}\n"
                  "grants:\n"
                  "  - {pin: \"/sys/fs/bpf/net/**\", as: all}\n"
                  "  - {pin: \"/sys/fs/bpf/net/*\", as: top}\n"
                  "  - {pin: \"/sys/fs/bpf/o*\"}\n"));
  const auto result = run({"ls /sys/fs/bpf", "ls /sys/fs/bpf/all", "ls /sys/fs/bpf/all/eth0",
                           "ls /sys/fs/bpf/top", "get-ro /sys/fs/bpf/all/eth0/rx"});
  EXPECT_EQ(result.status, 0) << result;
  EXPECT_EQ(answer(result, "ls /sys/fs/bpf"), "ok all other top");
  EXPECT_EQ(answer(result, "ls /sys/fs/bpf/all"), "ok drops eth0");
  EXPECT_EQ(answer(result, "ls /sys/fs/bpf/all/eth0"), "ok rx tx");
  EXPECT_EQ(answer(result, "ls /sys/fs/bpf/top"), "ok drops");
  EXPECT_EQ(answer(result, "get-ro /sys/fs/bpf/all/eth0/rx"), "ok");
}

class Owners : public ViewTest {};

TEST_P(Owners, AndModesAreThoseOfThePolicy) {
  pins_.map("/sys/fs/bpf/flows");
  installation_.write_policy(
      policy_text("select: {}\n"
                  "grants:\n"
                  "  - pin: /sys/fs/bpf/flows\n"
                  "    owner: {uid: 1000, gid: 1001}\n"
                  "    mode: \"0640\"\n"));
  const auto result = run({"stat /sys/fs/bpf/flows", "stat /sys/fs/bpf", "setuid 2000 2000",
                           "get-ro /sys/fs/bpf/flows"});
  EXPECT_EQ(answer(result, "stat /sys/fs/bpf/flows"), "ok file mode=0640 uid=1000 gid=1001");
  EXPECT_EQ(answer(result, "stat /sys/fs/bpf"), "ok directory mode=0755 uid=0 gid=0");
  EXPECT_EQ(answer(result, "get-ro /sys/fs/bpf/flows"), "EACCES") << "another user inside";
}

TEST_P(Owners, DefaultToTheUserOfTheContainersProcess) {
  pins_.map("/sys/fs/bpf/flows");
  pins_.map("/sys/fs/bpf/counters");
  container_.spec.uid = 1000;
  container_.spec.gid = 1002;
  installation_.write_policy(
      policy_text("select: {}\n"
                  "grants:\n"
                  "  - {pin: /sys/fs/bpf/flows}\n"
                  "  - {pin: /sys/fs/bpf/counters, access: read-write}\n"));
  const auto result = run({"stat /sys/fs/bpf/flows", "stat /sys/fs/bpf/_rw/counters",
                           "get-ro /sys/fs/bpf/flows", "update /sys/fs/bpf/counters 1 2"});
  EXPECT_EQ(answer(result, "stat /sys/fs/bpf/flows"), "ok file mode=0440 uid=1000 gid=1002");
  EXPECT_EQ(answer(result, "stat /sys/fs/bpf/_rw/counters"), "ok file mode=0660 uid=1000 gid=1002");
  EXPECT_EQ(answer(result, "get-ro /sys/fs/bpf/flows"), "ok");
  EXPECT_EQ(answer(result, "update /sys/fs/bpf/counters 1 2"), "ok");
}

PINSCOPE_EACH_RUNTIME(View);
PINSCOPE_EACH_RUNTIME(LayoutTest);
PINSCOPE_EACH_RUNTIME(Globs);
PINSCOPE_EACH_RUNTIME(Owners);

}  // namespace
}  // namespace pinscope::test
