// What several policies delegate to one container.
#include "plugin/policy/decide/delegation.h"

#include <gmock/gmock.h>

#include "plugin/base/text.h"
#include "tests/unit/policy/decide/deciding.h"

namespace pinscope::policy {
namespace {

using model::Access;
using model::Namespace;
using model::NamespaceKind;
using model::TokenRight;
using testing::ElementsAre;
using testing::HasSubstr;

struct Names {
  std::string commands;
  std::string maps;
  std::string programs;
  std::string attach;
};

model::Delegate delegate(const Names& names, bool pinning = false) {
  model::Delegate made;
  made.place = {"", 30, 5};
  made.pinning = pinning;
  const auto add = [&](TokenRight right, const std::string& words) {
    for (const auto word : split(words, ' '))
      if (!word.empty()) made.rights.add(right, *model::token_right_from_name(right, word));
  };
  add(TokenRight::kCommand, names.commands);
  add(TokenRight::kMap, names.maps);
  add(TokenRight::kProgram, names.programs);
  add(TokenRight::kAttach, names.attach);
  return made;
}

model::Policy delegating(std::string name, model::Delegate what,
                         std::vector<model::Grant> grants = {}) {
  auto made = policy(std::move(name), std::move(grants));
  what.place.file = made.place.file;
  made.delegate = std::move(what);
  return made;
}

model::Container in_a_user_namespace() {
  auto made = container();
  for (const auto kind : {NamespaceKind::kUser, NamespaceKind::kNet, NamespaceKind::kCgroup})
    made.namespaces[static_cast<size_t>(kind)].mode = Namespace::Mode::kPrivate;
  return made;
}

Result<model::Decision> decide_for(const std::vector<model::Policy>& policies,
                                   const model::Container& one = in_a_user_namespace()) {
  const FakeHost host;
  return decide(policies, one, host.view());
}

std::string why_not(const std::vector<model::Policy>& policies,
                    const model::Container& one = in_a_user_namespace()) {
  const auto decision = decide_for(policies, one);
  EXPECT_FALSE(decision);
  return decision ? "" : decision.error().sentence();
}

TEST(Delegation, IsNoneWherePoliciesDelegateNothing) {
  const auto decision = decide_for({policy("a", {grant("/sys/fs/bpf/flows")})});
  ASSERT_TRUE(decision);
  EXPECT_FALSE(decision->delegation);
  EXPECT_EQ(decision->grants_at(), "/sys/fs/bpf");
}

TEST(Delegation, IsTheUnionOfWhatPoliciesDelegate) {
  const auto decision = decide_for(
      {delegating("a", delegate({"map_create", "hash", "", ""})),
       delegating("b", delegate({"map_create btf_load", "array", "", "cgroup_inet_egress"}))});
  ASSERT_TRUE(decision) << decision.error().sentence();
  ASSERT_TRUE(decision->delegation);
  const auto& rights = decision->delegation->rights;
  EXPECT_THAT(names_in(rights, TokenRight::kCommand), ElementsAre("map_create", "btf_load"));
  EXPECT_THAT(names_in(rights, TokenRight::kMap), ElementsAre("hash", "array"));
  EXPECT_THAT(names_in(rights, TokenRight::kAttach), ElementsAre("cgroup_inet_egress"));
  EXPECT_FALSE(decision->delegation->pinning);
  EXPECT_FALSE(decision->delegation->added_attach_type_none);
  ASSERT_EQ(decision->delegation->rules.size(), 2U);
  EXPECT_EQ(to_string(decision->delegation->rules[1]), "policy \"b\" at b.yaml:30:5");
  EXPECT_EQ(decision->grants_at(), "/run/pinscope");
}

TEST(Delegation, HasAttachType0ForProgramsThatLoadWithoutOne) {
  const auto decision =
      decide_for({delegating("a", delegate({"prog_load", "", "socket_filter", ""}))});
  ASSERT_TRUE(decision) << decision.error().sentence();
  EXPECT_TRUE(decision->delegation->added_attach_type_none);
  EXPECT_THAT(names_in(decision->delegation->rights, TokenRight::kAttach),
              ElementsAre("cgroup_inet_ingress"));
  const auto other = decide_for(
      {delegating("a", delegate({"prog_load", "", "cgroup_skb", "cgroup_inet_egress"}))});
  ASSERT_TRUE(other) << other.error().sentence();
  EXPECT_FALSE(other->delegation->added_attach_type_none);
}

TEST(Delegation, NeedsAUserNamespace) {
  auto one = in_a_user_namespace();
  one.namespaces[static_cast<size_t>(NamespaceKind::kUser)].mode = Namespace::Mode::kHost;
  EXPECT_EQ(why_not({delegating("a", delegate({"map_create", "hash", "", ""}))}, one),
            "cannot delegate BPF: it has no user namespace of its own, and "
            "the kernel makes no tokens in the host's (start it with one, or select with "
            "namespaces: {user: private}); policy \"a\" at a.yaml:30:5");
}

TEST(Delegation, OfProgramsForInterfacesNeedsANetworkNamespace) {
  auto one = in_a_user_namespace();
  one.namespaces[static_cast<size_t>(NamespaceKind::kNet)].mode = Namespace::Mode::kHost;
  EXPECT_EQ(
      why_not({delegating("a", delegate({"prog_load", "", "xdp", "xdp"}))}, one),
      "cannot delegate BPF: it shares the host's net namespace, where "
      "a program of type \"xdp\" attaches to the host's interfaces (give the container one of "
      "its own, or delegate no such programs); policy \"a\" at a.yaml:30:5");
  EXPECT_TRUE(decide_for({delegating("a", delegate({"prog_load", "", "socket_filter", ""}))}, one));
}

TEST(Delegation, OfProgramsForCgroupsNeedsACgroupNamespace) {
  auto one = in_a_user_namespace();
  one.namespaces[static_cast<size_t>(NamespaceKind::kCgroup)].mode = Namespace::Mode::kHost;
  EXPECT_THAT(why_not({delegating("a", delegate({"prog_load", "", "sock_ops", ""}))}, one),
              HasSubstr("it shares the host's cgroup namespace, where a program of type "
                        "\"sock_ops\" attaches to every cgroup that it can open"));
}

TEST(Delegation, IsRefusedWhereAReadGrantOfAnotherPolicyWouldNotHold) {
  const auto reading = policy("r", {grant("/sys/fs/bpf/flows")});
  EXPECT_EQ(why_not({reading, delegating("d", delegate({"map_create", "hash", "", ""}, true))}),
            "cannot delegate BPF: access: read of \"flows\" would not hold: with "
            "delegate.pinning, whoever may read it pins it again and opens that for writing (leave "
            "pinning out, or grant read-write if the container may write it); policy \"r\" at "
            "r.yaml:10:7 and policy \"d\" at d.yaml:30:5");
  EXPECT_THAT(
      why_not({reading, delegating("d", delegate({"prog_load", "", "socket_filter", ""}))}),
      HasSubstr("would not hold: with prog_load, the container loads a program that writes any map "
                "it can open"));
  EXPECT_TRUE(decide_for({reading, delegating("d", delegate({"map_create", "hash", "", ""}))}));
}

TEST(Delegation, StandsBesideGrantsOfProgramsAndGrantsForWriting) {
  auto program = grant("/sys/fs/bpf/filter", "", Access::kUse);
  program.expect.kind = model::ObjectKind::kProgram;
  const auto decision =
      decide_for({delegating("d", delegate({"prog_load", "", "socket_filter", ""}),
                             {program, grant("/sys/fs/bpf/flows", "", Access::kReadWrite)})});
  EXPECT_TRUE(decision) << decision.error().sentence();
}

TEST(Delegation, AndItsGrantsHaveOnePlaceEach) {
  auto first = delegate({"map_create", "hash", "", ""});
  first.grants_at = "/run/a";
  auto second = first;
  second.grants_at = "/run/b";
  EXPECT_EQ(why_not({delegating("a", first), delegating("b", second)}),
            "cannot make one view: delegate.grantsAt is \"/run/a\" for one "
            "policy and \"/run/b\" for another; policy \"a\" at a.yaml:30:5 and policy \"b\" at "
            "b.yaml:30:5");
  first.grants_at = "/sys/fs/bpf/grants";
  EXPECT_EQ(why_not({delegating("a", first, {grant("/sys/fs/bpf/flows")})}),
            "cannot make one view: view.at is \"/sys/fs/bpf\" and the grants "
            "are at \"/sys/fs/bpf/grants\", which is in its way (say delegate.grantsAt); policy "
            "\"a\" at a.yaml:30:5");
  EXPECT_TRUE(decide_for({delegating("a", first)})) << "there are no grants";
}

}  // namespace
}  // namespace pinscope::policy
