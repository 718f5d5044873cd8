// The mounts that a container will have, on a machine of which nothing is known. What runc and crun
// really make is compared in tests/engines/foreseen_test.cc.
#include "plugin/pipeline/explain/predicted_mounts.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "plugin/pipeline/explain/prediction.h"

namespace pinscope {
namespace {

using model::ConfiguredMount;
using testing::HasSubstr;

model::Container container(std::vector<ConfiguredMount> mounts) {
  model::Container made;
  made.id = "c1";
  made.bundle = "/run/bundle";
  made.rootfs = "/run/bundle/rootfs";
  made.mounts = std::move(mounts);
  namespace_of(made, model::NamespaceKind::kMount).mode = model::Namespace::Mode::kPrivate;
  return made;
}

ConfiguredMount bind(const std::string& source, const std::string& destination,
                     const std::string& option = "bind") {
  return {destination, "bind", source, {option}};
}

// Where the container's processes see what a path leads to.
std::string seen_at(const PredictedMounts& mounts, const std::string& path) {
  return mounts.path_of(mounts.resolve(path));
}

// "" if the hook will make the view.
std::string refusal(const model::Container& container, model::HostBpffs host_bpffs) {
  auto mounts = predict_mounts(container, Machine::kAny);
  model::Decision decision;
  decision.host_bpffs = host_bpffs;
  decision.grants.emplace_back().name = "flows";
  const auto refused = foreseen_refusal(mounts, container, decision);
  return refused ? refused->sentence() : "";
}

TEST(PredictedMounts, ResolvesDotsWithinTheContainer) {
  const auto mounts = predict_mounts(container({}), Machine::kAny);
  EXPECT_EQ(seen_at(mounts, "/a/../b"), "/b");
  EXPECT_EQ(seen_at(mounts, "/../../x"), "/x");
}

TEST(PredictedMounts, SayWhereTheContainersOwnReallyAre) {
  const auto mounts =
      predict_mounts(container({bind("/srv/./data/../data", "/data/../d")}), Machine::kAny);
  ASSERT_EQ(mounts.resolved().size(), 1U);
  EXPECT_EQ(mounts.resolved()[0].source, "/srv/data");
  EXPECT_EQ(mounts.resolved()[0].destination, "/d");
}

TEST(PredictedMounts, BringWhatIsMountedBelowABindThatIsRecursive) {
  const auto bpffs = [](const PredictedMounts& mounts) {
    const auto below = mounts.below_root();
    return std::count_if(below.begin(), below.end(),
                         [&](size_t mount) { return mounts.all()[mount].is_bpf; });
  };
  EXPECT_EQ(bpffs(predict_mounts(container({bind("/sys", "/sys", "rbind")}), Machine::kAny)), 1);
  EXPECT_EQ(bpffs(predict_mounts(container({bind("/sys", "/sys")}), Machine::kAny)), 0);
}

TEST(ForeseenRefusal, OfABpffsThatComesAlong) {
  const auto with_host = container({bind("/sys", "/sys", "rbind")});
  EXPECT_THAT(refusal(with_host, model::HostBpffs::kReject), HasSubstr("\"/sys/fs/bpf\""));
  EXPECT_EQ(refusal(with_host, model::HostBpffs::kMask), "");
}

TEST(ForeseenRefusal, OfOneThatCannotBeHiddenBecauseSomethingCoversIt) {
  const auto covered = container({bind("/sys/fs/bpf", "/srv/bpf"), {"/srv", "tmpfs", "tmpfs", {}}});
  EXPECT_NE(refusal(covered, model::HostBpffs::kMask), "");
}

TEST(ForeseenRefusal, OfNothing) {
  EXPECT_EQ(refusal(container({}), model::HostBpffs::kReject), "");
}

}  // namespace
}  // namespace pinscope
