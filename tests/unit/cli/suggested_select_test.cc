// Whom a suggested policy selects.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "plugin/cli/suggest/suggestion.h"
#include "plugin/policy/language/load.h"

namespace pinscope::cli {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;

class SuggestedSelect : public testing::Test {
 protected:
  SuggestedSelect() { whom_.name = "web"; }
  Suggestion suggestion() { return suggest_for(whom_, {}); }
  std::string yaml() { return to_yaml(suggestion()); }
  SuggestFor whom_;
};

TEST_F(SuggestedSelect, NamesAContainerOfKubernetes) {
  whom_.engine = model::Engine::kCrio;
  whom_.identity.kubernetes_namespace = {"shop", "CRI-O"};
  whom_.identity.kubernetes_container = {"app", "CRI-O"};
  EXPECT_THAT(suggestion().select,
              ElementsAre("engine: crio", "kubernetes: {namespace: \"shop\", container: \"app\"}"));
}

TEST_F(SuggestedSelect, NobodyWhereNobodyIsKnown) {
  whom_.engine = model::Engine::kUnknown;
  EXPECT_THAT(suggestion().select, ElementsAre(HasSubstr("/write/here")));
  whom_.bundle = "/run/bundles/web";
  EXPECT_THAT(suggestion().select, ElementsAre("bundle: \"/run/bundles/web\""));
}

TEST_F(SuggestedSelect, NobodyRatherThanMoreThanOne) {
  whom_.engine = model::Engine::kCrio;
  whom_.identity.kubernetes_container = {"web", "CRI-O"};
  whom_.identity.kubernetes_namespace = {"*", "CRI-O"};
  auto found = suggestion();
  EXPECT_THAT(found.select, ElementsAre("engine: crio", HasSubstr("/write/here")));
  EXPECT_THAT(found.select_comments, ElementsAre(HasSubstr("its namespace \"*\"")));
  whom_.bundle = "/run/bundles/web";
  found = suggestion();
  EXPECT_THAT(found.select, ElementsAre("engine: crio", "bundle: \"/run/bundles/web\""));
  EXPECT_TRUE(policy::load_text(yaml(), "x.yaml").ok());
}

TEST_F(SuggestedSelect, SaysWhereItIsMoreThanOne) {
  whom_.engine = model::Engine::kCrio;
  whom_.identity.kubernetes_container = {"web", "CRI-O"};
  EXPECT_THAT(suggestion().select_comments, ElementsAre(HasSubstr("every namespace is selected")));
  whom_.identity.kubernetes_namespace = {"shop", "CRI-O"};
  whom_.identity.kubernetes_labels = {{"app", {"*", "CRI-O"}}};
  const auto found = suggestion();
  EXPECT_THAT(found.select, Contains("kubernetes: {namespace: \"shop\", container: \"web\"}"));
  EXPECT_THAT(found.select_comments, ElementsAre(HasSubstr("pods without its label \"app\"")));
}

}  // namespace
}  // namespace pinscope::cli
