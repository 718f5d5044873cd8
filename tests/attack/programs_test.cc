// What a container can do with programs: those that it is granted for use, and those that it loads
// with a token. Nothing may reach out of it, by whatever it shares with the host or has mounted.
#include <fcntl.h>
#include <sched.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>

#include "plugin/kernel/bpf/delegation.h"
#include "tests/attack/attack_test.h"
#include "tests/support/bpf/map_of_type.h"
#include "tests/support/bpf/programs.h"

namespace pinscope::test {
namespace {

using testing::HasSubstr;

enum : uint32_t { kXdp = 6, kCgroupSock = 9, kRawTracepoint = 17, kSkLookup = 30, kSyscall = 31 };
enum : uint32_t { kAttachSock = 2, kAttachXdp = 37, kAttachSkLookup = 36 };

// A network namespace that is nobody's, as a file.
class NetworkNamespace {
 public:
  explicit NetworkNamespace(const std::string& at) : mounted_(make(at)) {}
  [[nodiscard]] const std::string& path() const { return mounted_.path(); }

 private:
  static Mounted make(const std::string& at) {
    const Fd home(check(open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC), "open namespace"));
    check(unshare(CLONE_NEWNET), "unshare network namespace");
    Mounted made = Mounted::bind("/proc/thread-self/ns/net", at);
    check(setns(home.get(), CLONE_NEWNET), "return to the network namespace");
    return made;
  }
  Mounted mounted_;
};

class Programs : public AttackTest {
 protected:
  void SetUp() override {
    AttackTest::SetUp();
    if (IsSkipped()) return;
    make_pins();
    // For runtimes that open volumes in the container's user namespace.
    ASSERT_EQ(chmod(directory_.path().c_str(), 0755), 0);
    container_.spec.namespaces["cgroup"] = "";
  }

  void program(const std::string& name, uint32_t type, uint32_t attach = 0) {
    pins_.object(make_program_of_type(type, attach), kDirectory + name);
  }
  void use(const std::string& name) {
    policy("grants: [{pin: " + (kDirectory + name) + ", access: use}]\n");
  }
  void bind(const std::string& from, const std::string& to,
            const std::vector<std::string>& options = {"rbind", "ro"}) {
    container_.spec.mounts.push_back({to, "bind", from, options});
  }

  // The container must not start, and so does not do what it would have tried.
  void refuses(const std::string& attack, const std::string& reason,
               const std::string& code = "delegation") {
    const auto result = run({attack});
    EXPECT_EQ(answer(result, attack), "no answer");
    EXPECT_NE(result.status, 0) << result;
    EXPECT_EQ(installation_.last_audit().code, code) << result;
    EXPECT_THAT(installation_.last_audit().error, HasSubstr(reason));
  }

  // explain says the same beforehand.
  void explains(const std::string& reason) {
    container_.write_bundle();
    const std::string pinscope = PINSCOPE_BIN_DIR "/pinscope";
    const auto said = test::run({pinscope, "explain", "--bundle", container_.bundle(), "--id",
                                 container_.id(), "--policy", installation_.policy_directory(),
                                 "--cache-dir", installation_.cache_directory()});
    EXPECT_NE(said.status, 0) << said;
    EXPECT_THAT(said.out, HasSubstr(reason)) << said;
  }

  TempDirectory directory_;
  const std::string kDirectory = "/sys/fs/bpf/app/";
};

TEST_P(Programs, AreGivenForNothingButUse) {
  program("filter", 1);
  for (const std::string access : {"read", "read-write"}) {
    policy("grants: [{pin: /sys/fs/bpf/app/filter, access: " + access + "}]\n");
    refuses("attach-socket /sys/fs/bpf/filter", "which cannot be granted with access: " + access,
            "access-unsupported");
  }
  // Others may have pinned what a glob matches: it is left out.
  policy("grants: [{pin: /sys/fs/bpf/app/*}]\n");
  expect({{"attach-socket /sys/fs/bpf/filter", "ENOENT"}});
}

// What use is, and docs/policy.md says: no capability is needed for it.
TEST_P(Programs, ForUseAreRunAndAttachedAndChangeWhatTheyChange) {
  pins_.object(make_writer(kSecret), kDirectory + "writer");
  container_.spec.uid = 1000;
  container_.spec.capabilities = {};
  for (const std::string layout : {"shared", "per-map", "bind"}) {
    SCOPED_TRACE(layout);
    chmod((kDirectory + "writer").c_str(), 0666);
    policy("view: {layout: " + layout +
           "}\ngrants: [{pin: /sys/fs/bpf/app/writer, access: use}]\n");
    RuntimeContainer container(GetParam());
    container.spec = container_.spec;
    set_value(kSecret, 1, 42);
    const auto result =
        run(container, {"get-rw /sys/fs/bpf/writer", "test-run /sys/fs/bpf/writer",
                        "attach-socket /sys/fs/bpf/writer",
                        "repin /sys/fs/bpf/writer /sys/fs/bpf/again", "get-ro /sys/fs/bpf/secret"});
    EXPECT_EQ(answer(result, "get-rw /sys/fs/bpf/writer"), "ok") << result;
    EXPECT_EQ(answer(result, "test-run /sys/fs/bpf/writer"), "ok 1");
    EXPECT_EQ(answer(result, "attach-socket /sys/fs/bpf/writer"), "ok");
    EXPECT_EQ(answer(result, "repin /sys/fs/bpf/writer /sys/fs/bpf/again"), "EROFS");
    EXPECT_EQ(answer(result, "get-ro /sys/fs/bpf/secret"), "ENOENT");
    EXPECT_EQ(value_at(kSecret, 1), 99U);
  }
}

TEST_P(Programs, ThatReachTheWholeMachineAreGrantedToNobody) {
  program("tracer", kRawTracepoint);
  use("tracer");
  refuses("raw-tracepoint /sys/fs/bpf/tracer sched_switch",
          "a program of type \"raw_tracepoint\" is granted to no container", "access-unsupported");
}

TEST_P(Programs, ForInterfacesNeedANetworkNamespace) {
  program("xdp", kXdp, kAttachXdp);
  use("xdp");
  expect({{"get-rw /sys/fs/bpf/xdp", "ok"}});
  RuntimeContainer container(GetParam());
  container.spec = container_.spec;
  container_.spec.namespaces.erase("network");
  container_.spec.without_mount("/sys");
  explains("it shares the host's net namespace, where a program of type \"xdp\"");
  refuses("id",
          "it shares the host's net namespace, where a program of type \"xdp\" attaches to "
          "the host's interfaces");
}

TEST_P(Programs, ForCgroupsNeedACgroupNamespace) {
  program("rule", kCgroupSock, kAttachSock);
  use("rule");
  expect({{"get-rw /sys/fs/bpf/rule", "ok"}});
  container_.spec.namespaces.erase("cgroup");
  refuses("id",
          "it shares the host's cgroup namespace, where a program of type \"cgroup_sock\" "
          "attaches to every cgroup that it can open");
}

TEST_P(Programs, AttachToNoCgroupOfOthersThatIsMounted) {
  const Cgroups cgroups;
  program("rule", kCgroupSock, kAttachSock);
  use("rule");
  const std::string reason =
      "a cgroup file system with more than its own cgroup is mounted at \"/srv/cgroup\"";
  bind(cgroups.path(), "/srv/cgroup");
  explains(reason);
  refuses("link-path /sys/fs/bpf/rule /srv/cgroup/" + cgroups.name() + " 2", reason);
}

TEST_P(Programs, AttachToNoCgroupOfOthersHoweverItComes) {
  const Cgroups cgroups;
  program("rule", kCgroupSock, kAttachSock);
  use("rule");
  const Mounted tree = Mounted::tmpfs(directory_.make_directory("tree"));
  const Mounted inside =
      Mounted::bind(cgroups.path(), directory_.make_directory("tree/deep"), true);
  const auto refused = [&](const std::vector<BundleMount>& mounts) {
    RuntimeContainer container(GetParam());
    container.spec.namespaces["cgroup"] = "";
    for (const auto& mount : mounts) container.spec.mounts.push_back(mount);
    const auto result = run(container, {"id"});
    EXPECT_NE(result.status, 0) << result;
    EXPECT_THAT(installation_.last_audit().error, HasSubstr("more than its own cgroup"));
  };
  refused({{"/srv", "bind", cgroups.empty(), {"bind", "ro"}}});
  refused({{"/srv", "bind", tree.path(), {"rbind"}}});
  refused({{"/srv", "bind", cgroups.path(), {"rbind"}}, {"/srv", "tmpfs", "tmpfs", {}}});
}

// As engines mount them: what is refused is more than that.
TEST_P(Programs, AttachToTheContainersOwnCgroup) {
  program("rule", kCgroupSock, kAttachSock);
  use("rule");
  container_.spec.mounts.push_back(
      {"/sys/fs/cgroup", "cgroup", "cgroup", {"nosuid", "noexec", "nodev", "relatime", "ro"}});
  Tries tries = {{"get-rw /sys/fs/bpf/rule", "ok"}};
  const bool is_version_2 = access("/sys/fs/cgroup/cgroup.controllers", F_OK) == 0;
  if (is_version_2) tries.emplace_back("link-path /sys/fs/bpf/rule /sys/fs/cgroup 2", "ok");
  expect(tries);
}

TEST_P(Programs, AttachToNoNetworkNamespaceOfOthersThatIsMounted) {
  const NetworkNamespace others(directory_.write("others", ""));
  program("lookup", kSkLookup, kAttachSkLookup);
  use("lookup");
  const std::string reason = "a network namespace that is not its own is mounted at \"/srv/net\"";
  bind(others.path(), "/srv/net");
  explains(reason);
  refuses("link-path /sys/fs/bpf/lookup /srv/net 36", reason);
}

TEST_P(Programs, MayStandBesideAMountOfTheContainersOwnNetworkNamespace) {
  const NetworkNamespace own(directory_.write("own", ""));
  program("lookup", kSkLookup, kAttachSkLookup);
  use("lookup");
  container_.spec.namespaces["network"] = own.path();
  bind(own.path(), "/srv/net");
  expect({{"link-path /sys/fs/bpf/lookup /srv/net 36", "ok"}});
}

TEST_P(Programs, AreRefusedWhereTheHostsProcessesAreInSight) {
  program("lookup", kSkLookup, kAttachSkLookup);
  use("lookup");
  const std::string reason = "it sees processes of the host at ";
  for (const auto& part : {std::string("/proc"), "/proc/" + std::to_string(getpid())}) {
    RuntimeContainer container(GetParam());
    container.spec = container_.spec;
    container.spec.mounts.push_back({"/srv/proc", "bind", part, {"rbind", "ro"}});
    const auto result = run(container, {"id"});
    EXPECT_NE(result.status, 0) << result;
    EXPECT_THAT(installation_.last_audit().error, HasSubstr(reason + "\"/srv/proc\""));
  }
  container_.spec.namespaces.erase("pid");
  explains(reason + "\"/proc\"");
  refuses("id", reason + "\"/proc\"");
}

TEST_P(Programs, OfSocketsReachNothingByAnyOfIt) {
  const Cgroups cgroups;
  const NetworkNamespace others(directory_.write("others", ""));
  program("filter", 1);
  use("filter");
  bind(cgroups.path(), "/srv/cgroup");
  bind(others.path(), "/srv/net");
  bind("/proc", "/srv/proc");
  container_.spec.namespaces.erase("cgroup");
  expect({{"attach-socket /sys/fs/bpf/filter", "ok"},
          {"link-path /sys/fs/bpf/filter /srv/cgroup/" + cgroups.name() + " 0", "EINVAL"}});
}

// Programs that the container loads by itself.
class OwnPrograms : public Programs {
 protected:
  void SetUp() override {
    Programs::SetUp();
    if (IsSkipped()) return;
    const auto probe = kernel::probe_delegation();
    if (probe.answer != model::Probe::kYes) GTEST_SKIP() << probe.detail;
    container_.spec.with_user_namespace();
    container_.spec.capabilities = {"CAP_BPF", "CAP_NET_ADMIN"};
    // Places for volumes, which root of the namespace cannot make in the image.
    std::filesystem::create_directories(container_.image() + "/srv/cgroup");
    std::ofstream(container_.image() + "/srv/net") << "";
  }

  static std::string delegate(const std::string& programs, const std::string& attach) {
    return "delegate: {commands: [map_create, prog_load], maps: [array], programs: "
           "[socket_filter, " +
           programs + "], attach: [" + attach + "], programsReach: whole-machine}\n";
  }
  // Another policy that grants it.
  void grant_elsewhere(const std::string& pin, const std::string& access) {
    installation_.write_policy(
        policy_text("select: {}\ngrants: [{pin: " + pin + ", access: " + access + "}]\n", "other"),
        "other.yaml");
  }
};

TEST_P(OwnPrograms, AttachToNoCgroupOfOthersThatIsMounted) {
  const Cgroups cgroups;
  policy(delegate("cgroup_skb", "cgroup_inet_ingress"));
  expect({{"token-prog /sys/fs/bpf 8 0", "ok"}});
  const std::string reason =
      "a cgroup file system with more than its own cgroup is mounted at \"/srv/cgroup\", where a "
      "program of type \"cgroup_skb\" attaches to every cgroup that it can open (leave the mount "
      "out, or delegate no such programs)";
  bind(cgroups.path(), "/srv/cgroup");
  explains(reason);
  refuses("link-path /sys/fs/bpf,8,0 /srv/cgroup/" + cgroups.name() + " 0", reason);
}

TEST_P(OwnPrograms, AttachToNoNetworkNamespaceOfOthersThatIsMounted) {
  const NetworkNamespace others(directory_.write("others", ""));
  policy(delegate("sk_lookup", "sk_lookup"));
  bind(others.path(), "/srv/net");
  refuses("link-path /sys/fs/bpf,30,36 /srv/net 36",
          "a network namespace that is not its own is mounted at \"/srv/net\"");
}

TEST_P(OwnPrograms, GoIntoNoLinkOfTheHosts) {
  const Cgroups cgroups;
  pins_.object(make_cgroup_link(cgroups), "/sys/fs/bpf/app/link");
  policy(delegate("cgroup_sock", "cgroup_inet_sock_create"));
  grant_elsewhere("/sys/fs/bpf/app/link", "read-write");
  explains(
      "with prog_load, BPF_LINK_UPDATE puts a program of the container's in place of the host's");
  refuses("link-update /sys/fs/bpf,9,2 /run/pinscope/link",
          "with prog_load, BPF_LINK_UPDATE puts a program of the container's in place of the "
          "host's");
}

TEST_P(OwnPrograms, GoIntoNoMapThatHostsProgramsCall) {
  const auto calls = make_map_of_type(3);
  ASSERT_TRUE(calls);
  pins_.object(*calls, "/sys/fs/bpf/app/calls");
  policy(delegate("cgroup_skb", "cgroup_inet_ingress"));
  grant_elsewhere("/sys/fs/bpf/app/calls", "read-write");
  refuses("put-program /sys/fs/bpf,1,0 /run/pinscope/calls",
          "with prog_load, the container puts programs of its own where the host's programs call "
          "them");
}

PINSCOPE_EACH_RUNTIME(Programs);
PINSCOPE_EACH_RUNTIME(OwnPrograms);

}  // namespace
}  // namespace pinscope::test
