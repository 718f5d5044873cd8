// Policies and containers for the tests of the compiled set: one with every field set, and random
// ones from few values, so that they often match each other.
#pragma once

#include <random>
#include <string>
#include <vector>

#include "plugin/model/container.h"
#include "plugin/model/decision.h"
#include "plugin/model/policy.h"
#include "plugin/policy/decide/host_view.h"

namespace pinscope::policy {

inline model::Select full_select() {
  model::Select select;
  select.engines = {model::Engine::kPodman, model::Engine::kCrio};
  select.kubernetes_namespaces = {"web", "db-*"};
  select.kubernetes_pods = {"web-1"};
  select.kubernetes_containers = {"app"};
  select.kubernetes_labels = {{"app", {"web"}}, {"example.org/tier", {"a", "b*"}}};
  select.images = {"registry.example/app:*"};
  select.bundles = {"/run/bundle"};
  select.uids = {0, 1000};
  select.gids = {7};
  select.namespaces = {
      {model::NamespaceKind::kUser, {model::Namespace::Mode::kPrivate, ""}},
      {model::NamespaceKind::kMount, {model::Namespace::Mode::kPath, "/run/netns/tenant-a"}}};
  select.annotations = {{"team", {"net", "n*"}}, {"empty", {""}}};
  return select;
}

inline model::Policy full_policy() {
  model::Policy policy;
  policy.place = {"full.yaml", 2, 3};
  policy.name = "full";
  policy.cdi = true;
  policy.select = full_select();
  policy.exclusions = {{{"full.yaml", 10, 7}, full_select()}, {{"full.yaml", 12, 7}, {}}};
  policy.exclusions.back().matching.uids = {3};
  policy.view.at = "/run/bpf";
  policy.view.layout = model::Layout::kPerMap;
  policy.view.host_bpffs = model::HostBpffs::kAllow;
  policy.view.void_view = model::VoidView::kReject;
  policy.view.values = {model::ValuesMode::kOnly,
                        "/run/values",
                        {"net/*", "quota"},
                        model::ValueForm::kRaw,
                        0,
                        4294967295U};
  policy.on_change = model::OnChange::kApply;
  model::Delegate delegate;
  delegate.place = {"full.yaml", 15, 3};
  delegate.rights.masks = {1, 2, 1ULL << 63, 4};
  delegate.pinning = true;
  delegate.reach = model::ProgramReach::kWholeMachine;
  delegate.grants_at = "/run/grants";
  policy.delegate = delegate;

  model::Grant grant;
  grant.place = {"full.yaml", 20, 7};
  grant.pin = "/sys/fs/bpf/flows";
  grant.as = "net/flows";
  grant.access = model::Access::kReadWrite;
  grant.uid = 0;
  grant.gid = 4294967295U;
  grant.mode = 0640;
  grant.expect.kind = model::ObjectKind::kMap;
  grant.expect.map_type = 1;
  grant.expect.program_type = 2;
  grant.expect.key_size = 4;
  grant.expect.value_size = 8;
  grant.expect.max_entries = 1024;
  grant.expect.object_name = "";
  grant.missing = model::Missing::kWait;
  grant.follow = true;
  grant.values = model::ValuesMode::kNone;
  model::Grant plain;
  plain.place = {"other.yaml", 30, 1};
  plain.pin = "/sys/fs/bpf/app/**";
  policy.grants = {grant, plain};
  model::Deny deny;
  deny.place = {"full.yaml", 40, 5};
  deny.pin = "/sys/fs/bpf/keys/**";
  policy.denials.push_back(deny);
  deny.place = {};
  deny.pin = "/sys/fs/bpf/other";
  policy.denials.push_back(deny);
  return policy;
}

class Random {
 public:
  explicit Random(uint32_t seed) : engine_(seed) {}
  uint32_t below(uint32_t end) { return static_cast<uint32_t>(engine_() % end); }
  bool one_in(uint32_t n) { return below(n) == 0; }

  std::string word() { return std::string(1, static_cast<char>('a' + below(4))); }

  std::vector<std::string> patterns() {
    std::vector<std::string> all;
    for (uint32_t i = below(3); i != 0; --i) all.push_back(one_in(4) ? "*" : word());
    return all;
  }

  model::Select select() {
    model::Select select;
    if (one_in(4)) select.engines = {static_cast<model::Engine>(1 + below(4))};
    if (one_in(2)) select.kubernetes_namespaces = patterns();
    if (one_in(3)) select.kubernetes_pods = patterns();
    if (one_in(3)) select.kubernetes_containers = patterns();
    for (uint32_t i = below(2); i != 0; --i)
      select.kubernetes_labels.emplace_back(word(), patterns());
    if (one_in(3)) select.images = patterns();
    if (one_in(4)) select.bundles = patterns();
    if (one_in(4)) select.uids = {below(3), below(3)};
    if (one_in(4)) select.gids = {below(3)};
    for (uint32_t i = below(3); i != 0; --i) select.annotations.emplace_back(word(), patterns());
    if (one_in(6))
      select.namespaces = {{model::NamespaceKind::kNet,
                            {static_cast<model::Namespace::Mode>(below(3)), "/" + word()}}};
    return select;
  }

  model::Policy policy(uint32_t number) {
    model::Policy made;
    made.name = "policy-" + std::to_string(number);
    made.place = {"random.yaml", number, 1};
    made.select = select();
    for (uint32_t i = one_in(3) ? below(3) : 0; i != 0; --i)
      made.exclusions.push_back({{"random.yaml", number, 10 + i}, select()});
    model::Grant grant;
    grant.pin = "/sys/fs/bpf/" + word();
    grant.place = {"random.yaml", number, 2};
    made.grants.push_back(grant);
    return made;
  }

  model::Container container() {
    model::Container made;
    made.id = "c";
    made.engine = static_cast<model::Engine>(below(5));
    // No other engine says which pod and image a container is of.
    const bool has_identity =
        made.engine == model::Engine::kContainerd || made.engine == model::Engine::kCrio;
    const auto fact = [&]() -> std::optional<model::Fact> {
      if (one_in(4) || !has_identity) return std::nullopt;
      return model::Fact{word(), "test"};
    };
    made.identity.kubernetes_namespace = fact();
    made.identity.kubernetes_pod = fact();
    made.identity.kubernetes_container = fact();
    for (uint32_t i = below(4); i != 0; --i)
      made.identity.kubernetes_labels.emplace_back(word(), model::Fact{word(), "test"});
    made.identity.image = fact();
    made.bundle = word();
    made.uid = below(3);
    made.gid = below(3);
    for (uint32_t i = below(4); i != 0; --i) made.annotations.emplace_back(word(), word());
    made.namespaces[1] = {static_cast<model::Namespace::Mode>(below(3)), "/" + word()};
    return made;
  }

 private:
  std::mt19937 engine_;
};

inline HostView host_without_pins() {
  HostView host;
  host.same_namespace = [](const model::Container& container, model::NamespaceKind kind,
                           const std::string& path) {
    return namespace_of(container, kind).path == path;
  };
  host.pins_matching = [](const model::Pattern&) -> Result<model::MatchingPins> {
    return model::MatchingPins();
  };
  return host;
}

}  // namespace pinscope::policy
