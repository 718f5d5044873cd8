// What a policy that delegates brings into a container's configuration, and when it brings nothing.
#include "plugin/daemon/delegation.h"

#include <gtest/gtest.h>

namespace pinscope::daemon {
namespace {

nri::Container in_user_namespace() {
  nri::Container container;
  container.mutable_linux()->add_namespaces()->set_type("pid");
  container.mutable_linux()->add_namespaces()->set_type("user");
  return container;
}

model::Policy delegating(std::optional<std::string> at = "/run/bpf") {
  model::Policy policy;
  policy.delegate.emplace();
  policy.delegate->rights.add(model::BpfCommand::kMapCreate);
  policy.view.at = std::move(at);
  return policy;
}

TEST(TokenPath, IsWhereTheViewIsIfThatIsNotWhereLibbpfLooks) {
  EXPECT_EQ(token_path({delegating("/run/bpf")}, in_user_namespace()), "/run/bpf");
  EXPECT_EQ(token_path({delegating("/sys/fs/bpf")}, in_user_namespace()), std::nullopt);
  EXPECT_EQ(token_path({delegating(std::nullopt)}, in_user_namespace()), std::nullopt);
}

TEST(TokenPath, MayBeSaidByAnotherPolicyOfTheContainer) {
  model::Policy place;
  place.view.at = "/run/bpf";
  EXPECT_EQ(token_path({delegating(std::nullopt), place}, in_user_namespace()), "/run/bpf");
  EXPECT_EQ(token_path({place}, in_user_namespace()), std::nullopt);
}

TEST(TokenPath, IsNotTheContainersOwn) {
  auto container = in_user_namespace();
  container.add_env("LIBBPF_BPF_TOKEN_PATH_OLD=x");
  container.add_env("LIBBPF_BPF_TOKEN_PATH=");
  EXPECT_EQ(token_path({delegating()}, container), std::nullopt);
  container.mutable_env()->RemoveLast();
  EXPECT_EQ(token_path({delegating()}, container), "/run/bpf");
  EXPECT_EQ(token_path({delegating()}, nri::Container()), std::nullopt);
}

// libbpf loads nothing at all if the variable leads nowhere.
TEST(TokenPath, IsNotSaidBeforeItIsCertainThatThePolicySelects) {
  using Mode = model::Namespace::Mode;
  const auto with = [](const auto& narrow) {
    auto policy = delegating();
    narrow(policy.select);
    return token_path({policy}, in_user_namespace());
  };
  EXPECT_EQ(with([](auto& select) { select.images = {"x"}; }), std::nullopt);
  EXPECT_EQ(with([](auto& select) { select.bundles = {"/x"}; }), std::nullopt);
  EXPECT_EQ(with([](auto& select) { select.uids = {7}; }), std::nullopt);
  EXPECT_EQ(with([](auto& select) { select.gids = {7}; }), std::nullopt);
  EXPECT_EQ(with([](auto& select) { select.annotations = {{"a", {"b"}}}; }), std::nullopt);
  using model::NamespaceKind;
  EXPECT_EQ(with([](auto& select) {
              select.namespaces = {{NamespaceKind::kNet, {Mode::kPrivate, ""}}};
            }),
            std::nullopt);
  EXPECT_EQ(with([](auto& select) {
              select.namespaces = {{NamespaceKind::kUser, {Mode::kPath, "/x"}}};
            }),
            std::nullopt);
  EXPECT_EQ(with([](auto& select) {
              select.kubernetes_pods = {"web-*"};
              select.namespaces = {{NamespaceKind::kUser, {Mode::kPrivate, ""}}};
            }),
            "/run/bpf");
}

}  // namespace
}  // namespace pinscope::daemon
