// Root in a user namespace that gets BPF tokens, with every capability there: the bpffs that gives
// them is its own to remount, and still nothing can be pinned in it and nothing more be delegated.
#include <fcntl.h>
#include <sys/mount.h>
#include <sys/stat.h>

#include "plugin/host/file.h"
#include "plugin/kernel/bpf/bpf.h"
#include "plugin/kernel/bpf/delegation.h"
#include "plugin/kernel/sys.h"
#include "tests/attack/attack_test.h"

namespace pinscope::test {
namespace {

using testing::AnyOf;
using testing::HasSubstr;

class Token : public AttackTest {
 protected:
  void SetUp() override {
    AttackTest::SetUp();
    if (IsSkipped()) return;
    const auto probe = kernel::probe_delegation();
    if (probe.answer != model::Probe::kYes) GTEST_SKIP() << probe.detail;
    make_pins();
    container_.spec.with_user_namespace();
    container_.spec.namespaces["cgroup"] = "";
    container_.spec.capabilities = BundleSpec::all_capabilities();
  }

  void delegate_beside_a_read_grant() {
    policy(
        "delegate: {commands: [map_create], maps: [hash]}\n"
        "grants:\n"
        "  - {pin: /sys/fs/bpf/app/flows, as: flows, access: read, mode: \"0666\"}\n"
        "  - {pin: /sys/fs/bpf/app/counters, as: counters, access: read-write}\n");
  }

  // A bpffs of the host that a map can be opened from for reading only, brought along by the
  // container and left to it: what a read grant is, past every check of ours.
  void bring_a_read_only_map_along(const std::string& place) {
    instance_ = *kernel::create_filesystem("bpf");
    auto mount = *kernel::mount_filesystem(instance_.get());
    host_ = directory_.make_directory("host");
    ASSERT_TRUE(kernel::attach_mount(mount.get(), AT_FDCWD, host_));
    const auto map = kernel::get_object(kFlows, false);
    const auto directory = open_at(AT_FDCWD, host_, O_PATH | O_DIRECTORY);
    const auto descriptors = kernel::open_descriptor_directory();
    ASSERT_TRUE(map && directory && descriptors);
    ASSERT_TRUE(kernel::pin_object(map->get(), directory->get(), "flows", kernel::has_path_fd(),
                                   descriptors->get()));
    ASSERT_EQ(chmod((host_ + "/flows").c_str(), 0666), 0);
    ASSERT_TRUE(kernel::make_superblock_read_only(instance_.get()));
    container_.spec.mounts.push_back({place, "bind", host_, {"bind"}});
  }
  void TearDown() override {
    if (host_.empty()) return;
    umount2(host_.c_str(), MNT_DETACH);
  }

  Fd instance_;
  std::string host_;
  TempDirectory directory_;
};

TEST_P(Token, GivesNoPlaceToPin) {
  delegate_beside_a_read_grant();
  const std::vector<std::string> pinning = {
      "mkdir /sys/fs/bpf/x", "token-pin /sys/fs/bpf /sys/fs/bpf/x",
      "repin /sys/fs/bpf/flows /sys/fs/bpf/x", "symlink y /sys/fs/bpf/x"};
  std::vector<std::string> commands = {"token-map /sys/fs/bpf 1"};
  commands.insert(commands.end(), pinning.begin(), pinning.end());
  const auto sealed = run(commands);
  EXPECT_EQ(answer(sealed, "token-map /sys/fs/bpf 1"), "ok")
      << sealed << installation_.last_audit().error;
  for (const auto& command : pinning) EXPECT_EQ(answer(sealed, command), "EROFS") << command;

  // The superblock belongs to the namespace, whose root makes it writable again.
  RuntimeContainer container(GetParam());
  container.spec.with_user_namespace();
  container.spec.namespaces["cgroup"] = "";
  container.spec.capabilities = BundleSpec::all_capabilities();
  commands.insert(commands.begin(),
                  {"remount-rw /sys/fs/bpf", "reconfigure-rw /sys/fs/bpf", "chmod /sys/fs/bpf 777",
                   "chown /sys/fs/bpf 0 0", "unlink /sys/fs/bpf/flows"});
  commands.insert(commands.end(),
                  {"mkdir /tmp/x", "bind /sys/fs/bpf /tmp/x", "repin /run/pinscope/flows /tmp/x/y",
                   "umount /run/pinscope", "umount /sys/fs/bpf"});
  const auto opened = run(container, commands);
  EXPECT_EQ(answer(opened, "remount-rw /sys/fs/bpf"), "ok") << opened;
  EXPECT_EQ(answer(opened, "chmod /sys/fs/bpf 777"), "EPERM");
  EXPECT_EQ(answer(opened, "chown /sys/fs/bpf 0 0"), "EPERM");
  EXPECT_EQ(answer(opened, "unlink /sys/fs/bpf/flows"), "EACCES");
  for (const auto& command : pinning) EXPECT_EQ(answer(opened, command), "EACCES") << command;
  EXPECT_EQ(answer(opened, "repin /run/pinscope/flows /tmp/x/y"), "EACCES");
}

TEST_P(Token, GivesNoMoreThanThePolicySays) {
  delegate_beside_a_read_grant();
  const auto result =
      run({"reconfigure /sys/fs/bpf delegate_maps 0xffff", "reconfigure /sys/fs/bpf mode 0777",
           "reconfigure /sys/fs/bpf uid 0", "stat /sys/fs/bpf", "token /sys/fs/bpf",
           "token-map /sys/fs/bpf 2", "token-prog /sys/fs/bpf 1 0", "mkdir /tmp/x",
           "mount-bpf /tmp/x", "map-by-id " + std::to_string(map_id(kSecret))});
  EXPECT_EQ(answer(result, "reconfigure /sys/fs/bpf delegate_maps 0xffff"), "EPERM") << result;
  EXPECT_EQ(answer(result, "stat /sys/fs/bpf"), "ok directory mode=1755 uid=65534 gid=65534");
  EXPECT_EQ(answer(result, "token /sys/fs/bpf"), "ok cmds=0x1 maps=0x2 progs=0x0 attachs=0x0");
  EXPECT_EQ(answer(result, "token-map /sys/fs/bpf 2"), "EPERM");
  EXPECT_EQ(answer(result, "token-prog /sys/fs/bpf 1 0"), "EPERM");
  EXPECT_EQ(answer(result, "mount-bpf /tmp/x"), "EPERM");
  EXPECT_EQ(answer(result, "map-by-id " + std::to_string(map_id(kSecret))), "EPERM");
}

TEST_P(Token, ShowsNoneOfTheKernelsDebugFiles) {
  delegate_beside_a_read_grant();
  const auto result = run({"remount-rw /sys/fs/bpf", "cat /sys/fs/bpf/maps.debug",
                           "cat /sys/fs/bpf/progs.debug", "chmod /sys/fs/bpf/maps.debug 777"});
  // EPERM: there is none, and the kernel looks up no name with a dot.
  for (const char* file : {"maps.debug", "progs.debug"})
    EXPECT_THAT(answer(result, std::string("cat /sys/fs/bpf/") + file),
                AnyOf("EACCES", "ENOENT", "EPERM"))
        << result << installation_.last_audit().error;
  EXPECT_THAT(answer(result, "chmod /sys/fs/bpf/maps.debug 777"), AnyOf("EPERM", "ENOENT"));
}

// The attack that pinning is refused for beside a read grant. The container has the read-only map
// by a way that no policy knows.
TEST_P(Token, WithPinningMakesAReadOnlyMapWritable) {
  bring_a_read_only_map_along("/etc");
  for (const bool pinning : {true, false}) {
    SCOPED_TRACE(pinning);
    policy(std::string("view: {hostBpffs: allow}\n"
                       "delegate: {commands: [map_create], maps: [hash], pinning: ") +
           (pinning ? "true" : "false") + "}\n");
    RuntimeContainer container(GetParam());
    container.spec = container_.spec;
    const auto result =
        run(container, {"get-rw /etc/flows", "remount-rw /sys/fs/bpf",
                        "repin /etc/flows /sys/fs/bpf/again", "update /sys/fs/bpf/again 1 99"});
    EXPECT_EQ(answer(result, "get-rw /etc/flows"), "EROFS")
        << result << installation_.last_audit().error;
    EXPECT_EQ(answer(result, "repin /etc/flows /sys/fs/bpf/again"), pinning ? "ok" : "EACCES");
    EXPECT_EQ(answer(result, "update /sys/fs/bpf/again 1 99"), pinning ? "ok" : "ENOENT");
  }
}

// The attack that prog_load is refused for beside a read grant.
TEST_P(Token, WithProgramsWritesAMapThatOpensForReadingOnly) {
  bring_a_read_only_map_along("/etc");
  for (const bool programs : {true, false}) {
    SCOPED_TRACE(programs);
    set_value(kFlows, 1, 42);
    policy("view: {hostBpffs: allow}\ndelegate: {commands: [map_create" +
           std::string(programs
                           ? ", prog_load], programs: [socket_filter], programsReach: whole-machine"
                           : "]") +
           ", maps: [hash]}\n");
    RuntimeContainer container(GetParam());
    container.spec = container_.spec;
    const auto result =
        run(container, {"get-rw /etc/flows", "token-write /sys/fs/bpf /etc/flows 1 99"});
    EXPECT_EQ(answer(result, "get-rw /etc/flows"), "EROFS")
        << result << installation_.last_audit().error;
    EXPECT_EQ(answer(result, "token-write /sys/fs/bpf /etc/flows 1 99"), programs ? "ok" : "EPERM");
    EXPECT_EQ(value_at(kFlows, 1), programs ? 99U : 42U);
  }
}

TEST_P(Token, IsRefusedWhereItWouldVoidAReadGrantOfAnotherPolicy) {
  policy("grants: [{pin: /sys/fs/bpf/app/flows, as: flows}]\n");
  for (const std::string more : {"pinning: true", "programs: [socket_filter]"}) {
    SCOPED_TRACE(more);
    installation_.write_policy(
        policy_text("select: {}\ndelegate: {commands: [map_create, prog_load], maps: [hash], " +
                        more + ", programsReach: whole-machine}\n",
                    "other"),
        "other.yaml");
    const auto result = run({"id"});
    EXPECT_NE(result.status, 0) << result;
    EXPECT_EQ(installation_.last_audit().code, "delegation");
    EXPECT_THAT(installation_.last_audit().error,
                HasSubstr("access: read of \"flows\" would not hold: with "));
  }
}

// Programs for interfaces and for cgroups would reach the host's.
TEST_P(Token, IsRefusedForProgramsThatWouldAttachToTheHosts) {
  const auto refused = [&](const std::string& programs, const std::string& name_space) {
    SCOPED_TRACE(name_space);
    policy("delegate: {commands: [prog_load], programs: [socket_filter, " + programs +
           "], programsReach: whole-machine}\n");
    RuntimeContainer container(GetParam());
    container.spec = container_.spec;
    container.spec.namespaces.erase(name_space);
    container.spec.without_mount("/sys");  // a sysfs needs a network namespace of one's own
    const auto result = run(container, {"id"});
    EXPECT_NE(result.status, 0) << result;
    EXPECT_EQ(installation_.last_audit().code, "delegation");
    return installation_.last_audit().error;
  };
  EXPECT_THAT(refused("xdp", "network"),
              HasSubstr("it shares the host's net namespace, where a program of type \"xdp\" "
                        "attaches to the host's interfaces"));
  EXPECT_THAT(refused("sock_ops", "cgroup"),
              HasSubstr("it shares the host's cgroup namespace, where a program of type "
                        "\"sock_ops\" attaches to every cgroup that it can open"));
}

PINSCOPE_EACH_RUNTIME_AND_THE_NEWEST(Token);

}  // namespace
}  // namespace pinscope::test
