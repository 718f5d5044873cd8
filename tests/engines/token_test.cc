// BPF token delegation in real containers with a user namespace: what the policy names can be made
// and loaded with a token and CAP_BPF together, and nothing else.
#include "tests/engines/token_test.h"

namespace pinscope::test {
namespace {

using testing::HasSubstr;

constexpr const char* kHash = "token-map /sys/fs/bpf 1";
constexpr const char* kLruHash = "token-map /sys/fs/bpf 9";
constexpr const char* kSocketFilter = "token-prog /sys/fs/bpf 1 0";
constexpr const char* kEgress = "token-prog /sys/fs/bpf 8 1";
constexpr const char* kSockops = "token-prog /sys/fs/bpf 13 0";
constexpr const char* kKprobe = "token-prog /sys/fs/bpf 2 0";

class Token : public TokenTest {};

TEST_P(Token, LoadsWhatThePolicyNamesAndNothingElse) {
  delegate();
  const auto result = run({"token /sys/fs/bpf", kHash, "token-map /sys/fs/bpf 27", kLruHash,
                           kSocketFilter, kEgress, kSockops, kKprobe, "map-create", "prog-load"});
  EXPECT_EQ(answer(result, "token /sys/fs/bpf"),
            "ok cmds=0x40021 maps=0x8000006 progs=0x102 attachs=0x3")
      << result << installation_.last_audit().error;
  EXPECT_EQ(answer(result, kHash), "ok");
  EXPECT_EQ(answer(result, "token-map /sys/fs/bpf 27"), "ok");
  EXPECT_EQ(answer(result, kSocketFilter), "ok");
  EXPECT_EQ(answer(result, kEgress), "ok");
  for (const char* refused : {kLruHash, kSockops, kKprobe, "map-create", "prog-load"})
    EXPECT_EQ(answer(result, refused), "EPERM") << refused;
}

TEST_P(Token, LoadsNetworkProgramsWithTheCapabilityForThem) {
  installation_.write_policy(
      policy_text("select: {}\ndelegate: {commands: [prog_load], programs: [socket_filter, "
                  "sock_ops], programsReach: whole-machine}\n"));
  for (const bool capable : {true, false}) {
    SCOPED_TRACE(capable);
    RuntimeContainer container(GetParam());
    furnish(container);
    if (capable) container.spec.capabilities.push_back("CAP_NET_ADMIN");
    const auto result = run(container, {kSockops, "token-prog /sys/fs/bpf 13 3"});
    EXPECT_EQ(answer(result, kSockops), capable ? "ok" : "EPERM") << result;
    EXPECT_EQ(answer(result, "token-prog /sys/fs/bpf 13 3"), "EPERM") << "another attach type";
  }
}

// The four quadrants: delegated or not, CAP_BPF or not.
TEST_P(Token, NeedsTheCapabilityAsWell) {
  delegate();
  std::erase(container_.spec.capabilities, "CAP_BPF");
  const auto result = run({"token /sys/fs/bpf", kHash, kSocketFilter, "map-create", "prog-load"});
  EXPECT_EQ(answer(result, "token /sys/fs/bpf"), "EPERM") << result;
  EXPECT_EQ(answer(result, kHash), "EPERM");
  EXPECT_EQ(answer(result, kSocketFilter), "EPERM");
  EXPECT_EQ(answer(result, "map-create"), "EPERM");
  EXPECT_EQ(answer(result, "prog-load"), "EPERM");
}

TEST_P(Token, IsNotThereWithoutDelegation) {
  pins_.map("/sys/fs/bpf/flows");
  installation_.write_policy(
      policy_text("select: {}\ngrants: [{pin: /sys/fs/bpf/flows, access: read-write}]\n"));
  for (const bool capable : {true, false}) {
    SCOPED_TRACE(capable);
    RuntimeContainer container(GetParam());
    furnish(container);
    if (!capable) std::erase(container.spec.capabilities, "CAP_BPF");
    const auto result = run(
        container, {"get-rw /sys/fs/bpf/flows", "token /sys/fs/bpf", "map-create", "prog-load"});
    EXPECT_EQ(answer(result, "get-rw /sys/fs/bpf/flows"), "ok") << result;
    EXPECT_EQ(answer(result, "token /sys/fs/bpf"), "EINVAL") << "no root of a bpffs";
    EXPECT_EQ(answer(result, "map-create"), "EPERM");
    EXPECT_EQ(answer(result, "prog-load"), "EPERM");
  }
}

TEST_P(Token, StandsBesideGrants) {
  pins_.map("/sys/fs/bpf/flows");
  pins_.map("/sys/fs/bpf/counters");
  for (const std::string layout : {"shared", "per-map"}) {
    SCOPED_TRACE(layout);
    delegate_maps("view: {layout: " + layout +
                  "}\ngrants:\n  - {pin: /sys/fs/bpf/flows, access: read}\n"
                  "  - {pin: /sys/fs/bpf/counters, as: net/counters, access: read-write}\n");
    RuntimeContainer container(GetParam());
    furnish(container);
    const auto result =
        run(container, {kHash, "ls /sys/fs/bpf", "ls /run/pinscope", "get-ro /sys/fs/bpf/flows",
                        "get-rw /sys/fs/bpf/flows", "update /sys/fs/bpf/net/counters 1 43",
                        "get-rw /run/pinscope/net/counters"});
    EXPECT_EQ(answer(result, kHash), "ok") << result << installation_.last_audit().error;
    EXPECT_THAT(answer(result, "ls /sys/fs/bpf"), HasSubstr("flows"));
    EXPECT_THAT(answer(result, "ls /sys/fs/bpf"), HasSubstr("net"));
    EXPECT_THAT(answer(result, "ls /run/pinscope"), HasSubstr("flows net"));
    EXPECT_EQ(answer(result, "get-ro /sys/fs/bpf/flows"), "ok");
    EXPECT_EQ(answer(result, "get-rw /sys/fs/bpf/flows"), "EROFS");
    EXPECT_EQ(answer(result, "update /sys/fs/bpf/net/counters 1 43"), "ok");
    EXPECT_EQ(answer(result, "get-rw /run/pinscope/net/counters"), "ok");
  }
}

TEST_P(Token, MayPinWhereThePolicySaysSo) {
  delegate("  pinning: true\n");
  const auto result = run(
      {"stat /sys/fs/bpf", "token-pin /sys/fs/bpf /sys/fs/bpf/mine", "get-rw /sys/fs/bpf/mine"});
  EXPECT_EQ(answer(result, "token-pin /sys/fs/bpf /sys/fs/bpf/mine"), "ok")
      << result << installation_.last_audit().error;
  EXPECT_EQ(answer(result, "get-rw /sys/fs/bpf/mine"), "ok");
  EXPECT_EQ(answer(result, "stat /sys/fs/bpf"), "ok directory mode=1755 uid=0 gid=0");
}

TEST_P(Token, MayPinAsTheUserOfTheContainer) {
  delegate("  pinning: true\n");
  container_.spec.uid = 1000;
  container_.spec.gid = 1001;
  const auto result = run({"stat /sys/fs/bpf"});
  EXPECT_EQ(answer(result, "stat /sys/fs/bpf"), "ok directory mode=1755 uid=1000 gid=1001")
      << result << installation_.last_audit().error;
}

TEST_P(Token, IsTheUnionOfThePoliciesOfAContainer) {
  installation_.write_policy(
      policy_text("select: {}\ndelegate: {commands: [map_create], maps: [hash]}\n", "one"),
      "one.yaml");
  installation_.write_policy(
      policy_text("select: {}\ndelegate: {commands: [btf_load, map_create], maps: [array]}\n",
                  "two"),
      "two.yaml");
  const auto result = run({"token /sys/fs/bpf"});
  EXPECT_EQ(answer(result, "token /sys/fs/bpf"), "ok cmds=0x40001 maps=0x6 progs=0x0 attachs=0x0")
      << result << installation_.last_audit().error;
}

TEST_P(Token, HasTheViewWhereThePolicySays) {
  pins_.map("/sys/fs/bpf/flows");
  delegate_maps(
      "  grantsAt: /opt/grants\nview: {at: /opt/bpf}\ngrants: [{pin: /sys/fs/bpf/flows}]\n");
  const auto result = run({"token-map /opt/bpf 1", "get-ro /opt/bpf/flows", "ls /opt/grants"});
  EXPECT_EQ(answer(result, "token-map /opt/bpf 1"), "ok")
      << result << installation_.last_audit().error;
  EXPECT_EQ(answer(result, "get-ro /opt/bpf/flows"), "ok");
  EXPECT_EQ(answer(result, "ls /opt/grants"), "ok flows");
}

TEST_P(Token, WorksWithSeveralRangesOfIdsAndWithoutTheContainersRoot) {
  delegate_maps("");
  container_.spec.uid_map = {{0, 100000, 1000}, {1000, 0, 1}, {1001, 300000, 1000}};
  container_.spec.gid_map = {{0, 100000, 10}, {500, 0, 10}};
  const auto result = run({kHash, "stat /sys/fs/bpf", "mkdir /sys/fs/bpf/x"});
  EXPECT_EQ(answer(result, kHash), "ok") << result << installation_.last_audit().error;
  EXPECT_EQ(answer(result, "stat /sys/fs/bpf"), "ok directory mode=1755 uid=65534 gid=65534")
      << "the host's root is an id of this container, so another one owns it";
  EXPECT_EQ(answer(result, "mkdir /sys/fs/bpf/x"), "EROFS");
}

TEST_P(Token, IsRefusedToAContainerWhoseNamespaceMapsEveryId) {
  delegate_maps("");
  container_.spec.uid_map = container_.spec.gid_map = {{0, 0, 4294967295U}};
  expect_refused(
      "cannot delegate BPF: its user namespace maps every id of the host, so its root may pin "
      "anywhere; policy \"test\" at test.yaml:8:5",
      "delegation");
}

TEST_P(Token, IsRefusedToAContainerWithoutAUserNamespace) {
  delegate_maps("");
  container_.spec.uid_map.clear();
  container_.spec.gid_map.clear();
  const auto result = run({"id"});
  EXPECT_NE(result.status, 0) << result;
  EXPECT_EQ(installation_.last_audit().code, "delegation");
  EXPECT_EQ(installation_.last_audit().error,
            "container \"" + container_.id() +
                "\": cannot delegate BPF: it has no user namespace of its own, and the kernel "
                "makes no tokens in the "
                "host's (start it with one, or select with namespaces: {user: private}); policy "
                "\"test\" at test.yaml:8:5");
}

TEST_P(Token, StandsInTheRecordAndInTheAuditTrail) {
  delegate();
  installation_.hook_into(container_.spec);
  container_.probe({"id"});
  const auto created = container_.create();
  ASSERT_EQ(created.status, 0) << created << installation_.last_audit().error;
  EXPECT_THAT(installation_.record(container_.id()),
              HasSubstr("\"delegation\":{\"commands\":[\"map_create\""));
  EXPECT_THAT(installation_.last_audit().text,
              HasSubstr("\"programs\":[\"socket_filter\",\"cgroup_skb\"]"));
}

// What the runtime does behind the hook, the same on every kernel.
class TokenBehindTheHook : public Token {};

TEST_P(TokenBehindTheHook, IsRefusedWhereTheRuntimeCoversIt) {
  pins_.map("/sys/fs/bpf/flows");
  delegate_maps("grants:\n  - {pin: /sys/fs/bpf/flows}\n");
  for (const auto& [path, at] : {std::pair{"/sys/fs/bpf", "/sys/fs/bpf"},
                                 {"/run/pinscope", "/run/pinscope"},
                                 {"/sys/fs/bpf/flows", "/run/pinscope"}}) {
    SCOPED_TRACE(path);
    container_.spec.masked_paths = {path};
    expect_refused("cannot show the view at \"" + std::string(at) + "\": the runtime masks \"" +
                       path +
                       "\" after its hooks (leave it out of linux.maskedPaths, or choose another "
                       "view.at)",
                   "target-invalid");
  }
}

TEST_P(TokenBehindTheHook, IsRefusedForPinningWhereTheRuntimeMakesItReadOnly) {
  container_.spec.readonly_paths = {"/sys/fs/bpf"};
  delegate();
  EXPECT_THAT(answer(run({"token /sys/fs/bpf"}), "token /sys/fs/bpf"), HasSubstr("ok cmds="));
  delegate("  pinning: true\n");
  expect_refused(
      "cannot let the container pin at \"/sys/fs/bpf\": the runtime makes "
      "\"/sys/fs/bpf\" read-only after its hooks (leave it out of "
      "linux.readonlyPaths, or say pinning: false)",
      "target-invalid");
}

PINSCOPE_EACH_RUNTIME(Token);
PINSCOPE_EACH_RUNTIME(TokenBehindTheHook);

}  // namespace
}  // namespace pinscope::test
