// How far programs reach: what is refused because of where they attach, and beside what.
#include "plugin/policy/decide/reach.h"

#include <gmock/gmock.h>

#include "plugin/model/bpf_names.h"
#include "tests/unit/policy/decide/deciding.h"

namespace pinscope::policy {
namespace {

using model::Access;
using model::NamespaceKind;
using model::ObjectKind;
using model::ObjectType;
using model::Scope;
using model::TokenRight;
using model::WayOut;
using testing::HasSubstr;

model::Container with_namespaces(std::initializer_list<NamespaceKind> kinds) {
  auto made = container();
  for (const auto kind : kinds) namespace_of(made, kind).mode = model::Namespace::Mode::kPrivate;
  return made;
}

model::Decision granting(const std::string& name, Access access) {
  model::Decision decision;
  decision.selected_by = {{"p", {"p.yaml", 1, 1}}};
  model::GrantedPin pin;
  pin.name = name;
  pin.access = access;
  pin.rule = {"p", {"p.yaml", 10, 7}};
  decision.grants = {pin};
  return decision;
}

model::Delegation loading(std::initializer_list<const char*> programs) {
  model::Delegation delegation;
  delegation.rights.add(model::BpfCommand::kProgLoad);
  for (const char* name : programs)
    delegation.rights.add(TokenRight::kProgram, *model::kProgramTypes.number_of(name));
  delegation.rules = {{"d", {"d.yaml", 7, 3}}};
  return delegation;
}

const WayOut kMounted = {Scope::kCgroup, "a cgroup is mounted", "every cgroup", "leave it out"};

std::string checked(const model::Decision& decision, const ObjectType& object,
                    const std::vector<WayOut>& ways = {}) {
  const auto done = check_reach(decision, {object}, ways);
  if (!done) {
    EXPECT_EQ(done.error().code(), ErrorCode::kDelegation);
  }
  return done ? "" : done.error().sentence();
}

ObjectType program(const char* name) {
  return {ObjectKind::kProgram, *model::kProgramTypes.number_of(name)};
}
ObjectType map(const char* name) {
  return {ObjectKind::kMap, *model::kMapTypes.number_of(name)};
}

TEST(Reach, OfAProgramEndsAtTheContainerUnlessThereIsAWayOut) {
  const auto decision = granting("rule", Access::kUse);
  EXPECT_EQ(checked(decision, program("cgroup_skb")), "");
  EXPECT_EQ(checked(decision, program("xdp"), {kMounted}), "");
  EXPECT_EQ(checked(decision, program("socket_filter"), {kMounted}), "");
  EXPECT_EQ(checked(decision, program("cgroup_skb"), {kMounted}),
            "cannot grant \"rule\": a cgroup is mounted, where a program of "
            "type \"cgroup_skb\" attaches to every cgroup (leave it out, or grant it no such "
            "program); policy \"p\" at p.yaml:10:7");
}

TEST(Reach, IsJudgedForProgramsOfItsOwnAsWell) {
  model::Decision decision;
  decision.delegation = loading({"xdp", "sock_ops"});
  EXPECT_TRUE(check_reach(decision, {}, {}));
  const auto done = check_reach(decision, {}, {kMounted});
  ASSERT_FALSE(done);
  EXPECT_EQ(done.error().sentence(),
            "cannot delegate BPF: a cgroup is mounted, where a program of "
            "type \"sock_ops\" attaches to every cgroup (leave it out, or delegate no such "
            "programs); policy \"d\" at d.yaml:7:3");
}

TEST(Reach, IsTheHostsWhereItsNamespacesAreShared) {
  const FakeHost host;
  const auto shared = shared_namespaces(container(), host.view());
  ASSERT_EQ(shared.size(), 2U);
  EXPECT_EQ(shared[0].what, "it shares the host's net namespace");
  EXPECT_EQ(shared[1].what, "it shares the host's cgroup namespace");
  EXPECT_TRUE(
      shared_namespaces(with_namespaces({NamespaceKind::kNet, NamespaceKind::kCgroup}), host.view())
          .empty());
}

// open_by_handle_at(2) needs no path.
TEST(Reach, IsEveryCgroupWithTheCapabilityToOpenHandles) {
  auto made = with_namespaces({NamespaceKind::kNet, NamespaceKind::kCgroup});
  const FakeHost host;
  EXPECT_TRUE(shared_namespaces(made, host.view()).empty());
  made.capabilities = uint64_t{1} << 2;  // CAP_DAC_READ_SEARCH
  const auto ways = shared_namespaces(made, host.view());
  ASSERT_EQ(ways.size(), 1U);
  EXPECT_EQ(ways.front().scope, Scope::kCgroup);
  namespace_of(made, NamespaceKind::kUser).mode = model::Namespace::Mode::kPrivate;
  EXPECT_TRUE(shared_namespaces(made, host.view()).empty());
}

TEST(Reach, IsJudgedByWhatThePolicyExpectsBeforeThereIsAProcess) {
  auto use = grant("/sys/fs/bpf/x", "x", Access::kUse);
  use.expect.kind = ObjectKind::kProgram;
  use.expect.program_type = model::kProgramTypes.number_of("xdp");
  const FakeHost host;
  const auto decision = decide({policy("a", {use})}, container(), host.view());
  ASSERT_FALSE(decision);
  EXPECT_THAT(decision.error().sentence(),
              HasSubstr("cannot grant \"x\": it shares the host's net "
                        "namespace, where a program of type \"xdp\" attaches to the host's "
                        "interfaces"));
  EXPECT_TRUE(decide({policy("a", {use})}, with_namespaces({NamespaceKind::kNet}), host.view()));
}

TEST(Reach, OfProgramsOfItsOwnIsNotWidenedByWhatTakesPrograms) {
  auto decision = granting("it", Access::kReadWrite);
  const ObjectType link = {ObjectKind::kLink, 3};
  for (const auto& object : {link, map("prog_array"), map("devmap"), map("hash_of_maps")})
    EXPECT_EQ(checked(decision, object), "") << "nothing is delegated";

  decision.delegation = loading({"socket_filter"});
  EXPECT_EQ(checked(decision, link),
            "cannot grant \"it\": with prog_load, BPF_LINK_UPDATE puts a "
            "program of the container's in place of the host's (leave out one of the two: "
            "delegate.programs, or the grant); policy \"p\" at p.yaml:10:7 and policy \"d\" at "
            "d.yaml:7:3");
  EXPECT_THAT(checked(decision, map("prog_array")), HasSubstr("where the host's programs call"));
  for (const char* other : {"hash", "devmap", "cpumap", "sockmap", "array_of_maps", "xskmap"})
    EXPECT_EQ(checked(decision, map(other)), "") << other;

  decision.delegation = loading({"xdp"});
  for (const char* other : {"devmap", "devmap_hash", "cpumap", "array_of_maps", "hash_of_maps"})
    EXPECT_NE(checked(decision, map(other)), "") << other;
  EXPECT_EQ(checked(decision, map("sockmap")), "");

  for (const char* type : {"sk_skb", "sk_msg"}) {
    decision.delegation = loading({type});
    for (const char* other : {"sockmap", "sockhash", "array_of_maps", "hash_of_maps"})
      EXPECT_NE(checked(decision, map(other)), "") << other;
    EXPECT_EQ(checked(decision, map("devmap")), "");
  }
}

TEST(Reach, OfNothingButMapsNeedsNoLook) {
  EXPECT_FALSE(has_programs(granting("flows", Access::kReadWrite)));
  EXPECT_TRUE(has_programs(granting("filter", Access::kUse)));
  model::Decision decision;
  decision.delegation = loading({});
  EXPECT_FALSE(has_programs(decision));
  decision.delegation = loading({"socket_filter"});
  EXPECT_TRUE(has_programs(decision));
}

}  // namespace
}  // namespace pinscope::policy
