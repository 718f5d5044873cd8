#include "plugin/health/rootless.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cerrno>

namespace pinscope::health {
namespace {

using model::Finding;
using testing::ElementsAre;
using Level = Finding::Level;

// A machine as distributions set it up, and a user of it.
RootlessFacts ordinary() {
  RootlessFacts facts;
  facts.user = "alice";
  facts.own_namespace = {0, 0, EPERM};
  facts.has_newuidmap = true;
  facts.uids = facts.gids = 65536;
  facts.pins_errnum = EACCES;
  return facts;
}

// "warn user namespace: refused: …", one line for each finding.
std::vector<std::string> lines_of(const RootlessFacts& facts) {
  std::vector<std::string> lines;
  for (const auto& finding : judge_rootless(facts)) {
    EXPECT_EQ(finding.area, "rootless");
    EXPECT_EQ(finding.action.empty(), finding.level == Level::kOk) << finding.name;
    lines.push_back(std::string(name_of(finding.level)) + " " + finding.name + ": " +
                    finding.detail);
  }
  return lines;
}

std::string line_of(const RootlessFacts& facts, const std::string& name) {
  for (const auto& line : lines_of(facts))
    if (line.find(" " + name + ": ") != std::string::npos) return line;
  return "";
}

TEST(Rootless, TellsAUserWhatTheyCanHave) {
  EXPECT_THAT(
      lines_of(ordinary()),
      ElementsAre(
          "ok user namespace: allowed",
          "ok own bpffs: no: Operation not permitted; only root of the machine mounts one, so "
          "views are the administrator's to give",
          "ok subordinate ids: 65536 uids, 65536 gids",
          "ok pins: /sys/fs/bpf cannot be looked at: Permission denied",
          "ok pinning: no directory of a bpffs may be written",
          "ok view: none in this session; the administrator gives one with pinscope run --user "
          "alice, or with pam_pinscope(8) at each login",
          "ok containers: the hook leaves those of your own engine alone: what they open is what "
          "you may open"));
}

TEST(Rootless, SaysWhichSettingRefusesUserNamespaces) {
  auto facts = ordinary();
  facts.own_namespace = {ENOSPC, -1, -1};
  facts.refusals = {"user.max_user_namespaces is 0"};
  EXPECT_EQ(line_of(facts, "user namespace"),
            "warn user namespace: refused: No space left on device; user.max_user_namespaces is "
            "0");
  EXPECT_EQ(line_of(facts, "own bpffs"), "ok own bpffs: not tried without a user namespace");
  // Ubuntu's AppArmor lets one be made, and takes the rights in it.
  facts.own_namespace = {0, EACCES, -1};
  facts.refusals = {"kernel.apparmor_restrict_unprivileged_userns is 1"};
  EXPECT_EQ(line_of(facts, "user namespace"),
            "warn user namespace: allowed, but without rights in it: Permission denied; "
            "kernel.apparmor_restrict_unprivileged_userns is 1");
}

TEST(Rootless, WarnsWhereAUserMayPin) {
  auto facts = ordinary();
  facts.pins_errnum = 0;
  facts.pins = 3;
  facts.readable = 2;
  facts.writable = 1;
  facts.pin_directories = {"/sys/fs/bpf", "/sys/fs/bpf/net"};
  EXPECT_EQ(line_of(facts, "pins"),
            "ok pins: 3 pins below /sys/fs/bpf: 2 open for reading, 1 for writing");
  EXPECT_EQ(line_of(facts, "pinning"),
            "warn pinning: you may pin in /sys/fs/bpf and 1 more: a map that opens for reading "
            "only can be pinned there again, and then opens for writing");
}

TEST(Rootless, WarnsOfAKernelThatLetsUsersMountABpffs) {
  auto facts = ordinary();
  facts.own_namespace.bpffs = 0;
  EXPECT_EQ(line_of(facts, "own bpffs"),
            "warn own bpffs: this kernel lets a user mount one: what a pin's mode opens for "
            "reading, a user can open for writing");
}

TEST(Rootless, SaysWhatIsMissingForContainersWithSeveralUsers) {
  auto facts = ordinary();
  facts.has_newuidmap = false;
  EXPECT_EQ(line_of(facts, "subordinate ids"),
            "warn subordinate ids: 65536 uids, 65536 gids, but no newuidmap(1) to use them");
  facts.gids = 0;
  EXPECT_EQ(line_of(facts, "subordinate ids"),
            "warn subordinate ids: none in /etc/subuid or /etc/subgid: a container has one user, "
            "you");
}

TEST(Rootless, ShowsTheViewOfASession) {
  auto facts = ordinary();
  facts.view = "/run/bpf";
  EXPECT_EQ(line_of(facts, "view"),
            "ok view: /run/bpf; a container of yours has it with -v /run/bpf:/run/bpf");
}

TEST(Rootless, CountsSubordinateIdsOfANameAndOfItsNumber) {
  const char* text = "root:1:7\nalice:100000:65536\n4001:300000:1000\nalice:x:y:z\nalice:1\n";
  EXPECT_EQ(count_subordinate_ids(text, "alice", 4001), 66536U);
  EXPECT_EQ(count_subordinate_ids(text, "bob", 4002), 0U);
  EXPECT_EQ(count_subordinate_ids("", "alice", 4001), 0U);
}

std::string view_in(const std::string& mountinfo) {
  return find_view(kernel::parse_mountinfo(mountinfo));
}

TEST(Rootless, FindsAViewInTheMountTable) {
  const std::string host = "30 20 0:27 / /sys/fs/bpf rw shared:1 - bpf bpf rw\n";
  EXPECT_EQ(view_in(host), "");
  EXPECT_EQ(view_in(host + "31 30 0:28 /view /sys/fs/bpf ro - bpf none ro\n"), "/sys/fs/bpf");
  EXPECT_EQ(view_in(host + "31 30 0:28 /view /run/bpf ro - tmpfs none ro\n"), "/run/bpf");
  EXPECT_EQ(view_in("31 30 0:28 /view /srv ro - ext4 /dev/sda ro\nnonsense\n"), "");
}

}  // namespace
}  // namespace pinscope::health
