// Pod labels: what the option --pod-label accepts, and that nothing else becomes one.
#include "plugin/oci/pod_labels.h"

#include <gmock/gmock.h>

namespace pinscope::oci {
namespace {

using testing::ElementsAre;
using testing::Pair;

// "" if it was added.
std::string added(PodLabels& labels, std::string_view text) {
  const auto status = add_pod_label(labels, text);
  return status ? "" : status.error().sentence();
}

TEST(PodLabels, AreKeysAndValues) {
  PodLabels labels;
  EXPECT_EQ(added(labels, "app=web"), "");
  EXPECT_EQ(added(labels, "example.org/tier="), "");
  EXPECT_EQ(added(labels, "odd=a=b"), "");
  EXPECT_THAT(labels,
              ElementsAre(Pair("app", "web"), Pair("example.org/tier", ""), Pair("odd", "a=b")));
}

TEST(PodLabels, SayHowTheyAreEstablished) {
  const auto facts = facts_of({{"app", "web"}});
  ASSERT_EQ(facts.size(), 1U);
  EXPECT_EQ(facts[0].first, "app");
  EXPECT_EQ(facts[0].second.value, "web");
  EXPECT_EQ(facts[0].second.established_by, "the hook's --pod-label option");
}

TEST(PodLabels, AreRefusedWhereKubernetesWouldNotHaveThem) {
  PodLabels labels = {{"app", "web"}};
  EXPECT_EQ(added(labels, "app"), "cannot use the pod label \"app\": it is no KEY=VALUE");
  EXPECT_EQ(added(labels, "=web"), "cannot use the pod label \"=web\": it is no KEY=VALUE");
  EXPECT_EQ(added(labels, ""), "cannot use the pod label \"\": it is no KEY=VALUE");
  EXPECT_EQ(added(labels, "app=db"), "cannot use the pod label \"app=db\": its key appears twice");
  EXPECT_EQ(added(labels, "k=" + std::string(64, 'v')),
            "cannot use the pod label \"k=" + std::string(64, 'v') +
                "\": it is longer than Kubernetes allows");
  EXPECT_EQ(added(labels, std::string(318, 'k') + "=v"),
            "cannot use the pod label \"" + std::string(80, 'k') +
                "\": it is longer than Kubernetes allows");
  EXPECT_EQ(labels.size(), 1U);
  EXPECT_EQ(added(labels, std::string(317, 'k') + "=" + std::string(63, 'v')), "");
}

TEST(PodLabels, AreBounded) {
  PodLabels labels;
  for (size_t i = 0; i < kMaxPodLabels; ++i)
    ASSERT_EQ(added(labels, "k" + std::to_string(i) + "=v"), "");
  EXPECT_EQ(added(labels, "one=more"),
            "cannot use the pod label \"one=more\": there are more than 256");
}

}  // namespace
}  // namespace pinscope::oci
