// What a policy file means, field by field; the texts of errors are the golden tests' business.
#include <gtest/gtest.h>

#include "plugin/policy/language/load.h"

namespace pinscope::policy {
namespace {

using model::Access;
using model::Engine;
using model::Namespace;
using model::NamespaceKind;

// The one policy of a text that must load.
model::Policy load(const std::string& spec) {
  const Loaded loaded = load_text(
      "apiVersion: pinscope/v1\nkind: Policy\nmetadata: {name: p}\nspec:\n" + spec, "p.yaml");
  for (const auto& diagnostic : loaded.diagnostics)
    if (diagnostic.severity == Diagnostic::Severity::kError) ADD_FAILURE() << to_string(diagnostic);
  if (loaded.policies.size() != 1) {
    ADD_FAILURE() << "expected one policy";
    return {};
  }
  return loaded.policies.front();
}

model::Grant load_grant(const std::string& grant) {
  const auto policy = load("  select: {}\n  grants: [" + grant + "]\n");
  if (policy.grants.size() != 1) {
    ADD_FAILURE() << "expected one grant";
    return {};
  }
  return policy.grants.front();
}

TEST(LoadText, ReadsEverySelector) {
  const auto select = load(R"(  select:
    engine: [containerd, crio]
    kubernetes: {namespace: web, pod: ["web-*", "api-?"], container: app}
    image: "registry.example/app:*"
    user: {uid: [1000, 0], gid: 4294967294}
    namespaces: {net: [/run/netns/a, host], user: private}
    annotations: {team: net, "a/b": ["1", x]}
    bundle: ["/run/a/**", /run/b]
)")
                          .select;
  EXPECT_EQ(select.engines, (std::vector{Engine::kContainerd, Engine::kCrio}));
  EXPECT_EQ(select.kubernetes_namespaces, std::vector<std::string>{"web"});
  EXPECT_EQ(select.kubernetes_pods, (std::vector<std::string>{"web-*", "api-?"}));
  EXPECT_EQ(select.kubernetes_containers, std::vector<std::string>{"app"});
  EXPECT_EQ(select.images, std::vector<std::string>{"registry.example/app:*"});
  EXPECT_EQ(select.bundles, (std::vector<std::string>{"/run/a/**", "/run/b"}));
  EXPECT_EQ(select.uids, (std::vector<uint32_t>{1000, 0}));
  EXPECT_EQ(select.gids, std::vector<uint32_t>{4294967294});
  ASSERT_EQ(select.annotations.size(), 2U);
  EXPECT_EQ(select.annotations[0].first, "team");
  EXPECT_EQ(select.annotations[0].second, std::vector<std::string>{"net"});
  EXPECT_EQ(select.annotations[1].first, "a/b");
  EXPECT_EQ(select.annotations[1].second, (std::vector<std::string>{"1", "x"}));
  ASSERT_EQ(select.namespaces.size(), 3U);
  EXPECT_EQ(select.namespaces[0].kind, NamespaceKind::kUser);
  EXPECT_EQ(select.namespaces[0].wanted.mode, Namespace::Mode::kPrivate);
  EXPECT_EQ(select.namespaces[1].kind, NamespaceKind::kNet);
  EXPECT_EQ(select.namespaces[1].wanted.mode, Namespace::Mode::kPath);
  EXPECT_EQ(select.namespaces[1].wanted.path, "/run/netns/a");
  EXPECT_EQ(select.namespaces[2].wanted.mode, Namespace::Mode::kHost);
}

TEST(LoadText, LeavesOutWhatThePolicyDoesNotSay) {
  const auto policy = load("  select: {}\n  grants: [{pin: /sys/fs/bpf/a/flows}]\n");
  EXPECT_EQ(policy.select.engines.size() + policy.select.images.size() +
                policy.select.bundles.size() + policy.select.namespaces.size() +
                policy.select.annotations.size() + policy.select.uids.size() +
                policy.select.kubernetes_pods.size(),
            0U);
  EXPECT_EQ(policy.view.at, std::nullopt);
  EXPECT_EQ(policy.view.layout, std::nullopt);
  EXPECT_EQ(policy.view.host_bpffs, std::nullopt);
  ASSERT_EQ(policy.grants.size(), 1U);
  const auto& grant = policy.grants[0];
  EXPECT_EQ(grant.as, "flows");
  EXPECT_EQ(grant.access, Access::kRead);
  EXPECT_EQ(grant.uid, std::nullopt);
  EXPECT_EQ(grant.gid, std::nullopt);
  EXPECT_EQ(grant.mode, std::nullopt);
  EXPECT_EQ(grant.missing, model::Missing::kFail);
  EXPECT_EQ(grant.expect.kind, std::nullopt);
}

TEST(LoadText, ReadsEveryFieldOfAGrant) {
  const auto grant = load_grant(
      "{pin: /sys/fs/bpf/x, as: a/b, access: read-write, owner: {uid: 0, gid: 7}, mode: \"0600\", "
      "missing: skip, expect: {type: lru_hash, keySize: 0, valueSize: 4294967295, maxEntries: 1, "
      "name: x.data}}");
  EXPECT_EQ(grant.pin, "/sys/fs/bpf/x");
  EXPECT_EQ(grant.as, "a/b");
  EXPECT_EQ(grant.access, Access::kReadWrite);
  EXPECT_EQ(grant.uid, 0U);
  EXPECT_EQ(grant.gid, 7U);
  EXPECT_EQ(grant.mode, 0600U);
  EXPECT_EQ(grant.missing, model::Missing::kSkip);
  EXPECT_EQ(grant.expect.kind, model::ObjectKind::kMap);
  EXPECT_EQ(grant.expect.map_type, 9U);
  EXPECT_EQ(grant.expect.program_type, std::nullopt);
  EXPECT_EQ(grant.expect.key_size, 0U);
  EXPECT_EQ(grant.expect.value_size, 4294967295U);
  EXPECT_EQ(grant.expect.max_entries, 1U);
  EXPECT_EQ(grant.expect.object_name, "x.data");
}

TEST(LoadText, ReadsWhatIsFollowed) {
  const auto usual = load_grant("{pin: /sys/fs/bpf/x}");
  EXPECT_FALSE(usual.follow);
  EXPECT_TRUE(load_grant("{pin: /sys/fs/bpf/x, follow: true}").follow);
  EXPECT_EQ(load_grant("{pin: /sys/fs/bpf/x, follow: true}").missing, model::Missing::kFail);
  const auto both = load_grant("{pin: /sys/fs/bpf/x, follow: true, missing: wait}");
  EXPECT_TRUE(both.follow);
  EXPECT_EQ(both.missing, model::Missing::kWait);
  EXPECT_TRUE(load_grant("{pin: /sys/fs/bpf/x, missing: wait}").follow);
  EXPECT_FALSE(load_grant("{pin: /sys/fs/bpf/x, missing: skip}").follow);
}

TEST(LoadText, ReadsProgramsAndLinks) {
  const auto program =
      load_grant("{pin: /sys/fs/bpf/x, access: use, expect: {kind: program, type: xdp}}");
  EXPECT_EQ(program.access, Access::kUse);
  EXPECT_EQ(program.expect.kind, model::ObjectKind::kProgram);
  EXPECT_EQ(program.expect.program_type, 6U);
  EXPECT_EQ(program.expect.map_type, std::nullopt);
  const auto link = load_grant("{pin: /sys/fs/bpf/x, access: read-write, expect: {kind: link}}");
  EXPECT_EQ(link.expect.kind, model::ObjectKind::kLink);
}

TEST(LoadText, AnObjectsNameAloneDoesNotMakeItAMap) {
  EXPECT_EQ(load_grant("{pin: /sys/fs/bpf/x, expect: {name: x}}").expect.kind, std::nullopt);
}

TEST(LoadText, PutsTheMatchesOfAGlobAtTheRootOfTheView) {
  EXPECT_EQ(load_grant("{pin: /sys/fs/bpf/a/*}").as, "");
  EXPECT_EQ(load_grant("{pin: /sys/fs/bpf/a/*, as: maps}").as, "maps");
}

TEST(LoadText, ReadsTheView) {
  const auto view =
      load("  select: {}\n  view: {at: /run/bpf, layout: per-map, hostBpffs: reject}\n").view;
  EXPECT_EQ(view.at, "/run/bpf");
  EXPECT_EQ(view.layout, model::Layout::kPerMap);
  EXPECT_EQ(view.host_bpffs, model::HostBpffs::kReject);
}

TEST(LoadText, AcceptsAViewBesideButNotBelowWhatRuntimesFinish) {
  EXPECT_EQ(load("  select: {}\n  view: {at: /process}\n").view.at, "/process");
  EXPECT_EQ(load("  select: {}\n  view: {at: /device/x}\n").view.at, "/device/x");
}

TEST(LoadText, KeepsThePlacesOfPoliciesGrantsAndDenials) {
  const auto policy = load(
      "  select: {}\n  grants:\n    - as: x\n      pin: /sys/fs/bpf/x\n"
      "  deny:\n  - pin: /sys/fs/bpf/y\n");
  EXPECT_EQ(to_string(policy.place), "p.yaml:1:1");
  ASSERT_EQ(policy.grants.size(), 1U);
  EXPECT_EQ(to_string(policy.grants[0].place), "p.yaml:7:7");
  ASSERT_EQ(policy.denials.size(), 1U);
  EXPECT_EQ(to_string(policy.denials[0].place), "p.yaml:10:5");
}

TEST(LoadText, CountsTheLinesOfLaterDocumentsFromTheStartOfTheFile) {
  const Loaded loaded = load_text("# nothing\n---\n# more\n\n---\nkind: Policy\n", "f.yaml");
  ASSERT_FALSE(loaded.diagnostics.empty());
  EXPECT_EQ(to_string(loaded.diagnostics[0].place), "f.yaml:6:1");
}

TEST(LoadText, GivesNoPolicyOfAFileWithAnError) {
  const std::string good =
      "apiVersion: pinscope/v1\nkind: Policy\nmetadata: {name: good}\nspec:\n  select: {}\n"
      "  deny: [{pin: /sys/fs/bpf/x}]\n";
  EXPECT_EQ(load_text(good, "f.yaml").policies.size(), 1U);
  const Loaded loaded = load_text(good + "---\nkind: Other\n", "f.yaml");
  EXPECT_FALSE(loaded.ok());
  EXPECT_TRUE(loaded.policies.empty());
}

TEST(LoadText, ShowsADiagnosticWithItsPlaceAndACaret) {
  const Loaded loaded = load_text(
      "apiVersion: pinscope/v1\nkind: Policy\nmetadata: {name: p}\nspec:\n  select: {}\n"
      "  grants:\n    - pin: /sys/fs/bpf/x\n      acces: read\n",
      "flow.yaml");
  ASSERT_EQ(loaded.diagnostics.size(), 1U);
  EXPECT_EQ(to_string(loaded.diagnostics[0]),
            "flow.yaml:8:7: error: unknown key \"acces\" in a grant; did you mean \"access\"?\n"
            "        acces: read\n"
            "        ^");
}

TEST(LoadText, AnEmptyTextIsAnEmptySet) {
  for (const char* text : {"", "\n", "# c\n", "---\n", "---\n...\n---\n", "\xef\xbb\xbf"}) {
    const Loaded loaded = load_text(text, "f.yaml");
    EXPECT_TRUE(loaded.ok()) << text;
    EXPECT_TRUE(loaded.diagnostics.empty()) << text;
    EXPECT_TRUE(loaded.policies.empty()) << text;
  }
}

TEST(LoadText, LoadsTenThousandPolicies) {
  std::string text;
  for (int i = 0; i < 10000; ++i)
    text += "---\napiVersion: pinscope/v1\nkind: Policy\nmetadata: {name: p" + std::to_string(i) +
            "}\nspec:\n  select:\n    kubernetes: {namespace: ns-" + std::to_string(i) +
            ", pod: \"web-*\"}\n  grants:\n    - pin: /sys/fs/bpf/tenant-" + std::to_string(i) +
            "/flows\n      access: read\n";
  const Loaded loaded = load_text(std::move(text), "big.yaml");
  EXPECT_TRUE(loaded.ok());
  ASSERT_EQ(loaded.policies.size(), 10000U);
  EXPECT_EQ(loaded.policies.back().name, "p9999");
  EXPECT_EQ(loaded.policies.back().place.line, 9999U * 10 + 2);
}

}  // namespace
}  // namespace pinscope::policy
