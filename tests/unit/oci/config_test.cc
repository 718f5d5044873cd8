// config.json: real ones read whole, each field alone, and the text of each error.
#include "plugin/oci/config.h"

#include <gmock/gmock.h>

#include "tests/unit/oci/configs.h"

namespace pinscope::oci {
namespace {

using model::Engine;
using model::Namespace;
using model::NamespaceKind;
using model::SeccompBpf;
using testing::ElementsAre;

constexpr uint64_t capability(unsigned number) {
  return uint64_t{1} << number;
}
constexpr unsigned kChown = 0, kKill = 5, kNetBind = 10, kSysAdmin = 21, kAuditWrite = 29,
                   kBpf = 39;

model::Container read(const std::string& json, State state = a_state()) {
  auto container = read_container(state, json, Engine::kUnknown);
  EXPECT_TRUE(container) << container.error().sentence();
  return container ? *container : model::Container{};
}

std::string error_of(const std::string& json) {
  const auto container = read_container(a_state("/b"), json, Engine::kUnknown);
  if (container) return "no error";
  EXPECT_EQ(container.error().code(), ErrorCode::kConfigInvalid);
  return container.error().sentence();
}

// Every kind as one word: "host", "private" or the path.
std::string namespaces_of(const model::Container& container) {
  std::string text;
  for (size_t i = 0; i < model::kNamespaceKinds; ++i) {
    const auto& entry = container.namespaces[i];
    if (i > 0) text += ' ';
    text += std::string(model::namespace_name(static_cast<NamespaceKind>(i))) + "=";
    text += entry.mode == Namespace::Mode::kHost      ? "host"
            : entry.mode == Namespace::Mode::kPrivate ? "private"
                                                      : entry.path;
  }
  return text;
}

TEST(Config, ReadsWhatRuncSpecWrites) {
  const auto container = read(config_file("runc-spec.json"));
  EXPECT_EQ(container.id, "web-1");
  EXPECT_EQ(container.pid, 4711);
  EXPECT_EQ(container.bundle, "/run/web-1");
  EXPECT_EQ(container.rootfs, "/run/web-1/rootfs");
  EXPECT_EQ(container.uid, 0U);
  EXPECT_EQ(container.gid, 0U);
  EXPECT_EQ(container.capabilities,
            capability(kAuditWrite) | capability(kKill) | capability(kNetBind));
  EXPECT_EQ(namespaces_of(container),
            "user=host net=private pid=private ipc=private uts=private cgroup=host time=host "
            "mnt=private");
  EXPECT_TRUE(container.uid_map.empty());
  EXPECT_EQ(container.seccomp_bpf, SeccompBpf::kNoProfile);
  ASSERT_EQ(container.mounts.size(), 7U);
  EXPECT_EQ(container.mounts[5].destination, "/sys");
  EXPECT_EQ(container.mounts[5].type, "sysfs");
  EXPECT_EQ(container.mounts[5].source, "sysfs");
  EXPECT_THAT(container.mounts[5].options, ElementsAre("nosuid", "noexec", "nodev", "ro"));
  EXPECT_TRUE(container.annotations.empty());
}

TEST(Config, ReadsWhatCrunSpecWrites) {
  const auto container = read(config_file("crun-spec.json"));
  EXPECT_EQ(container.rootfs, "/run/web-1/rootfs");
  EXPECT_EQ(namespace_of(container, NamespaceKind::kMount).mode, Namespace::Mode::kPrivate);
  EXPECT_EQ(container.mounts.size(), 7U);
}

TEST(Config, ReadsAContainerOfDocker) {
  const auto container = read(config_file("docker.json"));
  EXPECT_EQ(container.rootfs, "/var/lib/docker/overlay2/9c1f/merged");
  EXPECT_EQ(container.uid, 1000U);
  EXPECT_EQ(container.gid, 1000U);
  EXPECT_THAT(container.additional_gids, ElementsAre(27U, 1000U));
  EXPECT_EQ(container.apparmor_profile, "docker-default");
  EXPECT_EQ(container.rootfs_propagation, "rprivate");
  EXPECT_THAT(container.masked_paths, ::testing::Contains("/proc/kcore"));
  EXPECT_THAT(container.readonly_paths, ::testing::Contains("/proc/sys"));
  EXPECT_EQ(container.seccomp_bpf, SeccompBpf::kRefused);
  EXPECT_NE(container.capabilities & capability(kChown), 0U);
  EXPECT_EQ(container.capabilities & (capability(kSysAdmin) | capability(kBpf)), 0U);
}

TEST(Config, ReadsAContainerOfPodmanInAUserNamespace) {
  const auto container = read(config_file("podman.json"));
  EXPECT_EQ(container.rootfs, "/var/lib/containers/storage/overlay/77ab/merged");
  EXPECT_EQ(namespaces_of(container),
            "user=private net=/run/netns/netns-1b2c pid=private ipc=private uts=private "
            "cgroup=private time=host mnt=private");
  ASSERT_EQ(container.uid_map.size(), 1U);
  EXPECT_EQ(map_to_host(container.uid_map, 65535), 165535U);
  EXPECT_EQ(map_to_host(container.uid_map, 65536), std::nullopt);
  ASSERT_EQ(container.gid_map.size(), 2U);
  EXPECT_EQ(map_to_host(container.gid_map, 999), 100999U);
  EXPECT_EQ(map_to_host(container.gid_map, 1000), 300000U);
  EXPECT_EQ(container.selinux_label, "system_u:system_r:container_t:s0:c263,c914");
  EXPECT_EQ(container.seccomp_bpf, SeccompBpf::kRefused);
}

TEST(Config, ReadsAContainerOfContainerd) {
  const auto container = read(config_file("containerd.json"));
  EXPECT_EQ(container.rootfs, "/run/web-1/rootfs");
  EXPECT_EQ(container.uid, 65532U);
  EXPECT_EQ(namespace_of(container, NamespaceKind::kNet).path, "/proc/2211/ns/net");
  EXPECT_EQ(container.seccomp_bpf, SeccompBpf::kAllowed);
}

TEST(Config, ReadsAContainerOfCrio) {
  const auto container = read(config_file("crio.json"));
  EXPECT_EQ(container.uid, 1000U);
  EXPECT_EQ(container.gid, 0U);
  EXPECT_EQ(container.seccomp_bpf, SeccompBpf::kFiltered);
}

TEST(Config, TakesARelativeRootAsRelativeToTheBundle) {
  EXPECT_EQ(read(config_with("")).rootfs, "/run/web-1/rootfs");
  EXPECT_EQ(read(R"({"root":{"path":"../x"}})").rootfs, "/run/web-1/../x");
  EXPECT_EQ(read(R"({"root":{"path":"/srv/x"}})").rootfs, "/srv/x");
}

TEST(Config, SaysWhatIsWrongWithTheRoot) {
  EXPECT_EQ(error_of("{}"), "cannot read \"/b/config.json\": /: the root is missing");
  EXPECT_EQ(error_of(R"({"root":{}})"),
            "cannot read \"/b/config.json\": /root: the path is missing");
  EXPECT_EQ(error_of(R"({"root":"/x"})"),
            "cannot read \"/b/config.json\": /root: expected an object");
}

TEST(Config, IsContentWithoutAnythingButARoot) {
  const auto container = read(config_with(""));
  EXPECT_EQ(container.capabilities, 0U);
  EXPECT_EQ(namespaces_of(container),
            "user=host net=host pid=host ipc=host uts=host cgroup=host time=host mnt=host");
  EXPECT_TRUE(container.mounts.empty());
  EXPECT_EQ(container.seccomp_bpf, SeccompBpf::kNoProfile);
}

TEST(Config, AddsUpTheCapabilitiesOfEverySet) {
  const auto container = read(config_with(
      R"(,"process":{"capabilities":{"bounding":["CAP_CHOWN"],"permitted":["CAP_SYS_ADMIN"],
         "inheritable":["CAP_BPF"],"ambient":["CAP_PERFMON"],"effective":["CAP_KILL"]}})"));
  constexpr uint32_t kPerfmon = 38;
  EXPECT_EQ(container.capabilities, capability(kChown) | capability(kBpf) | capability(kSysAdmin) |
                                        capability(kKill) | capability(kPerfmon));
}

// crun reads them with libcap, which takes them so.
TEST(Config, KnowsCapabilitiesInLowerCaseAndByTheirNumbers) {
  const auto container =
      read(config_with(R"(,"process":{"capabilities":{"bounding":["cap_bpf","Cap_Chown","21"]}})"));
  EXPECT_EQ(container.capabilities, capability(kChown) | capability(kBpf) | capability(kSysAdmin));
}

// crun gives libcap the text, which reads each of these as a capability that exists, or may.
TEST(Config, CountsANameThatIsNoneAsEveryCapability) {
  for (const char* name :
       {"046", "0x26", "CAP_PERFMON,x", "cap_perfmon=ep", "CAP_PERFMON ", "21x", "-1", "64", ""}) {
    const auto container = read(
        config_with(R"(,"process":{"capabilities":{"ambient":[")" + std::string(name) + R"("]}})"));
    EXPECT_EQ(container.capabilities, ~uint64_t{0}) << name;
  }
}

TEST(Config, IgnoresCapabilitiesAndNamespacesThatItDoesNotKnow) {
  const auto container = read(config_with(
      R"(,"process":{"capabilities":{"bounding":["CAP_NEW","BPF","CAP_","CAP_CHECKPOINT_RESTORE"]}},
         "linux":{"namespaces":[{"type":"imagined"},{"type":"time"},{}]})"));
  EXPECT_EQ(container.capabilities, capability(40));
  EXPECT_EQ(namespace_of(container, NamespaceKind::kTime).mode, Namespace::Mode::kPrivate);
}

TEST(Config, TakesAnEmptyPathAsANewNamespaceAsRuncDoes) {
  const auto container =
      read(config_with(R"(,"linux":{"namespaces":[{"type":"network","path":""}]})"));
  EXPECT_EQ(namespace_of(container, NamespaceKind::kNet).mode, Namespace::Mode::kPrivate);
}

TEST(Config, RefusesANamespaceThatStandsTwice) {
  EXPECT_EQ(
      error_of(config_with(
          R"(,"linux":{"namespaces":[{"type":"network"},{"type":"network","path":"/x"}]})")),
      "cannot read \"/b/config.json\": /linux/namespaces/1: the namespace \"network\" appears "
      "twice");
}

TEST(Config, RefusesIdsThatNoKernelHas) {
  EXPECT_EQ(error_of(config_with(R"(,"process":{"user":{"uid":4294967296}})")),
            "cannot read \"/b/config.json\": /process/user/uid: larger than 32 bits");
  EXPECT_EQ(
      error_of(config_with(R"(,"process":{"user":{"gid":-1}})")),
      "cannot read \"/b/config.json\": /process/user/gid: expected a whole number that is not "
      "negative");
  EXPECT_EQ(
      error_of(config_with(R"(,"process":{"user":{"additionalGids":[0,1e20]}})")),
      "cannot read \"/b/config.json\": /process/user/additionalGids/1: expected a whole number "
      "that is not negative");
  EXPECT_EQ(error_of(config_with(R"(,"linux":{"gidMappings":[{"hostID":4294967296}]})")),
            "cannot read \"/b/config.json\": /linux/gidMappings/0/hostID: larger than 32 bits");
  EXPECT_EQ(read(config_with(R"(,"process":{"user":{"uid":4294967295}})")).uid, 4294967295U);
}

TEST(Config, NamesThePlaceOfAWrongType) {
  EXPECT_EQ(error_of(config_with(R"(,"mounts":{})")),
            "cannot read \"/b/config.json\": /mounts: expected an array");
  EXPECT_EQ(error_of(config_with(R"(,"mounts":[{"destination":"/a","options":["ro",7]}])")),
            "cannot read \"/b/config.json\": /mounts/0/options/1: expected a string");
  EXPECT_EQ(error_of(config_with(R"(,"mounts":["/a"])")),
            "cannot read \"/b/config.json\": /mounts/0: expected an object");
  EXPECT_EQ(error_of(config_with(R"(,"linux":{"rootfsPropagation":1})")),
            "cannot read \"/b/config.json\": /linux/rootfsPropagation: expected a string");
  EXPECT_EQ(error_of(config_with(R"(,"process":[])")),
            "cannot read \"/b/config.json\": /process: expected an object");
  EXPECT_EQ(error_of(config_with(R"(,"process":{"capabilities":{"permitted":"CAP_BPF"}})")),
            "cannot read \"/b/config.json\": /process/capabilities/permitted: expected an array");
  EXPECT_EQ(error_of(config_with(R"(,"annotations":{"a":null})")),
            "cannot read \"/b/config.json\": /annotations/a: expected a string");
}

TEST(Config, RefusesAKeyThatStandsTwice) {
  EXPECT_EQ(error_of(config_with(R"(,"root":{"path":"/other"})")),
            "cannot read \"/b/config.json\": /: the key \"root\" appears twice");
  EXPECT_EQ(error_of(config_with(R"(,"process":{"user":{"uid":1,"uid":0}})")),
            "cannot read \"/b/config.json\": /process/user: the key \"uid\" appears twice");
}

TEST(Config, RefusesTextThatIsCutOff) {
  const std::string whole = config_file("containerd.json");
  for (size_t length = 0; length + 2 < whole.size(); length += 101)
    EXPECT_FALSE(read_container(a_state(), whole.substr(0, length), Engine::kContainerd)) << length;
}

}  // namespace
}  // namespace pinscope::oci
